"""Record what the venue says about an order: that it has it, and that it traded it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from traderbot.application.commands.exits import place_exits
from traderbot.application.commands.releasing import record_released
from traderbot.application.errors import NotFoundError
from traderbot.application.gate import Gate
from traderbot.application.ports.clock import IdSource
from traderbot.application.ports.commands import Command
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.application.views import OrderView
from traderbot.domain.orders.events import OrderEvent, OrderFilled
from traderbot.domain.orders.order import Order
from traderbot.domain.orders.ticket import Fill
from traderbot.domain.portfolio.events import FillBooked, PortfolioEvent
from traderbot.domain.shared.ids import OrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAcceptance(Command[OrderView]):
    """The venue has the order working."""

    order_id: OrderId
    venue: str
    venue_order_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAcceptanceHandler:
    """Handles `RecordAcceptance`. Hearing it twice changes nothing."""

    def __call__(self, command: RecordAcceptance, unit: UnitOfWork) -> OrderView:
        """Return the order, working. Raises NotFoundError."""
        order = unit.orders.find(command.order_id)
        if order is None:
            raise NotFoundError("order", command.order_id)
        events = order.accept(command.venue, command.venue_order_id, at=command.at)
        if not events:
            return OrderView.of(order)
        accepted = unit.orders.record(order.id, events)
        record_released(unit, order, events)
        return OrderView.of(accepted)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFill(Command[OrderView]):
    """The venue traded some or all of the order. `raw` is how it said so, in answer to `call`."""

    order_id: OrderId
    fill: Fill
    venue: str = ""
    call: str = "stream"
    raw: str = ""
    venue_order_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFillHandler:
    """Handles `RecordFill`: order, position, cash and exits at once. A known fill is no news."""

    gate: Gate
    ids: IdSource

    def __call__(self, command: RecordFill, unit: UnitOfWork) -> OrderView:
        """Return the order after the fill. Raises NotFoundError."""
        order = unit.orders.find(command.order_id)
        if order is None:
            raise NotFoundError("order", command.order_id)
        events = order.record_fill(command.fill)
        if not events:
            return OrderView.of(order)
        portfolio = unit.portfolios.find(order.ticket.portfolio_id)
        if portfolio is None:
            raise NotFoundError("portfolio", order.ticket.portfolio_id)
        said: tuple[OrderEvent, ...] = ()
        if command.raw:
            said = order.hear(
                command.venue, command.call, "traded", command.raw, at=command.fill.at
            )
        if command.venue_order_id is not None:  # a trade may be the first word of the venue
            accepted = order.accept(command.venue, command.venue_order_id, at=command.fill.at)
            said = (*said, *accepted)
        filled = unit.orders.record(order.id, (*said, *events))
        for event in events:
            assert isinstance(event, OrderFilled)  # noqa: S101 - what `record_fill` answers with
            booked = portfolio.book(order.ticket, event, order.bot_run_id)
            portfolio = unit.portfolios.record(portfolio.id, booked)
            if order.ticket.exits is not None:
                self._place_exits(filled, booked, unit)
        record_released(unit, order, events, self.gate)
        return OrderView.of(filled)

    def _place_exits(
        self, filled: Order, booked: Sequence[PortfolioEvent], unit: UnitOfWork
    ) -> None:
        for event in booked:
            assert isinstance(event, FillBooked)  # noqa: S101 - what `book` answers with
            opened = event.quantity - event.closed  # what it only closed needs no way out
            if opened:
                place_exits(filled, opened, self.ids.new(), unit, self.gate)
