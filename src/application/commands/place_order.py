"""Place an order."""

from __future__ import annotations

from dataclasses import dataclass

from traderbot.application.commands.placing import (
    Placing,
    ensure_active,
    owned_portfolio,
    place,
)
from traderbot.application.gate import Gate
from traderbot.application.ports.clock import Clock, IdSource
from traderbot.application.ports.commands import Command
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.application.views import OrderView
from traderbot.domain.orders.ticket import Ticket
from traderbot.domain.shared.ids import OrderId, UserId
from traderbot.domain.shared.values import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder(Command[OrderView]):
    """Somebody wants to trade. `reference` measures a market order; by default the last close."""

    owner_id: UserId
    ticket: Ticket
    reference: Price | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrderHandler:
    """Handles `PlaceOrder`. A refusal by the gate is an answer, not an error."""

    gate: Gate
    clock: Clock
    ids: IdSource

    def __call__(self, command: PlaceOrder, unit: UnitOfWork) -> OrderView:
        """Return the order, approved or refused.

        Raises:
            NotFoundError: the portfolio is not the caller's.
            NotAllowedError: the caller was deactivated.
            NoReferencePriceError: no price to measure a market order with.
        """
        ensure_active(unit, command.owner_id)
        portfolio = owned_portfolio(unit, command.ticket.portfolio_id, command.owner_id)
        placing = Placing(
            order_id=OrderId(self.ids.new()),
            owner_id=command.owner_id,
            ticket=command.ticket,
            at=self.clock.now(),
            reference=command.reference,
        )
        return OrderView.of(place(placing, portfolio, self.gate, unit))
