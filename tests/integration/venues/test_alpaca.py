"""The Alpaca server, asked by the real alpaca client."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.enums import DataFeed
from alpaca.data.historical.stock import StockHistoricalDataClient
from alpaca.data.requests import StockBarsRequest, StockLatestQuoteRequest
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.enums import OrderSide, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    StopOrderRequest,
)

from tests.venues.alpaca import AlpacaServer
from tests.venues.clients import alpaca_client, alpaca_stream
from tests.venues.faults import Call, Fault
from tests.venues.orders import Top
from tests.venues.serving import MarketBar

QUIET = Top(Decimal("99.99"), Decimal("100.01"))


def a_limit(client_id: str, price: str = "99", quantity: str = "2", **how: Any) -> Any:
    return LimitOrderRequest(
        symbol=how.pop("symbol", "AAPL"),
        qty=float(quantity),
        side=how.pop("side", OrderSide.BUY),
        time_in_force=how.pop("time_in_force", TimeInForce.DAY),
        limit_price=float(price),
        client_order_id=client_id,
    )


def at_market(client_id: str, quantity: str = "2", side: OrderSide = OrderSide.BUY) -> Any:
    return MarketOrderRequest(
        symbol="AAPL",
        qty=float(quantity),
        side=side,
        time_in_force=TimeInForce.DAY,
        client_order_id=client_id,
    )


def test_an_order_is_taken_in_filled_and_told(alpaca_rest: Any, alpaca: AlpacaServer) -> None:
    alpaca.book.set_price("AAPL", QUIET)
    taken = alpaca_rest.submit_order(at_market("taking"))
    assert (taken["status"], taken["filled_qty"]) == ("pending_new", "0")
    alpaca_rest.submit_order(a_limit("resting"))
    found = alpaca_rest.get_order_by_client_id("taking")
    assert (found["status"], found["filled_avg_price"]) == ("filled", "100.01")
    assert alpaca_rest.get_order_by_id(found["id"]) == found
    assert [it["client_order_id"] for it in alpaca_rest.get_orders()] == ["resting"]
    every = alpaca_rest.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL))
    assert [it["client_order_id"] for it in every] == ["resting", "taking"]
    fills = alpaca_rest.get("/account/activities/FILL", {"direction": "asc"})
    assert [(it["qty"], it["price"], it["order_id"]) for it in fills] == [
        ("2", "100.01", found["id"])
    ]
    assert alpaca_rest.get_open_position("AAPL")["qty"] == "12"
    assert alpaca_rest.get_account()["cash"] == "9799.98"


def test_a_stop_is_understood(alpaca_rest: Any, alpaca: AlpacaServer) -> None:
    alpaca.book.set_price("AAPL", QUIET)
    alpaca_rest.submit_order(
        StopOrderRequest(
            symbol="AAPL",
            qty=1,
            side=OrderSide.SELL,
            time_in_force=TimeInForce.GTC,
            stop_price=95,
            client_order_id="stop",
        )
    )
    alpaca.book.set_price("AAPL", Top(Decimal(94), Decimal("94.1")))
    assert alpaca_rest.get_order_by_client_id("stop")["filled_avg_price"] == "94"


def test_cancels_one_and_all(alpaca_rest: Any, alpaca: AlpacaServer) -> None:
    ids = [alpaca_rest.submit_order(a_limit(it))["id"] for it in ("one", "two", "three")]
    alpaca_rest.cancel_order_by_id(ids[1])
    with pytest.raises(APIError) as caught:
        alpaca_rest.cancel_order_by_id(ids[1])
    assert (caught.value.status_code, caught.value.code) == (422, 42210000)
    assert [it["status"] for it in alpaca_rest.cancel_orders()] == [200, 200]
    assert alpaca.book.open_orders() == []


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        (a_limit("dear", quantity="5000"), 403, "buying power"),
        (a_limit("fine", price="99.001"), 422, "sub-penny"),
        (a_limit("part", quantity="0.5", time_in_force=TimeInForce.GTC), 422, "must be DAY"),
        (a_limit("none", symbol="NOPE"), 422, "not found"),
        (a_limit("tiny", quantity="0.001"), 403, "cost basis"),
    ],
)
def test_what_breaks_a_rule_is_refused(
    alpaca_rest: Any, asked: Any, status: int, words: str
) -> None:
    with pytest.raises(APIError, match=words) as caught:
        alpaca_rest.submit_order(asked)
    assert caught.value.status_code == status
    assert alpaca_rest.get_orders() == []


def test_an_id_is_never_free_again(alpaca_rest: Any, alpaca: AlpacaServer) -> None:
    alpaca_rest.submit_order(a_limit("again"))
    alpaca_rest.cancel_orders()
    with pytest.raises(APIError, match="must be unique"):
        alpaca_rest.submit_order(a_limit("again"))
    assert len(alpaca.book.orders()) == 1


def test_nothing_is_answered_without_the_right_keys(alpaca: AlpacaServer) -> None:
    for key, secret in (("key", "wrong"), ("nobody", "secret")):
        with alpaca_client(alpaca.url, key, secret) as client:
            with pytest.raises(APIError) as caught:
                client.submit_order(a_limit("strange"))
            assert caught.value.status_code == 401
    assert alpaca.book.orders() == []


def test_an_unknown_order_is_not_found(alpaca_rest: Any, alpaca: AlpacaServer) -> None:
    with pytest.raises(APIError) as caught:
        alpaca_rest.get_order_by_client_id("nobody")
    assert caught.value.status_code == 404
    alpaca_rest.submit_order(a_limit("shy"))
    alpaca.book.hide("shy", 1)
    with pytest.raises(APIError):
        alpaca_rest.get_order_by_client_id("shy")
    assert alpaca_rest.get_order_by_client_id("shy")["status"] == "new"


def test_too_many_requests_are_refused(alpaca_rest: Any, alpaca: AlpacaServer) -> None:
    alpaca.limit = 2
    statuses = []
    for _ in range(4):
        try:
            alpaca_rest.get_account()
        except APIError as error:
            statuses.append(error.status_code)
    assert 429 in statuses


def test_it_tells_assets_clock_bars_and_quotes(alpaca_rest: Any, alpaca: AlpacaServer) -> None:
    pair = alpaca_rest.get_asset("BTC/USD")
    assert (pair["price_increment"], pair["min_order_size"]) == ("0.01", "0.000001")
    assert {it["symbol"] for it in alpaca_rest.get_all_assets()} == {"AAPL", "MSFT", "BTC/USD"}
    assert alpaca_rest.get_clock()["is_open"] is True
    at = datetime(2026, 1, 2, tzinfo=UTC)
    five = Decimal(5)
    alpaca.bars["AAPL"] = [MarketBar(at, five, five, five, five, Decimal(7))]
    alpaca.book.set_price("AAPL", QUIET)
    data = StockHistoricalDataClient("key", "secret", url_override=alpaca.url)
    bars = data.get_stock_bars(
        StockBarsRequest(symbol_or_symbols="AAPL", timeframe=TimeFrame.Day, start=at)
    )
    assert bars["AAPL"][0].close == 5
    asked = StockLatestQuoteRequest(symbol_or_symbols="AAPL", feed=DataFeed.IEX)
    assert data.get_stock_latest_quote(asked)["AAPL"].ask_price == 100.01
    data._session.close()


async def during(alpaca: AlpacaServer) -> list[tuple[str, str, str]]:
    """Listen while an order of two fills is made and canceled."""
    heard: list[tuple[str, str, str]] = []
    stream = alpaca_stream(alpaca)

    async def hear(message: Any) -> None:
        data = message["data"]
        heard.append((data["order"]["client_order_id"], data["event"], data.get("qty", "")))

    stream.subscribe_trade_updates(hear)
    running = asyncio.create_task(stream._run_forever())
    await asyncio.to_thread(alpaca.until_followed)
    await asyncio.to_thread(one_order, alpaca)
    await asyncio.sleep(0.3)
    await stream.stop_ws()
    await stream.close()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return heard


def one_order(alpaca: AlpacaServer) -> None:
    with alpaca_client(alpaca.url) as client:
        client.submit_order(a_limit("one", quantity="10"))
        order = alpaca.book.by_client_id("key", "one")
        assert order is not None
        for quantity in ("3", "4"):
            alpaca.book.fill(order, Decimal(quantity), Decimal(99))
        client.cancel_orders()


ALL = [
    ("one", "new", ""),
    ("one", "partial_fill", "3"),
    ("one", "partial_fill", "4"),
    ("one", "canceled", ""),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (None, ALL),
        (Fault.DOUBLED, [it for it in ALL for _ in range(2)]),
        (Fault.REVERSED, ALL[::-1]),
        (Fault.FILLS_LATE, [ALL[0], ALL[3], *ALL[1:3]]),
        (Fault.SILENT, []),
    ],
)
async def test_the_stream_says_what_it_should(
    alpaca: AlpacaServer, fault: Fault | None, expected: list[tuple[str, str, str]]
) -> None:
    if fault is not None:
        alpaca.faults.add(fault, Call.STREAM, seconds=0.2)
    assert await during(alpaca) == expected


@pytest.mark.asyncio
async def test_a_stream_that_is_closed_is_opened_again(alpaca: AlpacaServer) -> None:
    alpaca.faults.add(Fault.CLOSED, Call.STREAM, count=1)
    heard = await during(alpaca)
    assert heard != ALL
    assert len(heard) < len(ALL)
