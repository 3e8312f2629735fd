"""The Binance server, asked by the real ccxt client."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import ccxt as ccxt_library
import pytest

from tests.venues.binance import BinanceServer
from tests.venues.clients import ccxt_client, ccxt_stream
from tests.venues.faults import Call, Fault
from tests.venues.orders import Top
from tests.venues.serving import MarketBar

BTC = "BTC/USDT"
QUIET = Top(Decimal(20_000), Decimal(20_001))


def buy(client: Any, client_id: str, price: str | None = "19000", amount: str = "0.01") -> Any:
    kind = "market" if price is None else "limit"
    return client.create_order(BTC, kind, "buy", amount, price, {"clientOrderId": client_id})


def query(client: Any, client_id: str) -> Any:
    return client.fetch_order(None, BTC, {"origClientOrderId": client_id})


def test_it_tells_what_can_be_traded_and_in_which_steps(ccxt: Any) -> None:
    market = ccxt.market(BTC)
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 0.00001)
    assert market["limits"]["cost"]["min"] == 5
    assert market["limits"]["amount"]["max"] == 9000


def test_a_signed_order_is_taken_in_filled_and_told(ccxt: Any, binance: BinanceServer) -> None:
    binance.book.set_price("BTCUSDT", QUIET)
    assert buy(ccxt, "resting")["status"] == "open"
    taken = buy(ccxt, "taking", None, "0.1")
    assert taken["info"]["fills"] == [
        {
            "price": "20001.00000000",
            "qty": "0.10000000",
            "commission": "0.00010000",
            "commissionAsset": "BTC",
            "tradeId": 1,
        }
    ]
    assert query(ccxt, "taking")["info"]["executedQty"] == "0.10000000"
    assert [it["clientOrderId"] for it in ccxt.fetch_open_orders()] == ["resting"]
    assert [it["clientOrderId"] for it in ccxt.fetch_orders(BTC)] == ["resting", "taking"]
    assert [it["info"]["id"] for it in ccxt.fetch_my_trades(BTC)] == [1]
    balances = {it["asset"]: it for it in ccxt.fetch_balance()["info"]["balances"]}
    assert balances["BTC"]["free"] == "1.09990000"
    assert balances["USDT"]["locked"] == "190.00000000"


def test_a_stop_and_an_order_that_only_makes_are_understood(
    ccxt: Any, binance: BinanceServer
) -> None:
    binance.book.set_price("BTCUSDT", QUIET)
    params = {"clientOrderId": "stop", "stopLossPrice": "19000"}
    ccxt.create_order(BTC, "market", "sell", "0.5", None, params)
    binance.book.set_price("BTCUSDT", Top(Decimal(18_990), Decimal(18_991)))
    assert query(ccxt, "stop")["info"]["status"] == "FILLED"
    with pytest.raises(ccxt_library.OrderImmediatelyFillable):
        ccxt.create_order(BTC, "limit", "buy", "0.01", "19000", {"postOnly": True})
    made = ccxt.create_order(BTC, "limit", "buy", "0.01", "18000", {"postOnly": True})
    assert made["info"]["type"] == "LIMIT_MAKER"


def test_cancels_one_and_all(ccxt: Any, binance: BinanceServer) -> None:
    for name in ("one", "two", "three"):
        buy(ccxt, name)
    canceled = ccxt.cancel_order(None, BTC, {"origClientOrderId": "two"})
    assert canceled["info"]["origClientOrderId"] == "two"
    assert canceled["status"] == "canceled"
    with pytest.raises(ccxt_library.OrderNotFound, match="-2011"):
        ccxt.cancel_order(None, BTC, {"origClientOrderId": "two"})
    assert len(ccxt.cancel_all_orders(BTC)) == 2
    assert binance.book.open_orders() == []


@pytest.mark.parametrize(
    ("price", "amount", "words"),
    [
        ("19000.001", "0.01", "PRICE_FILTER"),
        ("19000", "0.000015", "LOT_SIZE"),
        ("19000", "0.0002", "NOTIONAL"),
        ("19000", "9.5", "insufficient balance"),
    ],
)
def test_what_breaks_a_filter_is_refused(ccxt: Any, price: str, amount: str, words: str) -> None:
    asked = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    with pytest.raises(ccxt_library.ExchangeError, match=words):
        ccxt.private_post_order({**asked, "price": price, "quantity": amount})
    assert ccxt.fetch_open_orders() == []


def test_an_id_in_use_is_refused_and_one_of_the_past_is_not(
    ccxt: Any, binance: BinanceServer
) -> None:
    buy(ccxt, "again")
    with pytest.raises(ccxt_library.ExchangeError, match="Duplicate order sent"):
        buy(ccxt, "again")
    ccxt.cancel_order(None, BTC, {"origClientOrderId": "again"})
    buy(ccxt, "again")
    assert [it.client_id for it in binance.book.orders()] == ["again", "again"]


def test_nothing_is_answered_without_key_signature_and_time(
    ccxt: Any, binance: BinanceServer
) -> None:
    with ccxt_client(binance.host, secret="wrong") as forged:
        forged.load_markets()
        with pytest.raises(ccxt_library.AuthenticationError, match="-1022"):
            buy(forged, "forged")
    with ccxt_client(binance.host, key="nobody") as stranger:
        stranger.load_markets()
        with pytest.raises(ccxt_library.AuthenticationError, match="-2015"):
            buy(stranger, "strange")
    for skew in (timedelta(seconds=11), timedelta(seconds=-2)):
        binance.skew = skew
        with pytest.raises(ccxt_library.InvalidNonce, match="-1021"):
            buy(ccxt, "late")
    assert binance.book.orders() == []


def test_weight_is_counted_refused_and_then_the_caller_banned(
    ccxt: Any, binance: BinanceServer
) -> None:
    ccxt.fetch_balance()
    used = int(ccxt.last_response_headers["X-MBX-USED-WEIGHT-1M"])
    binance.weight.limit, binance.weight.patience = used, 1
    for status in (429, 418):
        with pytest.raises(ccxt_library.DDoSProtection, match=str(status)):
            buy(ccxt, "heavy")
    assert int(ccxt.last_response_headers["Retry-After"]) > 0
    binance.weight.forgive()
    assert binance.book.orders() == []


def test_it_tells_bars_book_and_time(ccxt: Any, binance: BinanceServer) -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    one, two = Decimal(1), Decimal(2)
    binance.bars["BTCUSDT"] = [MarketBar(at, one, two, one, two, Decimal(3))]
    assert ccxt.fetch_ohlcv(BTC, "1m") == [[1767312000000, 1.0, 2.0, 1.0, 2.0, 3.0]]
    binance.book.set_price("BTCUSDT", QUIET)
    assert ccxt.fetch_order_book(BTC)["asks"][0][0] == 20_001.0
    assert ccxt.fetch_bids_asks([BTC])[BTC]["bid"] == 20_000.0
    assert abs(ccxt.fetch_time() / 1000 - datetime.now(UTC).timestamp()) < 2


def test_two_accounts_do_not_see_each_other(ccxt: Any, binance: BinanceServer) -> None:
    binance.book.open_account("other", "other-secret", {"USDT": Decimal(100)})
    buy(ccxt, "mine")
    with ccxt_client(binance.host, "other", "other-secret") as other:
        other.load_markets()
        assert other.fetch_open_orders() == []
        with pytest.raises(ccxt_library.OrderNotFound):
            query(other, "mine")


async def listen(binance: BinanceServer, heard: list[Any], stop: asyncio.Event) -> None:
    """Collect what ccxt makes of the user stream."""
    client = ccxt_stream(binance.host)
    client.newUpdates = True
    raw: list[Any] = []
    client.handle_order_update_before = client.handle_order_update

    def handle(socket: Any, message: Any) -> None:
        raw.append(message)
        client.handle_order_update_before(socket, message)

    client.handle_order_update = handle
    try:
        await client.load_markets()

        async def follow() -> None:
            while True:
                await client.watch_orders()

        task = asyncio.create_task(follow())
        await stop.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    finally:
        await client.close()
        heard.extend(raw)


async def during(binance: BinanceServer, *, entries: int) -> list[Any]:
    """Listen while two orders of two fills each are made; return the frames of the stream."""
    heard: list[Any] = []
    stop = asyncio.Event()
    listening = asyncio.create_task(listen(binance, heard, stop))
    await asyncio.to_thread(binance.until_followed)
    await asyncio.to_thread(two_orders, binance)
    await asyncio.sleep(0.3)
    stop.set()
    await listening
    assert len(heard) == entries
    return heard


def two_orders(binance: BinanceServer) -> None:
    with ccxt_client(binance.host) as client:
        client.load_markets()
        for name in ("one", "two"):
            buy(client, name, amount="0.02")
            order = binance.book.by_client_id("key", name)
            assert order is not None
            binance.book.fill(order, Decimal("0.005"), Decimal(19_000))
            binance.book.fill(order, Decimal("0.005"), Decimal(19_000))
            client.cancel_order(None, BTC, {"origClientOrderId": name})


def told(frames: list[Any]) -> list[tuple[str, str, int]]:
    return [(it["C"] or it["c"], it["x"], it["t"]) for it in frames]


ALL = [
    (name, what, trade)
    for name, first in (("one", 1), ("two", 3))
    for what, trade in (("NEW", -1), ("TRADE", first), ("TRADE", first + 1), ("CANCELED", -1))
]


@pytest.mark.asyncio
async def test_the_stream_tells_everything_once_in_order(binance: BinanceServer) -> None:
    assert told(await during(binance, entries=8)) == ALL


@pytest.mark.asyncio
async def test_the_stream_can_say_everything_twice(binance: BinanceServer) -> None:
    binance.faults.add(Fault.DOUBLED, Call.STREAM)
    assert told(await during(binance, entries=16)) == [it for it in ALL for _ in range(2)]


@pytest.mark.asyncio
async def test_the_stream_can_be_shuffled(binance: BinanceServer) -> None:
    binance.faults.add(Fault.SHUFFLED, Call.STREAM, seconds=0.2)
    heard = told(await during(binance, entries=8))
    assert heard != ALL
    assert sorted(heard) == sorted(ALL)


@pytest.mark.asyncio
async def test_fills_can_come_after_the_cancel(binance: BinanceServer) -> None:
    binance.faults.add(Fault.FILLS_LATE, Call.STREAM)
    heard = told(await during(binance, entries=8))
    assert [what for _, what, _ in heard] == ["NEW", "CANCELED", "TRADE", "TRADE"] * 2


@pytest.mark.asyncio
async def test_what_was_said_can_be_said_again_to_whoever_connects(binance: BinanceServer) -> None:
    await asyncio.to_thread(two_orders, binance)
    binance.faults.add(Fault.REPLAYED, Call.STREAM)
    heard: list[Any] = []
    stop = asyncio.Event()
    listening = asyncio.create_task(listen(binance, heard, stop))
    await asyncio.to_thread(binance.until_followed)
    await asyncio.sleep(0.2)
    stop.set()
    await listening
    assert told(heard) == ALL


@pytest.mark.asyncio
async def test_the_stream_can_be_silent_while_the_rest_answers(binance: BinanceServer) -> None:
    binance.faults.add(Fault.SILENT, Call.STREAM)
    await during(binance, entries=0)
    assert len(binance.book.trades()) == 4


@pytest.mark.asyncio
async def test_the_rest_can_be_silent_while_the_stream_speaks(binance: BinanceServer) -> None:
    heard: list[Any] = []
    stop = asyncio.Event()
    with ccxt_client(binance.host) as client:
        await asyncio.to_thread(client.load_markets)
        await asyncio.to_thread(buy, client, "one")
        listening = asyncio.create_task(listen(binance, heard, stop))
        await asyncio.to_thread(binance.until_followed)
        binance.faults.add(Fault.SILENT, Call.QUERY, Call.LIST, Call.SUBMIT, Call.CANCEL)
        with pytest.raises(ccxt_library.RequestTimeout):
            await asyncio.to_thread(query, client, "one")
    binance.book.fill(binance.book.orders()[0], Decimal("0.005"), Decimal(19_000))
    await asyncio.sleep(0.2)
    stop.set()
    await listening
    assert told(heard) == [("one", "TRADE", 1)]


@pytest.mark.asyncio
async def test_a_stream_that_is_dropped_ends_with_an_error(binance: BinanceServer) -> None:
    client = ccxt_stream(binance.host)
    try:
        await client.load_markets()
        waiting = asyncio.create_task(client.watch_orders())
        await asyncio.to_thread(binance.until_followed)
        binance.drop_streams()
        with pytest.raises(ccxt_library.NetworkError):
            await waiting
    finally:
        await client.close()
