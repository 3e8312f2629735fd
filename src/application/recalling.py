"""Ask for every working order of a stopped scope back, and say what became of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from traderbot.application.commands.halting import RecallOrder
from traderbot.application.ports.commands import CommandExecutor, Origin
from traderbot.application.views import OrderView
from traderbot.domain.shared.errors import TraderbotError
from traderbot.domain.shared.ids import OrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What became of one order: canceled, requested, ended meanwhile as `status`, or unknown."""

    order_id: str
    outcome: str
    status: str
    detail: str = ""


def recall(
    orders: Sequence[OrderId], executor: CommandExecutor, origin: Origin, reason: str
) -> Iterator[Recalled]:
    """Ask for one after another; one that fails holds up no other.

    What a venue has is only asked for here: the trading desk sends the cancels, and the order
    stays open until the venue has answered.
    """
    for order_id in orders:
        try:
            order = executor.run(RecallOrder(order_id=order_id, reason=reason), origin)
        except TraderbotError as error:
            yield Recalled(
                order_id=order_id, outcome="unknown", status="unknown", detail=str(error)
            )
        else:
            yield told(order)


def told(order: OrderView) -> Recalled:
    """Say what became of an order that was asked for."""
    if order.status == "canceled":
        outcome = "canceled"
    elif order.cancel_requested:
        outcome = "requested"
    else:
        outcome = "ended"
    return Recalled(order_id=order.order_id, outcome=outcome, status=order.status)
