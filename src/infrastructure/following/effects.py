"""What reactors did to the world: on record before each attempt, and what came of it after."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, delete, insert, select, update

from traderbot.infrastructure.following.subscription_store import SubscriptionTimes
from traderbot.infrastructure.persistence.log_tables import EffectRow

STARTED: Final = "started"
DONE: Final = "done"
FAILED: Final = "failed"
_NAMESPACE: Final = uuid.UUID("5f0ad0f0-6a0e-5a1c-9d53-3f6f7472b07e")


def token_of(subscription: str, event_id: str) -> str:
    """Return the token of an effect: a UUID (RFC 9562, version 5), always the same for the two."""
    return str(uuid.uuid5(_NAMESPACE, f"{subscription}\n{event_id}"))


@dataclass(frozen=True, slots=True)
class Effects:
    """The rows of `effects` of one subscription. Methods work in the caller's transaction."""

    name: str
    times: SubscriptionTimes

    def start(self, connection: Connection, event_id: str) -> int | None:
        """Record that an attempt begins and return its number, None if the effect is there."""
        found = connection.execute(
            select(EffectRow.status, EffectRow.attempts).where(self._is(event_id))
        ).one_or_none()
        if found is None:
            row = self._started(event_id, self.times.now(connection))
            connection.execute(insert(EffectRow), row)
            return 1
        if found.status == DONE:
            return None
        attempts = int(found.attempts) + 1
        self._write(connection, event_id, status=STARTED, attempts=attempts)
        return attempts

    def start_all(self, connection: Connection, event_ids: Sequence[str]) -> bool:
        """Record that first attempts begin, unless one of the effects is there; return whether."""
        known = select(EffectRow.event_id).where(
            EffectRow.subscription == self.name, EffectRow.event_id.in_(event_ids)
        )
        if connection.execute(known.limit(1)).one_or_none() is not None:
            return False
        now = self.times.now(connection)
        connection.execute(insert(EffectRow), [self._started(it, now) for it in event_ids])
        return True

    def all_done(self, connection: Connection, answers: Sequence[tuple[str, object]]) -> None:
        """Record that these were done, given event ids and answers."""
        rows = [{"of": event_id, "digest": _digest(answer)} for event_id, answer in answers]
        if not rows:
            return
        statement = (
            update(EffectRow)
            .where(EffectRow.subscription == self.name, EffectRow.event_id == bindparam("of"))
            .values(
                status=DONE,
                response_digest=bindparam("digest"),
                updated_at=self.times.now(connection),
            )
        )
        connection.execute(statement, rows)

    def not_begun(self, connection: Connection, event_ids: Sequence[str]) -> None:
        """Take back that first attempts begin: nobody came to make them."""
        where = (EffectRow.subscription == self.name, EffectRow.event_id.in_(event_ids))
        connection.execute(delete(EffectRow).where(*where))

    def done(self, connection: Connection, event_id: str, answer: object) -> None:
        """Record that it was done, and the SHA-256 of the answer, if there was one."""
        self._write(connection, event_id, status=DONE, response_digest=_digest(answer))

    def failed(self, connection: Connection, event_id: str) -> None:
        """Record that an attempt failed. Whether it had an effect only the world knows."""
        self._write(connection, event_id, status=FAILED)

    def not_made(self, connection: Connection, event_id: str) -> None:
        """Take back an attempt that found nobody to attempt it with."""
        self._write(connection, event_id, status=FAILED, attempts=EffectRow.attempts - 1)

    def _started(self, event_id: str, now: datetime) -> dict[str, Any]:
        return {
            "subscription": self.name,
            "event_id": event_id,
            "token": token_of(self.name, event_id),
            "status": STARTED,
            "attempts": 1,
            "response_digest": None,
            "updated_at": now,
        }

    def _is(self, event_id: str) -> Any:  # noqa: ANN401 - SQLAlchemy's ColumnElement
        return and_(EffectRow.subscription == self.name, EffectRow.event_id == event_id)

    def _write(self, connection: Connection, event_id: str, **values: Any) -> None:  # noqa: ANN401
        values["updated_at"] = self.times.stamp(connection)
        connection.execute(update(EffectRow).where(self._is(event_id)).values(**values))


def _digest(answer: object) -> str | None:
    if isinstance(answer, str):
        answer = answer.encode("utf-8", "surrogatepass")
    return hashlib.sha256(answer).hexdigest() if isinstance(answer, bytes) else None
