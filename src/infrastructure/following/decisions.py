"""What operators decided about parked events, taken from the log, where the decision is kept.

A discard is a fact first and a changed row after. Whatever ends between the two leaves a row that
is parked although it was given up; from the fact it is put right.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select, update

from traderbot.application.ports.subscriptions import ParkedState
from traderbot.domain.operations.operations import OPERATIONS_ID
from traderbot.infrastructure.event_store.body import take_apart
from traderbot.infrastructure.persistence.log_tables import ParkedEventRow
from traderbot.infrastructure.persistence.tables import EventRow

DISCARDED_TYPE: Final = "operations.parked_discarded"
_STREAM: Final = f"operations-{OPERATIONS_ID}"
_Row = ParkedEventRow


class _Discarded(msgspec.Struct):
    subscription: str
    log_index: int
    reason: str


def apply_discards(connection: Connection, name: str) -> int:
    """Give up what is parked although it was decided to give it up; return how many events.

    It works in the caller's transaction, in which nobody else may change the subscription.
    """
    parked = set(
        connection.scalars(
            select(_Row.log_index).where(
                _Row.subscription == name, _Row.status == ParkedState.PARKED
            )
        )
    )
    if not parked:
        return 0
    facts = connection.scalars(
        select(EventRow.body)
        .where(EventRow.stream_id == _STREAM, EventRow.type == DISCARDED_TYPE)
        .order_by(EventRow.version)
    )
    count = 0
    for body in facts:
        event = take_apart(bytes(body))
        said = msgspec.json.decode(event.data, type=_Discarded)
        if said.subscription == name and said.log_index in parked:
            parked.discard(said.log_index)
            values: dict[str, Any] = {
                "status": ParkedState.DISCARDED,
                "next_at": None,
                "decided_by": event.actor.id,
                "reason": said.reason,
            }
            where = (_Row.subscription == name, _Row.log_index == said.log_index)
            connection.execute(update(_Row).where(*where).values(**values))
            count += 1
    return count
