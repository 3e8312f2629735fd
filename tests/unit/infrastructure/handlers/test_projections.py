"""Each projection, beside what the domain itself says of the same history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import builders
from tests.builders import ORDER_ID, PORTFOLIO_ID, USER_ID, later
from tests.unit.infrastructure.event_store.examples import EXAMPLES
from tests.unit.infrastructure.handlers.feeding import Fed
from tests.unit.infrastructure.handlers.histories import histories
from traderbot.application.ports.event_bus import HandlerKind, ReplayPolicy, Start
from traderbot.application.ports.recorded import DomainEvent
from traderbot.domain.market.events import BarsRecorded
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.orders.events import OrderEvent
from traderbot.domain.orders.order import Order
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.portfolio.position import Position
from traderbot.domain.shared.decimals import EXACT, ZERO, multiply
from traderbot.domain.shared.errors import CorruptHistoryError, DomainError
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import currency, symbol
from traderbot.infrastructure.handlers.declared import EventHandler
from traderbot.infrastructure.handlers.market_data import market_data
from traderbot.infrastructure.handlers.order_activity import order_activity
from traderbot.infrastructure.handlers.profit import profit
from traderbot.infrastructure.handlers.risk import risk
from traderbot.infrastructure.handlers.valuation import valuation
from traderbot.infrastructure.persistence.projection_tables import (
    BarImportRow,
    DailyProfitRow,
    EquityPointRow,
    LastPriceRow,
    OrderActivityRow,
    OrderTimelineRow,
    RiskExposureRow,
    RiskPendingRow,
    RiskRefusalRow,
    RoundTripRow,
)

PROJECTIONS = (order_activity, profit, valuation, risk, market_data)
History = tuple[Sequence[DomainEvent], Portfolio]


def added(values: list[Decimal]) -> Decimal:
    total = ZERO
    for value in values:
        total = EXACT.add(total, value)
    return total


# --- all of them ------------------------------------------------------------------------------


@pytest.mark.parametrize("make", PROJECTIONS)
def test_a_projection_begins_at_the_beginning_and_may_be_replayed(
    make: Callable[[], EventHandler],
) -> None:
    handler = make()
    assert handler.kind is HandlerKind.DURABLE_PROJECTION
    assert (handler.start, handler.replay) == (Start.BEGINNING, ReplayPolicy.SAFE)
    assert handler.clear is not None
    assert handler.tables


@pytest.mark.parametrize("make", PROJECTIONS)
@settings(max_examples=25)
@given(history=histories())
def test_replayed_from_nothing_a_projection_writes_the_same_again(
    make: Callable[[], EventHandler], history: History
) -> None:
    events = [*history[0], *an_orders_life(), builders.started(), builders.decided()]
    fed = Fed(make()).feed(events)
    before = fed.everything()
    fed.clear()
    assert not any(fed.everything().values())
    fed.feed(events)
    assert fed.everything() == before


def test_no_two_projections_write_one_table() -> None:
    counts = Counter(table.name for make in PROJECTIONS for table in make().tables)
    assert set(counts.values()) == {1}


# --- orders -----------------------------------------------------------------------------------


def an_orders_life() -> list[OrderEvent]:
    return [
        builders.placed(at=later(1)),
        builders.approved(at=later(2)),
        builders.accepted(at=later(3)),
        builders.filled(quantity="4", at=later(4)),
        builders.filled(fill_id="fill-2", quantity="6", at=later(5)),
    ]


def test_an_orders_way_is_kept_with_its_times() -> None:
    fed = Fed(order_activity()).feed(an_orders_life())
    (row,) = fed.rows(OrderTimelineRow)
    assert row == {
        "order_id": ORDER_ID,
        "owner_id": USER_ID,
        "portfolio_id": PORTFOLIO_ID,
        "symbol": "AAPL",
        "side": "buy",
        "quantity": Decimal(10),
        "filled": Decimal(10),
        "fills": 2,
        "status": "filled",
        "day": "2025-01-02",
        "placed_at": later(1),
        "decided_at": later(2),
        "accepted_at": later(3),
        "first_fill_at": later(4),
        "last_fill_at": later(5),
        "closed_at": later(5),
        "cancel_requested": False,
    }


_LATER_EVENTS = tuple(
    EXAMPLES[name]
    for name in EXAMPLES
    if isinstance(EXAMPLES[name], OrderEvent) and name not in ("order.placed", "order.filled")
)
_STEPS = st.lists(
    st.sampled_from(
        (
            builders.approved(),
            builders.accepted(),
            builders.canceled(),
            *_LATER_EVENTS,
            builders.filled(quantity="3"),
            builders.filled(quantity="7"),
            builders.filled(quantity="12"),
            builders.refused(),
        )
    ),
    max_size=12,
)


@given(steps=_STEPS)
def test_the_status_is_that_of_the_order_itself_and_it_is_counted_once(
    steps: list[OrderEvent],
) -> None:
    events: list[OrderEvent] = [builders.placed()]
    for step in steps:
        with suppress(CorruptHistoryError, DomainError):  # it cannot have followed
            Order.from_events(events).apply(step)
            events.append(step)
    fed = Fed(order_activity()).feed(events)
    order = Order.from_events(events)
    (row,) = fed.rows(OrderTimelineRow)
    assert (row["status"], row["filled"]) == (order.status.value, order.filled.value)
    (activity,) = fed.rows(OrderActivityRow)
    ended = ("refused", "rejected", "filled", "canceled", "expired")
    where = order.status.value if order.status.value in ended else "working"
    names = ("working", *ended)
    assert {name: activity[name] for name in names} == {**dict.fromkeys(names, 0), where: 1}


def test_orders_are_counted_by_the_day_they_were_placed_on() -> None:
    other = OrderId("0192f0c1-0000-7000-8000-00000000000a")
    tomorrow = later(24 * 60)
    fed = Fed(order_activity()).feed(
        [
            builders.placed(),
            builders.refused(),
            builders.placed(order_id=other, at=tomorrow),
            builders.approved(order_id=other, at=later(48 * 60)),
        ]
    )
    found = [(row["day"], row["refused"], row["working"]) for row in fed.rows(OrderActivityRow)]
    assert found == [("2025-01-02", 1, 0), ("2025-01-03", 0, 1)]


@pytest.mark.parametrize(
    ("make", "event"),
    [
        (order_activity, builders.approved()),
        (risk, builders.refused()),
        (valuation, builders.decided()),
    ],
)
def test_an_event_whose_beginning_is_missing_is_an_error_and_no_guess(
    make: Callable[[], EventHandler], event: DomainEvent
) -> None:
    with pytest.raises(CorruptHistoryError, match=r"was never placed|never started"):
        Fed(make()).feed([event])


def test_an_order_that_is_placed_twice_is_an_error() -> None:
    events = [builders.placed(), builders.placed()]
    fed = Fed(order_activity()).feed(events[:1])
    with pytest.raises(CorruptHistoryError, match="placed twice"):
        fed.feed(events[1:])


# --- profit -----------------------------------------------------------------------------------


@given(history=histories())
def test_the_days_add_up_to_what_the_positions_realised(history: History) -> None:
    events, portfolio = history
    fed = Fed(profit()).feed(events)
    for code in ("USD", "USDT"):
        rows = [row for row in fed.rows(DailyProfitRow) if row["currency"] == code]
        held = [it for it in portfolio.positions.values() if it.cost.currency.code == code]
        assert added([row["realised"] for row in rows]) == added(
            [it.realised.amount for it in held]
        )


@given(history=histories())
def test_a_closed_round_trip_realised_what_came_in_less_what_went_out(history: History) -> None:
    events, portfolio = history
    trips = Fed(profit()).feed(events).rows(RoundTripRow)
    for trip in trips:
        if trip["closed_at"] is not None:
            gained = EXACT.subtract(trip["exit_value"], trip["entry_value"])
            assert trip["realised"] == (gained if trip["side"] == "buy" else EXACT.minus(gained))
            assert trip["held"] == 0
    still = {trip["symbol"]: trip for trip in trips if trip["closed_at"] is None}
    for held, position in portfolio.positions.items():
        assert (held.code in still) == position.is_open
        if position.is_open:
            trip = still.pop(held.code)
            net = trip["held"] if trip["side"] == "buy" else EXACT.minus(trip["held"])
            assert net == position.net
    assert not still


def test_a_fill_that_turns_a_position_ends_one_trip_and_begins_the_next() -> None:
    portfolio = builders.a_portfolio()
    bought = builders.booked(portfolio, quantity="10", price="100", fee="1 USD")
    sold = builders.booked(
        portfolio.apply(bought), side="sell", quantity="15", price="110", fee="3 USD", at=later(9)
    )
    trips = Fed(profit()).feed([bought, sold]).rows(RoundTripRow)
    told = [
        (it["number"], it["side"], it["held"], it["entered"], it["realised"], it["fees"])
        for it in trips
    ]
    assert told == [
        (1, "buy", 0, Decimal(10), Decimal(100), Decimal(3)),  # 1, and two thirds of 3
        (2, "sell", Decimal(5), Decimal(5), 0, Decimal(1)),
    ]
    assert [it["closed_at"] for it in trips] == [later(9), None]
    assert [it["opened_at"] for it in trips] == [builders.NOON, later(9)]


def test_a_fee_in_another_currency_has_a_line_of_its_own() -> None:
    fill = builders.booked(builders.a_portfolio(), fee="0.001 BNB")
    rows = Fed(profit()).feed([fill]).rows(DailyProfitRow)
    told = [(row["currency"], row["fills"], row["bought"], row["fees"]) for row in rows]
    assert told == [("BNB", 0, 0, Decimal("0.001")), ("USD", 1, Decimal(1000), 0)]


# --- valuation --------------------------------------------------------------------------------


def worth(position: Position, price: Decimal) -> Decimal:
    return multiply(position.net, price)


@given(history=histories())
def test_the_last_point_is_the_portfolios_cash_and_its_positions_at_the_last_price(
    history: History,
) -> None:
    events, portfolio = history
    fed = Fed(valuation()).feed(events)
    prices = {row["symbol"]: row["price"] for row in fed.rows(LastPriceRow)}
    last: dict[str, dict[str, Any]] = {
        row["currency"]: row for row in fed.rows(EquityPointRow)
    }  # in the order of the log
    for code, point in last.items():
        held = [it for it in portfolio.positions.values() if it.cost.currency.code == code]
        positions = added([worth(it, prices[it.symbol.code]) for it in held])
        assert point["cash"] == portfolio.cash_in(currency(code)).total.amount
        assert point["equity"] == EXACT.add(point["cash"], point["positions"])
        assert point["positions"] == positions


def test_a_bots_close_moves_the_curve_of_its_portfolio() -> None:
    portfolio = builders.a_portfolio()
    fed = Fed(valuation()).feed(
        [
            builders.deposited("100000 USD"),
            builders.booked(portfolio, quantity="10", price="100", at=later(1)),
            builders.started(symbol_code="AAPL"),
            builders.decided(bar_at=later(10), close="107.5"),
        ]
    )
    points = [(it["log_index"], it["cash"], it["equity"]) for it in fed.rows(EquityPointRow)]
    assert points == [
        (0, Decimal(100000), Decimal(100000)),
        (1, Decimal(99000), Decimal(100000)),
        (3, Decimal(99000), Decimal(100075)),
    ]


def test_a_close_adds_no_point_to_a_portfolio_that_holds_nothing_of_it() -> None:
    fed = Fed(valuation()).feed([builders.started(), builders.decided(close="107.5")])
    assert fed.rows(EquityPointRow) == []
    (price,) = fed.rows(LastPriceRow)
    assert (price["price"], price["source"]) == (Decimal("107.5"), "bot.decided")


def test_an_older_price_does_not_replace_a_newer_one() -> None:
    portfolio = builders.a_portfolio()
    newer = builders.booked(portfolio, price="100", at=later(5))
    older = builders.booked(portfolio.apply(newer), price="90", at=later(4))
    (price,) = Fed(valuation()).feed([newer, older]).rows(LastPriceRow)
    assert (price["price"], price["at"]) == (Decimal(100), later(5))


# --- risk -------------------------------------------------------------------------------------


@given(history=histories())
def test_the_exposure_is_the_positions_quantity_and_cost(history: History) -> None:
    events, portfolio = history
    rows = {row["symbol"]: row for row in Fed(risk()).feed(events).rows(RiskExposureRow)}
    assert set(rows) == {it.code for it in portfolio.positions}
    for held, position in portfolio.positions.items():
        row = rows[held.code]
        assert (row["quantity"], row["cost"]) == (position.net, position.cost.amount)


def test_what_orders_set_aside_is_at_stake_until_it_is_used_or_released() -> None:
    portfolio = builders.a_portfolio().apply(builders.reserved("1050 USD"))
    events: list[DomainEvent] = [
        builders.reserved("1050 USD"),
        builders.booked(portfolio, quantity="4", price="100", used="420 USD"),
        builders.released("630 USD"),
    ]
    reserved = []
    fed = Fed(risk())
    for event in events:
        fed.feed([event])
        (row,) = fed.rows(RiskExposureRow)
        reserved.append(row["reserved"])
    assert reserved == [Decimal(1050), Decimal(630), 0]


def test_every_limit_an_order_broke_is_kept_with_its_values() -> None:
    fed = Fed(risk()).feed([builders.placed(), builders.refused()])
    (row,) = fed.rows(RiskRefusalRow)
    assert row == {
        "portfolio_id": PORTFOLIO_ID,
        "log_index": 1,
        "line": 0,
        "owner_id": USER_ID,
        "order_id": ORDER_ID,
        "symbol": "AAPL",
        "code": "ORDER_NOTIONAL_MAX",
        "limit_text": "1000 USD",
        "value_text": "1000.01 USD",
        "at": builders.NOON,
    }


def test_an_order_that_was_answered_is_pending_no_longer() -> None:
    fed = Fed(risk()).feed([builders.placed()])
    assert [row["order_id"] for row in fed.rows(RiskPendingRow)] == [ORDER_ID]
    fed.feed([builders.approved()])
    assert fed.rows(RiskPendingRow) == []


# --- market data ------------------------------------------------------------------------------


def test_every_import_of_bars_is_kept_with_its_digest() -> None:
    event = BarsRecorded(
        symbol=symbol("BTC/USDT"),
        timeframe=Timeframe.H1,
        at=later(1),
        first_at=builders.NOON,
        last_at=later(120),
        count=3,
        digest="ab" * 32,
        source="file:btc.csv",
    )
    (row,) = Fed(market_data()).feed([event]).rows(BarImportRow)
    assert row == {
        "symbol": "BTC/USDT",
        "timeframe": "1h",
        "log_index": 0,
        "at": later(1),
        "first_at": builders.NOON,
        "last_at": later(120),
        "bars": 3,
        "digest": "ab" * 32,
        "source": "file:btc.csv",
    }
