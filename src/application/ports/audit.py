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
    """Something that is not as it must be. `where` names the event, the stream or the row."""

    code: str
    where: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What `verify` saw. Clean when there are no findings."""

    events: int
    streams: int
    state_rows: int
    root: str  # RFC 6962 Merkle tree hash over the leaf hashes in log order, hex
    seconds: float
    findings: Sequence[AuditFinding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A prefix of the log: its first `size` events."""

    size: int
    last_recorded_at: datetime | None
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """The state of everything as the log's prefix makes it."""

    cut: Cut
    portfolios: Sequence[PortfolioView]
    orders: Sequence[OrderView]
    bot_runs: int
    users: int
    fingerprint: str  # SHA-256 over the canonical state: equal states have equal fingerprints


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
    """What `diff` compared."""

    events: int
    rows: int
    differences: Sequence[Difference]
    ledger_imbalances: Sequence[str]  # entries that do not sum to zero; empty when books balance


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
    changes: Mapping[str, str]  # field: what it became
    data: Mapping[str, Any]


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
    rows: Mapping[str, int]
    changed: Sequence[Difference]  # what was wrong before
    seconds: float


class Audit(Protocol):
    """Checks and readings of the log. Nothing here but `rebuild` writes, and that only state rows."""

    def verify(self, progress: Progress | None = None) -> VerifyReport:
        """Check bytes against hashes, links, dense versions, columns, streams and state rows."""
        ...

    def cut(
        self, *, at: datetime | None = None, index: int | None = None, by_occurred: bool = False
    ) -> Cut:
        """Return the prefix an instant or an index stands for.

        For an instant: the longest prefix in which nothing was recorded later; with `by_occurred`
        business time decides instead, and the result is only a prefix if that time never falls.
        """
        ...

    def replay(
        self, cut: Cut, owner_id: UserId | None = None, progress: Progress | None = None
    ) -> ReplayReport:
        """Fold the log up to a cut and return the state it makes."""
        ...

    def diff(self, progress: Progress | None = None) -> DiffReport:
        """Compare every state row with what the log makes."""
        ...

    def explain(self, order_id: OrderId, owner_id: UserId | None = None) -> OrderExplanation:
        """Tell an order's whole story. Raises NotFoundError."""
        ...

    def rebuild(self, progress: Progress | None = None) -> RebuildReport:
        """Make every state row again from the log, in one transaction."""
        ...
