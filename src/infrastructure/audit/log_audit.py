"""`Audit` on the stored log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Engine

from traderbot.application.ports.audit import (
    Audit,
    Cut,
    DiffReport,
    LogEntry,
    OrderExplanation,
    Progress,
    RebuildReport,
    ReplayReport,
    TilesReport,
    VerifyReport,
    VerifyScope,
    WhyNot,
)
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.ids import BotRunId, OrderId, UserId
from traderbot.domain.shared.instants import instant_text
from traderbot.infrastructure.audit.diff import diff
from traderbot.infrastructure.audit.explain import explain
from traderbot.infrastructure.audit.owned import last_recorded_of
from traderbot.infrastructure.audit.rebuild import rebuild
from traderbot.infrastructure.audit.rebuild_tiles import rebuild_tiles
from traderbot.infrastructure.audit.replay import (
    cut_at_business_time,
    cut_at_checkpoint,
    cut_at_index,
    cut_at_instant,
    replay,
)
from traderbot.infrastructure.audit.snapshots import Snapshots
from traderbot.infrastructure.audit.tail import tail
from traderbot.infrastructure.audit.verify import verify
from traderbot.infrastructure.audit.why_not import why_not
from traderbot.infrastructure.audit.witnesses import Trust, summon
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import snapshot

SNAPSHOT_AFTER = 100_000  # events folded in one go leave a snapshot behind


class LogAudit(Audit):
    """`Audit` on a SQLite file or a PostgreSQL database."""

    def __init__(
        self,
        reading: Engine,
        writing: Engine,
        codec: EventCodec,
        trust: Callable[[], Trust] = Trust,
        snapshot_key: Callable[[], bytes | None] = lambda: None,
    ) -> None:
        """Read through one engine; only `rebuild` and snapshots write, through the other.

        `trust` is asked when the log is verified: whoever only reads needs no key. Without a
        `snapshot_key` no snapshot is written or believed.
        """
        self._reading = reading
        self._writing = writing
        self._codec = codec
        self._trust = trust
        self.snapshots = Snapshots(writing, snapshot_key)

    def verify(
        self,
        progress: Progress | None = None,
        scope: VerifyScope = VerifyScope(),  # noqa: B008 - frozen
    ) -> VerifyReport:
        """Check everything there is, or what `scope` asks for."""
        witnesses = summon(self._trust(), scope)
        with snapshot(self._reading) as reader:
            return verify(reader, self._codec, witnesses, progress, scope.start)

    def cut(
        self,
        *,
        at: datetime | None = None,
        index: int | None = None,
        checkpoint: str | None = None,
        by_occurred: bool = False,
        snapshots: bool = True,
    ) -> Cut:
        """Return a part of the log."""
        if sum(it is not None for it in (at, index, checkpoint)) > 1:
            msg = "a cut is made at an instant, an index or a checkpoint, at one of them"
            raise InvalidValueError(msg)
        with snapshot(self._reading) as reader:
            if checkpoint is not None:
                witnesses = summon(self._trust(), VerifyScope())
                return cut_at_checkpoint(reader, witnesses, checkpoint)
            if at is None:
                return cut_at_index(reader, index)
            if by_occurred:
                return cut_at_business_time(reader, at)
            known = self.snapshots.recorded_by(reader, instant_text(at)) if snapshots else 0
            return cut_at_instant(reader, at, known)

    def replay(
        self,
        cut: Cut,
        owner_id: UserId | None = None,
        progress: Progress | None = None,
        *,
        snapshots: bool = True,
    ) -> ReplayReport:
        """Return the state at a cut."""
        usable = snapshots and cut.occurred_by is None
        with snapshot(self._reading) as reader:
            start, book = self.snapshots.nearest(reader, cut.size) if usable else (0, None)
            report, book = replay(
                reader, self._codec, cut, owner_id, progress, start=start, book=book
            )
            if usable and cut.size - start > SNAPSHOT_AFTER and cut.size <= reader.placed():
                self.snapshots.write(reader, cut.size, bytes.fromhex(cut.root), book)
            if owner_id is None:
                return report
            own = replace(report.cut, last_recorded_at=last_recorded_of(reader, owner_id, cut.size))
            return replace(report, cut=own)

    def diff(self, progress: Progress | None = None) -> DiffReport:
        """Compare the state rows with the log."""
        with snapshot(self._reading) as reader:
            return diff(reader, self._codec, progress)

    def explain(self, order_id: OrderId, owner_id: UserId | None = None) -> OrderExplanation:
        """Tell an order's story."""
        with snapshot(self._reading) as reader:
            return explain(reader, self._codec, order_id, owner_id)

    def why_not(self, bot_run_id: BotRunId, at: datetime, owner_id: UserId | None = None) -> WhyNot:
        """Tell why a bot placed no order."""
        with snapshot(self._reading) as reader:
            return why_not(reader, self._codec, bot_run_id, at, owner_id)

    def tail(self, start: int | None = None) -> Sequence[LogEntry]:
        """Return events from an index on."""
        with snapshot(self._reading) as reader:
            return tail(reader, self._codec, start)

    def rebuild(self, progress: Progress | None = None) -> RebuildReport:
        """Make the state rows again."""
        return rebuild(self._reading, self._writing, self._codec, progress)

    def rebuild_tiles(self, progress: Progress | None = None) -> TilesReport:
        """Make the tiles of the sealed tree again."""
        witnesses = summon(self._trust(), VerifyScope())
        return rebuild_tiles(self._reading, self._writing, witnesses, progress)
