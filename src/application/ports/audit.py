"""Questions to the log itself: is it intact, what did it say then, and why is there this order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from traderbot.application.views import OrderView, PortfolioView
from traderbot.domain.shared.ids import OrderId, UserId

# Called with how much is done and how much there is, in events.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFinding:
    """Something that is not as it must be. `where` names the event, the stream or the row.

    Codes of events: BODY_HASH, UNREADABLE, NOT_CANONICAL, COLUMN_DIFFERS (from the body),
    VERSION_GAP and LINK_BROKEN (within the stream), POSITION_GAP (SQLite). Of what stands beside
    them: STREAM_DIFFERS, STREAM_MISSING, STREAM_WITHOUT_EVENTS, UNKNOWN_CATEGORY, STATE_DIFFERS,
    STATE_MISSING, STATE_WITHOUT_STREAM.
    """

    code: str
    where: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What `verify` saw. Clean when there are no findings.

    The first hundred findings are listed; `unlisted` counts those beyond.
    """

    events: int
    streams: int
    state_rows: int
    root: str  # RFC 6962 Merkle tree hash over the leaf hashes in log order, hex
    seconds: float
    findings: Sequence[AuditFinding]
    unlisted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A prefix of the log: its first `size` events.

    With `occurred_by` it is business time that decides: of those events, only what a stream had
    gone through by that instant counts. Then it need not be a prefix: `left_out` of the events
    happened later and were recorded earlier than others.
    """

    size: int
    last_recorded_at: datetime | None
    root: str  # of all `size` events
    occurred_by: datetime | None = None
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """The state of everything, or of one owner's things, as the log's prefix makes it."""

    cut: Cut
    portfolios: Sequence[PortfolioView]  # by id
    orders: Sequence[OrderView]  # by id
    bot_runs: int
    users: int
    # SHA-256 over the canonical state, always of everything: equal states have equal fingerprints.
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A state row that is not what the log makes: stored and computed value of one column.

    `column` is None when the whole row is missing or should not be there.
    """

    table: str
    key: str
    column: str | None
    stored: str | None
    computed: str | None
    last_event: str | None  # id of the newest event of the stream the row belongs to


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffReport:
    """What `diff` compared. The first differences are listed; `unlisted` counts those beyond.

    `ledger_imbalances` names entries that do not sum to zero, and accounts that do not sum to the
    balance or position they stand for; it is empty when the books balance.
    """

    events: int
    rows: int
    differences: Sequence[Difference]
    ledger_imbalances: Sequence[str]
    unlisted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedEvent:
    """One line of an explanation."""

    position: int
    id: str
    stream: str
    version: int
    type: str
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    command_id: str
    causation_id: str
    changes: Mapping[str, str]  # field of the order: before and after; or account: amount
    data: Mapping[str, Any]  # as it was recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderExplanation:
    """Why there is this order, and what became of it: decision, inputs, events, effects."""

    order: OrderView
    decision: Mapping[str, Any] | None  # the bot's decision record, when a bot asked for it
    events: Sequence[ExplainedEvent]  # of the order, and of the portfolio because of it
    ledger: Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildReport:
    """What `rebuild` made again from the log."""

    events: int
    rows: Mapping[str, int]  # by table
    changed: Sequence[Difference]  # what was wrong before
    seconds: float
    unlisted: int = 0


class Audit(Protocol):
    """Checks and readings of the log. Nothing here but `rebuild` writes, and that only state rows.

    Each reads one moment of the database, however long it takes and whoever writes meanwhile, and
    raises DatabaseUnavailableError if the database does not answer. All but `verify` need a log
    they can read and raise CorruptHistoryError otherwise; then `verify` names what is wrong.
    """

    def verify(self, progress: Progress | None = None) -> VerifyReport:
        """Check bytes against hashes, links, dense versions, columns, streams and state rows."""
        ...

    def cut(
        self, *, at: datetime | None = None, index: int | None = None, by_occurred: bool = False
    ) -> Cut:
        """Return the part of the log an instant or an index stands for; of neither, all of it.

        For an instant it is the longest prefix in which nothing was recorded later: clocks of
        several writers are not in step, and a filter would not be a prefix. With `by_occurred`
        business time decides instead; see `Cut`.

        Raises:
            InvalidValueError: the log is not that long, or an instant and an index are both given.
        """
        ...

    def replay(
        self, cut: Cut, owner_id: UserId | None = None, progress: Progress | None = None
    ) -> ReplayReport:
        """Fold the log up to a cut and return the state it makes, of one owner if one is named."""
        ...

    def diff(self, progress: Progress | None = None) -> DiffReport:
        """Compare every state row with what the log makes, and balance the books."""
        ...

    def explain(self, order_id: OrderId, owner_id: UserId | None = None) -> OrderExplanation:
        """Tell an order's whole story. Raises NotFoundError if it is not there, or not theirs."""
        ...

    def rebuild(self, progress: Progress | None = None) -> RebuildReport:
        """Make every state row again from the log, in one transaction."""
        ...
