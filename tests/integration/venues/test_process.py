"""A venue in a process of its own keeps the truth while its clients come and go."""

from __future__ import annotations

from pathlib import Path

import ccxt as library
import pytest
from alpaca.common.exceptions import APIError

from tests.venues.clients import alpaca_client, ccxt_client
from tests.venues.control import venue_process
from tests.venues.faults import Call, Fault

BTC = "BTC/USDT"


def test_a_test_elsewhere_moves_the_market_and_reads_the_truth(tmp_path: Path) -> None:
    with venue_process("tests.venues.binance", tmp_path, "--balance", "USDT=10000") as control:
        host = control.url.removeprefix("http://")
        with ccxt_client(host) as client:
            client.load_markets()
            control.fail(Fault.ERROR_AFTER, Call.SUBMIT, count=1)
            with pytest.raises(library.ExchangeNotAvailable):
                client.create_order(BTC, "limit", "buy", "0.1", "19000", {"clientOrderId": "a"})
        control.fill("a", "0.04", "19000")
        control.price("BTCUSDT", "18000", "18001")
        with ccxt_client(host) as client:
            client.load_markets()
            found = client.fetch_order(None, BTC, {"origClientOrderId": "a"})
        assert found["info"]["executedQty"] == "0.10000000"
        assert [it["status"] for it in control.orders()] == ["filled"]
        assert [it["quantity"] for it in control.orders()[0]["trades"]] == ["0.04", "0.06"]
        assert [it["client_id"] for it in control.requests(Call.SUBMIT)] == ["a"]
        assert control.happened() == {"submit:error_after": 1}
        balance = control.book()["balances"]["key"]["USDT"]
        assert (float(balance["free"]), float(balance["locked"])) == (8100, 0)


def test_alpaca_runs_as_a_process_too(tmp_path: Path) -> None:
    with venue_process("tests.venues.alpaca", tmp_path) as control:
        control.account("other", "other-secret", {"USD": "1000"})
        with alpaca_client(control.url, "other", "other-secret") as client:
            assert client.get_account()["cash"] == "1000"
            control.fail(Fault.REFUSE, Call.LIST, status=403, count=1)
            with pytest.raises(APIError):
                client.get_account()
        control.heal()
        assert control.book()["entries"] == 0
