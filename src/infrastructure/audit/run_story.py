"""All that the log says of one bot run: its decisions, its orders, and what was filled of them."""

from __future__ import annotations

from typing import Any, cast

from traderbot.application.bots.parity_report import RunOrder, RunStory
from traderbot.application.errors import NotFoundError
from traderbot.domain.bots.events import BotDecided, BotEvent
from traderbot.domain.orders.events import CancelRequested, OrderFilled, OrderPlaced
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.domain.shared.ids import BotRunId, OrderId, UserId
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import LogReader


def run_story(
    reader: LogReader, codec: EventCodec, bot_run_id: BotRunId, owner_id: UserId | None
) -> RunStory:
    """Return what is recorded of a run.

    Raises:
        NotFoundError: there is no such run, or it is not that owner's.
        CorruptHistoryError: its events cannot be read.
    """
    bodies = reader.stream(f"bot-{bot_run_id}")
    events = [cast("BotEvent", codec.event_of(it.body)) for it in bodies]
    story = RunStory(events=events, orders={})
    if not events or owner_id not in (None, story.started.owner_id):
        raise NotFoundError("bot run", bot_run_id)
    orders = {
        it.order_id: _order(reader, codec, it.order_id)
        for it in events
        if isinstance(it, BotDecided) and it.order_id is not None and it.blocking_code is None
    }
    (row,) = reader.rows("SELECT count(*) FROM trades b WHERE b.bot_run_id = ?", bot_run_id)
    others = int(row[0]) - sum(len(it.fills) for it in orders.values())
    return RunStory(events=events, orders=orders, others=others)


def _order(reader: LogReader, codec: EventCodec, order_id: OrderId) -> RunOrder:
    placed: OrderPlaced | None = None
    fills, by_hand = [], False
    for it in reader.stream(f"order-{order_id}"):
        recorded: Any = codec.recorded(it.position, it.body, it.leaf_hash)
        event = recorded.event
        if isinstance(event, OrderPlaced):
            placed = event
        elif isinstance(event, OrderFilled):
            fills.append(event.fill)
        elif isinstance(event, CancelRequested):
            by_hand = by_hand or recorded.actor.type in {"user", "operator"}
    if placed is None:
        msg = f"order {order_id} was decided on, and never placed"
        raise CorruptHistoryError(msg)
    return RunOrder(
        order_id=order_id,
        ticket=placed.ticket,
        placed_at=placed.at,
        fills=tuple(fills),
        canceled_by_hand=by_hand,
    )
