"""Each fault as the real clients see it, and what the book says that really happened."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import ccxt as library
import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import LimitOrderRequest
from requests import ConnectionError as RequestsConnectionError
from requests import JSONDecodeError
from requests import Timeout as RequestsTimeout
from requests.exceptions import ChunkedEncodingError

from tests.venues.alpaca import AlpacaServer
from tests.venues.binance import BinanceServer
from tests.venues.faults import GARBAGE, Call, Fault, Faults

NONE, ONE = 0, 1


@dataclass(frozen=True)
class Failure:
    """A fault, whether there is an order afterwards, and what the two clients raise."""

    fault: Fault
    how: dict[str, Any]
    orders: int
    ccxt: type[Exception]
    alpaca: type[Exception]

    def __str__(self) -> str:
        return "-".join([self.fault, *map(str, self.how.values())])


SUBMISSIONS = [
    Failure(Fault.REFUSE, {"status": 400}, NONE, library.ExchangeError, APIError),
    Failure(Fault.REFUSE, {"status": 401}, NONE, library.AuthenticationError, APIError),
    Failure(Fault.REFUSE, {"status": 403}, NONE, library.ExchangeError, APIError),
    Failure(Fault.REFUSE, {"status": 422}, NONE, library.ExchangeError, APIError),
    Failure(Fault.TOO_MANY, {}, NONE, library.DDoSProtection, APIError),
    Failure(Fault.TOO_MANY, {"retry_after": 7}, NONE, library.DDoSProtection, APIError),
    Failure(Fault.ERROR_BEFORE, {"status": 500}, NONE, library.ExchangeNotAvailable, APIError),
    Failure(Fault.ERROR_BEFORE, {"status": 502}, NONE, library.ExchangeNotAvailable, APIError),
    Failure(Fault.ERROR_BEFORE, {"status": 503}, NONE, library.ExchangeNotAvailable, APIError),
    Failure(Fault.ERROR_AFTER, {"status": 500}, ONE, library.ExchangeNotAvailable, APIError),
    Failure(Fault.ERROR_AFTER, {"status": 503}, ONE, library.ExchangeNotAvailable, APIError),
    Failure(Fault.TIMEOUT_BEFORE, {}, NONE, library.RequestTimeout, RequestsTimeout),
    Failure(Fault.TIMEOUT_AFTER, {}, ONE, library.RequestTimeout, RequestsTimeout),
    Failure(Fault.RESET_BEFORE, {}, NONE, library.NetworkError, RequestsConnectionError),
    Failure(Fault.RESET, {}, ONE, library.NetworkError, ChunkedEncodingError),
]


def by_ccxt(client: Any) -> Any:
    params = {"clientOrderId": "one"}
    return client.create_order("BTC/USDT", "limit", "buy", "0.01", "19000", params)


def by_alpaca(client: Any) -> Any:
    return client.submit_order(
        LimitOrderRequest(
            symbol="AAPL",
            qty=2,
            side=OrderSide.BUY,
            time_in_force=TimeInForce.DAY,
            limit_price=99,
            client_order_id="one",
        )
    )


@pytest.mark.parametrize("failure", SUBMISSIONS, ids=str)
def test_binance_fails_as_told(ccxt: Any, binance: BinanceServer, failure: Failure) -> None:
    binance.faults.add(failure.fault, Call.SUBMIT, count=1, **failure.how)
    with pytest.raises(failure.ccxt):
        by_ccxt(ccxt)
    assert len(binance.book.orders()) == failure.orders
    assert binance.faults.happened[Call.SUBMIT, failure.fault] == 1
    if "retry_after" in failure.how:
        assert ccxt.last_response_headers["Retry-After"] == "7"
    assert ccxt.fetch_open_orders() is not None  # everything else still works


@pytest.mark.parametrize("failure", SUBMISSIONS, ids=str)
def test_alpaca_fails_as_told(alpaca_rest: Any, alpaca: AlpacaServer, failure: Failure) -> None:
    alpaca.faults.add(failure.fault, Call.SUBMIT, count=1, **failure.how)
    with pytest.raises(failure.alpaca) as caught:
        by_alpaca(alpaca_rest)
    if isinstance(caught.value, APIError):
        assert caught.value.status_code == failure.how.get("status", 429)
    assert len(alpaca.book.orders()) == failure.orders
    assert alpaca_rest.get_orders() is not None


@pytest.mark.parametrize("body", GARBAGE)
def test_an_answer_can_be_garbage_though_the_order_is_there(
    ccxt: Any, binance: BinanceServer, alpaca_rest: Any, alpaca: AlpacaServer, body: str
) -> None:
    for server in (binance, alpaca):
        server.faults.add(Fault.GARBAGE, Call.SUBMIT, count=1, body=body)
    try:
        told = by_ccxt(ccxt)
    except Exception:  # noqa: BLE001
        told = {"id": None}  # ccxt itself stumbles over what is no JSON object, in several ways
    assert told["id"] is None
    try:
        answer = by_alpaca(alpaca_rest)
    except JSONDecodeError:
        answer = None
    assert not isinstance(answer, dict) or "id" not in answer
    assert len(binance.book.orders()) == len(alpaca.book.orders()) == 1


def test_an_answer_can_have_an_unknown_status_or_no_id(
    ccxt: Any, binance: BinanceServer, alpaca_rest: Any, alpaca: AlpacaServer
) -> None:
    for server in (binance, alpaca):
        server.faults.add(Fault.STRANGE_STATUS, Call.SUBMIT, count=1)
        server.faults.add(Fault.NO_ID, Call.QUERY, count=1)
    assert by_ccxt(ccxt)["status"] == "SUSPENDED_BY_ORACLE"
    assert by_alpaca(alpaca_rest)["status"] == "suspended_by_oracle"
    found = ccxt.fetch_order(None, "BTC/USDT", {"origClientOrderId": "one"})
    assert (found["id"], found["clientOrderId"]) == (None, None)
    assert "id" not in alpaca_rest.get_order_by_client_id("one")


def test_an_acknowledgement_can_be_late(ccxt: Any, binance: BinanceServer) -> None:
    binance.faults.add(Fault.LATE, Call.SUBMIT, count=1, seconds=0.2)
    began = time.monotonic()
    assert by_ccxt(ccxt)["status"] == "open"
    assert time.monotonic() - began >= 0.2


def test_the_effect_itself_can_be_late(ccxt: Any, binance: BinanceServer) -> None:
    binance.faults.add(Fault.EFFECT_LATE, Call.SUBMIT, count=1, seconds=1.0)
    with pytest.raises(library.RequestTimeout):
        by_ccxt(ccxt)
    with pytest.raises(library.OrderNotFound):
        ccxt.fetch_order(None, "BTC/USDT", {"origClientOrderId": "one"})
    time.sleep(1.0)
    found = ccxt.fetch_order(None, "BTC/USDT", {"origClientOrderId": "one"})
    assert found["status"] == "open"


def test_each_kind_of_call_fails_by_itself(ccxt: Any, binance: BinanceServer) -> None:
    by_ccxt(ccxt)
    questions = {
        Call.QUERY: lambda: ccxt.fetch_order(None, "BTC/USDT", {"origClientOrderId": "one"}),
        Call.LIST: ccxt.fetch_open_orders,
        Call.MARKET: ccxt.fetch_time,
        Call.CANCEL: lambda: ccxt.cancel_order(None, "BTC/USDT", {"origClientOrderId": "one"}),
    }
    for call, ask in questions.items():
        binance.faults.add(Fault.ERROR_BEFORE, call, count=1)
        for other in questions.keys() - {call, Call.CANCEL}:
            questions[other]()
        with pytest.raises(library.ExchangeNotAvailable):
            ask()


def test_chance_is_the_same_for_the_same_seed() -> None:
    def drawn(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add(Fault.RESET, Call.SUBMIT, probability=0.5)
        return [faults.draw(Call.SUBMIT) is not None for _ in range(100)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 30 < sum(drawn(1)) < 70


def test_a_fault_strikes_as_often_as_it_was_told_and_not_before() -> None:
    faults = Faults()
    faults.add(Fault.RESET, Call.SUBMIT, skip=2, count=2)
    assert [faults.draw(Call.SUBMIT) is not None for _ in range(6)] == [
        *(False, False),
        *(True, True),
        *(False, False),
    ]
    assert faults.draw(Call.QUERY) is None
