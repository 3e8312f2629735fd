"""Why there is an order, and what became of it: decision, events with their effects, postings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

from traderbot.application.errors import NotFoundError
from traderbot.application.ports.audit import ExplainedEvent, OrderExplanation
from traderbot.application.ports.recorded import Recorded
from traderbot.application.views import OrderView
from traderbot.domain.bots.events import BotDecided
from traderbot.domain.orders.events import OrderApproved, OrderEvent, OrderRefused
from traderbot.domain.orders.order import Order
from traderbot.domain.portfolio.events import PortfolioEvent
from traderbot.domain.portfolio.ledger import postings
from traderbot.domain.shared.decimals import plain
from traderbot.domain.shared.ids import OrderId, UserId
from traderbot.domain.shared.instants import instant_text
from traderbot.infrastructure.audit.effects import effects_of
from traderbot.infrastructure.audit.proofs import Proofs
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import LogReader, StoredBody

# What of an order its events change; the rest is as it was placed.
_CHANGING = (
    "status",
    "filled",
    "remaining",
    "average_price",
    "fees",
    "reserved",
    "reasons",
    "venue_order_id",
)


def explain(
    reader: LogReader, codec: EventCodec, order_id: OrderId, owner_id: UserId | None
) -> OrderExplanation:
    """Return the story of an order: all its commands' events that are about it, in log order.

    Raises:
        NotFoundError: there is no such order, or it is not that owner's.
        CorruptHistoryError: its events cannot be read.
    """
    own = _read(codec, reader.stream(f"order-{order_id}"))
    if not own:
        raise NotFoundError("order", order_id)
    order = Order.from_events(cast("OrderEvent", it.event) for it in own)
    if owner_id not in (None, order.owner_id):
        raise NotFoundError("order", order_id)
    commands = dict.fromkeys(it.command_id for it in own)  # each once, in their order
    caused = [it for id_ in commands for it in _read(codec, reader.of_command(id_))]
    story = {it.position: it for it in (*own, *caused) if _about(it) == order_id}
    story |= {it.position: it for it in _corrections(reader, codec, story.values())}
    decisions = [it for it in story.values() if isinstance(it.event, BotDecided)]
    shown = [it for _, it in sorted(story.items()) if not isinstance(it.event, BotDecided)]
    return OrderExplanation(
        order=OrderView.of(order),
        decision=_decision(codec, decisions[0]) if decisions else None,
        events=list(_explained(codec, shown, Proofs(reader))),
        ledger=[line for it in shown for line in _ledger(it)],
        inputs=_inputs(own),
        effects=effects_of(reader, [it.id for it in shown]),
    )


def _read(codec: EventCodec, stored: Iterable[StoredBody]) -> list[Recorded]:
    return [codec.recorded(it.position, it.body, it.leaf_hash) for it in stored]


def _inputs(own: Iterable[Recorded]) -> dict[str, Any]:
    """Return what the gate read when it decided about the order."""
    for it in own:
        if isinstance(it.event, OrderApproved):
            checks = [asdict(each) for each in it.event.checks]
            return {"reference": str(it.event.reference), "checks": checks}
        if isinstance(it.event, OrderRefused):
            return {"checks": [asdict(each) for each in it.event.reasons]}
    return {}


def _corrections(reader: LogReader, codec: EventCodec, story: Iterable[Recorded]) -> list[Recorded]:
    """Return what operators recorded to make up for one of the order's events."""
    wrong = {it.id for it in story}
    corrections = _read(codec, reader.corrections())
    return [it for it in corrections if getattr(it.event, "corrects", None) in wrong]


def _about(it: Recorded) -> str | None:
    return getattr(it.event, "order_id", None)


def _explained(
    codec: EventCodec, story: Sequence[Recorded], proofs: Proofs
) -> Iterable[ExplainedEvent]:
    order: Order | None = None
    indexes = proofs.indexes([it.position for it in story])
    for it in story:
        index = indexes.get(it.position)
        changes: Mapping[str, str] = {}
        if isinstance(it.event, OrderEvent):
            before = order
            order = Order.begin(it.event) if order is None else order.apply(it.event)
            changes = _order_changes(before, order)
        elif isinstance(it.event, PortfolioEvent):
            changes = _postings(it.event)
        yield ExplainedEvent(
            position=it.position,
            id=it.id,
            stream=it.stream,
            version=it.version,
            type=it.type,
            occurred_at=it.occurred_at,
            recorded_at=it.recorded_at,
            actor=f"{it.actor.type} {it.actor.id} via {it.actor.via}",
            command_id=it.command_id,
            causation_id=it.causation_id,
            changes=changes,
            data=codec.encode(it.event)[2],
            log_index=index,
            inclusion=None if index is None else proofs.inclusion(index, it.leaf_hash),
        )


def _order_changes(before: Order | None, after: Order) -> dict[str, str]:
    if before is None:
        return {"status": after.status.value}
    was, is_ = OrderView.of(before), OrderView.of(after)
    pairs = {name: (_text(getattr(was, name)), _text(getattr(is_, name))) for name in _CHANGING}
    return {name: f"{old} → {new}" for name, (old, new) in pairs.items() if old != new}


def _text(value: Any) -> str:  # noqa: ANN401 - any field of a view
    if isinstance(value, tuple):
        return "; ".join(f"{it.code}: limit {it.limit}, value {it.value}" for it in value) or "none"
    return "none" if value is None else str(value)


def _postings(event: PortfolioEvent) -> dict[str, str]:
    changes: dict[str, str] = {}
    for line in postings(event):
        amount = str(line.amount) if line.amount.amount < 0 else f"+{line.amount}"
        known = changes.get(line.account)
        changes[line.account] = f"{known}, {amount}" if known else amount
    return changes


def _ledger(it: Recorded) -> list[dict[str, str]]:
    if not isinstance(it.event, PortfolioEvent):
        return []
    return [
        {
            "at": instant_text(it.occurred_at),
            "account": line.account,
            "amount": plain(line.amount.amount),
            "currency": line.amount.currency.code,
            "event": it.id,
        }
        for line in postings(it.event)
    ]


def _decision(codec: EventCodec, it: Recorded) -> dict[str, Any]:
    decided_at = instant_text(it.occurred_at)
    return {"event": it.id, "decided_at": decided_at, **codec.encode(it.event)[2]}
