"""Fills as venues deliver them: shuffled, doubled, cut off and sent again. Nothing differs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any

import pytest

from tests.builders import a_fill
from tests.unit.application.orders.trader import ROOMY, trading
from traderbot.application.commands.record_fill import RecordFill, RecordFillHandler
from traderbot.application.gate import Gate
from traderbot.domain.orders.events import OrderFilled, OrderPlaced
from traderbot.domain.orders.order import Order
from traderbot.domain.orders.ticket import Fill, OrderKind
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Quantity
from traderbot.infrastructure.system import Uuid7Source

_RECORD = RecordFillHandler(gate=Gate(limits=ROOMY), ids=Uuid7Source())


def _a_stream(number: int, random: Random) -> list[Fill]:
    """Return the fills of an order for ten, of which some may be left."""
    fills: list[Fill] = []
    left = 10
    while left and len(fills) < 4:
        quantity = random.randint(1, left)
        left -= quantity
        price = f"{random.randint(90, 99)}.{random.randint(0, 99):02}"
        fill_id = f"{number}-{len(fills)}"
        fills.append(a_fill(fill_id=fill_id, quantity=str(quantity), price=price, fee="0.1 USD"))
    return fills


def _as_delivered(clean: Sequence[Fill], random: Random) -> list[Fill]:
    """Return what a bad line makes of it: pieces of it, out of order, and all of it in the end."""
    cut = random.sample(clean, random.randint(0, len(clean)))
    again = random.sample(clean, len(clean))
    doubled = random.sample(clean, random.randint(0, len(clean)))
    return [*cut, *again, *doubled]


def _clean(order: Order, portfolio: Portfolio, fills: Sequence[Fill]) -> tuple[Order, Portfolio]:
    """Return what the same fills make of both, one after another and each once."""
    for fill in fills:
        (filled,) = order.record_fill(fill)
        assert isinstance(filled, OrderFilled)
        order = order.apply(filled)
        for event in portfolio.book(order.ticket, filled):
            portfolio = portfolio.apply(event)
    return order, portfolio


def _said(order: Order) -> tuple[object, ...]:
    """Return all that an order says of its fills."""
    return (
        order.status,
        order.filled,
        order.paid,
        order.fees,
        order.reserved,
        order.closing,
        order.fill_ids,
        order.version,
    )


def _agree(unit: Any, order_id: OrderId, fills: Sequence[Fill], delivered: Sequence[Fill]) -> None:
    """Record what was delivered through the handler that records every fill, and compare."""
    placed = unit.orders.find(order_id)
    before = unit.portfolios.find(placed.ticket.portfolio_id)
    clean, book = _clean(placed, before, fills)
    for fill in delivered:
        _RECORD(RecordFill(order_id=order_id, fill=fill), unit)
    assert _said(unit.orders.find(order_id)) == _said(clean), fills
    ours = unit.portfolios.find(before.id)
    assert ours.cash == book.cash
    exits = [
        unit.orders.find(event.order_id)
        for _, _, event in unit.staged_events
        if isinstance(event, OrderPlaced) and event.parent_id == order_id
    ]
    if placed.ticket.exits is None:
        assert (ours.positions, ours.version, exits) == (book.positions, book.version, [])
    else:
        _fit(exits, fills)
        (held,) = ours.positions.values()
        assert held.claimed.value == held.net


def _fit(exits: Sequence[Order], fills: Sequence[Fill]) -> None:
    """Check that each fill has a stop that claims, and a limit order that need not."""
    quantities = sorted(it.quantity.value for it in fills)
    for kind in (OrderKind.STOP, OrderKind.LIMIT):
        mine = [it for it in exits if it.ticket.kind is kind]
        assert sorted(it.ticket.quantity.value for it in mine) == quantities
        for each in mine:
            claims = each.remaining if kind is OrderKind.STOP else Quantity(0)
            assert (each.status.value, each.closing) == ("approved", claims)


@pytest.mark.parametrize(
    ("streams", "exits"),
    [(10_000, {}), (1_000, {"take_profit": "120", "stop_loss": "80"})],
    ids=["plain", "with exits"],
)
def test_bad_deliveries_make_the_state_of_clean_ones(streams: int, exits: dict[str, str]) -> None:
    random = Random(2)  # noqa: S311 - the same on every run
    with trading(cash="100000000 USD") as trader:
        for number in range(streams):
            order_id = OrderId(trader.place(quantity="10", **exits).order_id)
            fills = _a_stream(number, random)
            delivered = _as_delivered(fills, random)
            trader.desk.do(partial(_agree, order_id=order_id, fills=fills, delivered=delivered))
