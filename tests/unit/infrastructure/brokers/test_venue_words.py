"""Whatever a venue says is an order or a trade that can be read, or is refused."""

from __future__ import annotations

import copy
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.venues import alpaca_wire
from tests.venues.orders import Kind, Listing, Order, Status, Trade, Wish
from tests.venues.orders import Side as TheirSide
from traderbot.application.ports.venue import VenueOrder, VenueStatus, VenueTrade
from traderbot.domain.orders.ticket import Side
from traderbot.domain.shared.values import USD, Money, Price, Quantity, symbol
from traderbot.infrastructure.brokers import alpaca_orders, ccxt_orders
from traderbot.infrastructure.brokers.line import UnreadableError

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
WISH = Wish(
    listing=Listing(symbol="AAPL", base="AAPL", quote="USD"),
    side=TheirSide.BUY,
    kind=Kind.STOP_LIMIT,
    quantity=Decimal("2.5"),
    client_id="abc",
    price=Decimal("190.25"),
    stop_price=Decimal(191),
)
TRADE = Trade(
    id=7,
    order_id=1,
    quantity=Decimal("1.5"),
    price=Decimal("190.2"),
    fee=Decimal(0),
    fee_asset="USD",
    at=AT,
    maker=True,
)
ORDER = Order(
    id=1,
    account="key",
    wish=WISH,
    at=AT,
    changed_at=AT,
    status=Status.PARTIAL,
    triggered=True,
    trades=(TRADE,),
)
ALPACA_ORDER = alpaca_wire.order_answer(ORDER)
ALPACA_FILL = alpaca_wire.activity(ORDER, TRADE)
CCXT_ORDER: dict[str, Any] = {
    "info": {"orderId": 1},
    "id": "1",
    "clientOrderId": "abc",
    "symbol": "BTC/USDT",
    "side": "buy",
    "type": "limit",
    "amount": "2.50000000",
    "filled": "1.50000000",
    "price": "190.25000000",
    "triggerPrice": "191.00000000",
    "status": "open",
    "timestamp": 1767323045678,
    "lastUpdateTimestamp": 1767323045678,
}
CCXT_TRADE: dict[str, Any] = {
    "info": {"id": 7},
    "id": "7",
    "order": "1",
    "symbol": "BTC/USDT",
    "side": "sell",
    "amount": "1.50000000",
    "price": "190.20000000",
    "fee": {"cost": "0.00100000", "currency": "BNB"},
    "timestamp": 1767323045678,
}
READERS = {
    "alpaca order": (ALPACA_ORDER, alpaca_orders.order_of),
    "alpaca fill": (ALPACA_FILL, lambda it: alpaca_orders.trade_of(it, None)),
    "ccxt order": (CCXT_ORDER, ccxt_orders.order_of),
    "ccxt trade": (CCXT_TRADE, lambda it: ccxt_orders.trade_of(it, "abc")),
}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**30, -(10**30)]),
    st.floats(allow_nan=True),
    st.text(max_size=20),
    st.sampled_from(["NaN", "-1", "1e400", "0", "", "٣", "1_0", " 1", "Infinity", "9" * 60]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def test_an_order_is_read_to_the_last_digit() -> None:
    for told in (alpaca_orders.order_of(ALPACA_ORDER), ccxt_orders.order_of(CCXT_ORDER)):
        assert (told.quantity, told.filled) == (Quantity("2.5"), Quantity("1.5"))
        assert (told.limit_price, told.stop_price) == (Price("190.25"), Price(191))
        assert (told.status, told.side, told.client_order_id) == (
            VenueStatus.WORKING,
            Side.BUY,
            "abc",
        )
        assert abs(told.at - AT) < timedelta(milliseconds=1)


def test_a_trade_is_read_to_the_last_digit() -> None:
    fill = alpaca_orders.trade_of(ALPACA_FILL, "abc")
    assert (fill.quantity, fill.price, fill.fee) == (
        Quantity("1.5"),
        Price("190.2"),
        Money.zero(USD),
    )
    assert fill.trade_id == ALPACA_FILL["id"]
    trade = ccxt_orders.trade_of(CCXT_TRADE, "abc")
    assert (trade.fee, trade.side) == (Money("0.001", "BNB"), Side.SELL)
    free = ccxt_orders.trade_of({**CCXT_TRADE, "fee": None}, None)
    assert (free.fee, free.client_order_id) == (Money.zero(symbol("BTC/USDT").quote), None)


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
def test_one_odd_field_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    told, read = READERS[kind]
    changed = copy.deepcopy(told)
    field = data.draw(st.sampled_from(sorted(changed)))
    if data.draw(st.booleans()):
        del changed[field]
    else:
        changed[field] = data.draw(ODD)
    with suppress(UnreadableError):
        assert isinstance(read(changed), VenueOrder | VenueTrade)


@pytest.mark.parametrize("kind", READERS)
@given(told=ODD)
def test_what_is_no_object_is_refused(kind: str, told: Any) -> None:
    with pytest.raises(UnreadableError):
        READERS[kind][1](told)


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ({**ALPACA_ORDER, "status": "filled"}, alpaca_orders.order_of),
        ({**CCXT_ORDER, "status": "closed"}, ccxt_orders.order_of),
    ],
)
def test_an_order_that_is_filled_in_part_is_not_filled(told: Any, read: Any) -> None:
    with pytest.raises(UnreadableError):
        read(told)


def test_a_float_is_never_an_amount() -> None:
    for field in ("qty", "filled_qty", "limit_price"):
        with pytest.raises(UnreadableError):
            alpaca_orders.order_of({**ALPACA_ORDER, field: 2.5})


def test_an_order_that_settles_or_was_replaced_has_ended() -> None:
    settled = {**ALPACA_ORDER, "status": "calculated", "filled_qty": "2.5"}
    assert alpaca_orders.order_of(settled).status is VenueStatus.FILLED
    replaced = alpaca_orders.order_of({**ALPACA_ORDER, "status": "replaced"})
    assert (replaced.status, replaced.reason) == (
        VenueStatus.CANCELED,
        "replaced by another order",
    )


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2026-01-02T03:04:05Z", 0),
        ("2026-01-02T03:04:05.678Z", 678000),
        ("2026-01-02T03:04:05.678901234Z", 678901),
        ("2026-01-01T22:04:05.678901234-05:00", 678901),
    ],
)
def test_nanoseconds_and_zones_are_understood(text: str, microsecond: int) -> None:
    assert alpaca_orders.instant_of(text) == AT.replace(microsecond=microsecond)


def test_a_time_beyond_all_times_is_refused() -> None:
    with pytest.raises(UnreadableError):
        ccxt_orders.order_of({**CCXT_ORDER, "lastUpdateTimestamp": 10**30})


def test_an_instant_without_its_zone_is_none() -> None:
    with pytest.raises(ValueError, match="zone"):
        alpaca_orders.instant_of("2026-01-02T03:04:05")
