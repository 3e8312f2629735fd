"""Questions to the log itself: is it intact, what did it say then, and why is there this order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from traderbot.application.views import OrderView, PortfolioView
from traderbot.domain.shared.ids import BotRunId, OrderId, UserId

# Called with how much is done and how much there is, in events.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFinding:
    """Something that is not as it must be. `where` names the event, the stream or the row.

    Codes of events: BODY_HASH, UNREADABLE, NOT_CANONICAL, COLUMN_DIFFERS (from the body),
    VERSION_GAP and LINK_BROKEN (within the stream), DUPLICATE. Of the log's order: INDEX_GAP,
    EVENT_MISSING, LEAF_DIFFERS, NOT_IN_LOG, QUEUED_TWICE. Of the sealed tree: ROLLED_BACK,
    HEAD_DIFFERS, TILE_DIFFERS, CHECKPOINT_DIFFERS, SIGNATURE_BAD, ANCHOR_DIFFERS, ANCHOR_DAMAGED.
    Of what stands beside them: STREAM_DIFFERS, STREAM_MISSING, STREAM_WITHOUT_EVENTS,
    UNKNOWN_CATEGORY, STATE_DIFFERS, STATE_MISSING, STATE_WITHOUT_STREAM.
    """

    code: str
    where: str
    message: str
    index: int | None = None  # of the event in the log, counted from zero, where there is one


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyScope:
    """How much `verify` looks at, and what it holds the log against.

    With `start`, or the note of a checkpoint in `since`, the events before are not read: the tree
    below is taken from the stored tiles, and for a checkpoint it must lead to its signed root.
    """

    start: int = 0  # the first index that is read
    since: str | None = None  # a signed note; its size is where reading starts
    anchors: str | None = None  # a file; by default the one of the settings
    key: str | None = None  # whose signatures count (name+id+key); by default the one in use


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeReport:
    """What `verify` saw of the sealed log: its size, what waits behind it, who vouches for it."""

    size: int = 0  # how many events are sealed
    root: str | None = None  # of these, hex
    epoch: int | None = None
    tail: int = 0  # events behind the sealed ones
    queued: int = 0  # those of them that wait in the queue (PostgreSQL)
    oldest_unsealed: datetime | None = None  # when it was recorded
    checkpoints: int = 0  # of which the root was derived again and agrees
    signatures: int = 0  # of these, with a good signature
    key: str | None = None  # id of the key they were checked with
    anchors: int = 0  # outside of the database, and consistent with the log
    superseded: int = 0  # checkpoints and anchors that an operator gave up with a new epoch
    newest_anchor: int | None = None  # its size
    newest_anchor_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What `verify` saw. Clean when there are no findings.

    The first hundred findings are listed; `unlisted` counts those beyond. `warnings` are sentences
    about what could not be checked. `first_bad_index` is the first event that a finding is about;
    up to `last_good_checkpoint` events everything is as it was signed.
    """

    events: int  # that were read
    streams: int
    state_rows: int
    root: str  # RFC 6962 Merkle tree hash over the leaf hashes in log order, hex
    seconds: float
    findings: Sequence[AuditFinding]
    unlisted: int = 0
    start: int = 0  # the first index that was read
    tree: TreeReport = field(default_factory=TreeReport)
    first_bad_index: int | None = None
    last_good_checkpoint: int | None = None
    warnings: Sequence[str] = ()


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
    checkpoint: int | None = None  # size of the smallest one that covers all of it
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
class Inclusion:
    """An event's place in the newest signed checkpoint.

    `proven` is whether the stored tree leads from the event's hash to the root that was signed.
    """

    checkpoint: int  # its size
    root: str  # hex
    hashes: int  # how many the proof has
    proven: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a durable handler did because of an event, or could not do yet."""

    handler: str
    event: str  # its id
    status: str  # of an effect: started, done, failed; parked, retrying …
    attempts: int
    detail: str  # the token it used, or the error it met
    at: datetime


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
    log_index: int | None = None  # None until it is sealed (PostgreSQL)
    inclusion: Inclusion | None = None  # None until a checkpoint covers it


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderExplanation:
    """Why there is this order, and what became of it: decision, inputs, events, effects.

    `inputs` are what the gate read: the `reference` price the order was measured with, and its
    `checks`, each a code, the limit in force, and the value held against it.
    """

    order: OrderView
    decision: Mapping[str, Any] | None  # the bot's decision record, when a bot asked for it
    events: Sequence[ExplainedEvent]  # of the order, and of the portfolio because of it
    ledger: Sequence[Mapping[str, str]]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    effects: Sequence[Effect] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A bot's decision record of one bar, as it was recorded.

    `blocking_code` is the one reason why a signal led to no order that could trade; None if it did.
    """

    event: str  # its id
    log_index: int | None
    bar_at: datetime
    decided_at: datetime
    close: str
    signal: str
    confidence: str
    reason: str
    indicators: Mapping[str, str]
    rules: Mapping[str, bool]
    sizing: Mapping[str, str]
    quantity: str | None
    order_id: str | None
    blocking_code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNot:
    """Why a bot placed no order on the bar that an instant lies in; or that it did.

    `code` is the decision's blocking code, or ORDERED. If nothing was decided on that bar it is
    NOT_STARTED, STOPPED, NO_BAR (none is stored), SKIPPED (it decided on later bars, not on this),
    or NOT_RUNNING (it has decided on nothing since: it crashed, or was not given the bar yet).
    """

    bot_run_id: str
    strategy: str
    symbol: str
    timeframe: str
    at: datetime
    code: str
    message: str
    decision: Decision | None
    order: OrderView | None  # as it is now; of a refused one the reasons say why
    before: Decision | None  # the neighbouring decisions
    after: Decision | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One event of the sealed order, as `tail` shows it."""

    log_index: int
    id: str
    stream: str
    version: int
    type: str
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    command_id: str
    data: Mapping[str, Any]  # as it was recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildReport:
    """What `rebuild` made again from the log."""

    events: int
    rows: Mapping[str, int]  # how many were put right, by table
    changed: Sequence[Difference]  # what was wrong before
    seconds: float
    unlisted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TilesReport:
    """What `rebuild_tiles` made again. Up to `vouched` events the root is one that was signed."""

    events: int  # that are sealed
    vouched: int
    root: str  # of the sealed events, hex
    tiles: int  # how many were put right
    stray: int  # how many were deleted, for the log has no such tiles
    seconds: float


_EVERYTHING = VerifyScope()


class Audit(Protocol):
    """Checks and readings of the log. Only `rebuild` writes state rows, `replay` a snapshot.

    Each reads one moment of the database, however long it takes and whoever writes meanwhile, and
    raises DatabaseUnavailableError if the database does not answer. All but `verify` need a log
    they can read and raise CorruptHistoryError otherwise; then `verify` names what is wrong.
    """

    def verify(
        self, progress: Progress | None = None, scope: VerifyScope = _EVERYTHING
    ) -> VerifyReport:
        """Check bytes against hashes, links, order, columns, the sealed tree, streams and rows.

        Raises:
            InvalidValueError: the scope asks for what cannot be looked at.
            NoteError: a key or a checkpoint is malformed, or not signed by the key.
            AnchorFileError: the anchor file cannot be read.
        """
        ...

    def cut(
        self,
        *,
        at: datetime | None = None,
        index: int | None = None,
        checkpoint: str | None = None,
        by_occurred: bool = False,
        snapshots: bool = True,
    ) -> Cut:
        """Return the part of the log that one of these stands for; of none of them, all of it.

        For an instant it is the longest prefix in which nothing was recorded later: clocks of
        several writers are not in step, and a filter would not be a prefix. With `by_occurred`
        business time decides instead; see `Cut`. A checkpoint is a signed note, or the size of one
        that is stored; the log must have its root.

        Raises:
            InvalidValueError: the log is not that long, or more than one of them is given.
            NotFoundError: no checkpoint of that size is stored.
            NoteError: the checkpoint is malformed, or not signed by the key in use.
        """
        ...

    def replay(
        self,
        cut: Cut,
        owner_id: UserId | None = None,
        progress: Progress | None = None,
        *,
        snapshots: bool = True,
    ) -> ReplayReport:
        """Fold the log up to a cut and return the state it makes, of one owner if one is named.

        A snapshot may stand for the beginning of the log; after a long way one is left behind.
        They are a cache: without `snapshots` the answer is the same, and takes longer.
        """
        ...

    def diff(self, progress: Progress | None = None) -> DiffReport:
        """Compare every state row with what the log makes, and balance the books."""
        ...

    def explain(self, order_id: OrderId, owner_id: UserId | None = None) -> OrderExplanation:
        """Tell an order's whole story. Raises NotFoundError if it is not there, or not theirs."""
        ...

    def why_not(self, bot_run_id: BotRunId, at: datetime, owner_id: UserId | None = None) -> WhyNot:
        """Tell why a bot placed no order on the bar that `at` lies in.

        Raises:
            NotFoundError: there is no such bot run, or it is not theirs.
        """
        ...

    def tail(self, start: int | None = None) -> Sequence[LogEntry]:
        """Return some hundred events from index `start` on, oldest first; of None, the newest ten.

        Only events with their final place in the log: in PostgreSQL those that are sealed.

        Raises:
            InvalidValueError: there is no such index, and never will be.
        """
        ...

    def rebuild(self, progress: Progress | None = None) -> RebuildReport:
        """Compute every state row again from the log, and put right those that differ.

        Commands go on meanwhile: nothing is written but what differs, in short transactions. When
        the database fails in the middle, what was put right stays so.
        """
        ...

    def rebuild_tiles(self, progress: Progress | None = None) -> TilesReport:
        """Compute the sealed tree's tiles again from the events, and put right those that differ.

        Only if the events have the root of the newest checkpoint that the key in use has signed,
        and of every anchor that binds the log; else nothing is changed.

        Raises:
            InvalidValueError: no key is known.
            NoCheckpointError: nothing is signed by it.
            StaleAggregateError: the log grew all the time.
            AnchorFileError: the anchor file cannot be read.
        """
        ...
