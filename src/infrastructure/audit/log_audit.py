"""`Audit` on the stored log."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from traderbot.application.ports.audit import (
    Audit,
    Cut,
    DiffReport,
    OrderExplanation,
    Progress,
    RebuildReport,
    ReplayReport,
    VerifyReport,
)
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.ids import OrderId, UserId
from traderbot.infrastructure.audit.diff import diff
from traderbot.infrastructure.audit.explain import explain
from traderbot.infrastructure.audit.rebuild import rebuild
from traderbot.infrastructure.audit.replay import (
    cut_at_business_time,
    cut_at_index,
    cut_at_instant,
    replay,
)
from traderbot.infrastructure.audit.verify import verify
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import snapshot


class LogAudit(Audit):
    """`Audit` on a SQLite file or a PostgreSQL database."""

    def __init__(self, reading: Engine, writing: Engine, codec: EventCodec) -> None:
        """Read through one engine; only `rebuild` writes, through the other."""
        self._reading = reading
        self._writing = writing
        self._codec = codec

    def verify(self, progress: Progress | None = None) -> VerifyReport:
        """Check everything there is."""
        with snapshot(self._reading) as reader:
            return verify(reader, self._codec, progress)

    def cut(
        self, *, at: datetime | None = None, index: int | None = None, by_occurred: bool = False
    ) -> Cut:
        """Return a part of the log."""
        if at is not None and index is not None:
            msg = "a cut is made at an instant or at an index, not at both"
            raise InvalidValueError(msg)
        with snapshot(self._reading) as reader:
            if at is None:
                return cut_at_index(reader, index)
            return (cut_at_business_time if by_occurred else cut_at_instant)(reader, at)

    def replay(
        self, cut: Cut, owner_id: UserId | None = None, progress: Progress | None = None
    ) -> ReplayReport:
        """Return the state at a cut."""
        with snapshot(self._reading) as reader:
            return replay(reader, self._codec, cut, owner_id, progress)

    def diff(self, progress: Progress | None = None) -> DiffReport:
        """Compare the state rows with the log."""
        with snapshot(self._reading) as reader:
            return diff(reader, self._codec, progress)

    def explain(self, order_id: OrderId, owner_id: UserId | None = None) -> OrderExplanation:
        """Tell an order's story."""
        with snapshot(self._reading) as reader:
            return explain(reader, self._codec, order_id, owner_id)

    def rebuild(self, progress: Progress | None = None) -> RebuildReport:
        """Make the state rows again."""
        return rebuild(self._writing, self._codec, progress)
