"""The log as it is shown: events, checkpoints, proofs, states as of then, and its health."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from traderbot.application.ports.audit import ReplayReport
from traderbot.application.ports.bundle import Proof
from traderbot.application.ports.checkpoints import SignedCheckpoint, UnsealedTail
from traderbot.application.ports.event_pages import EventFilter, LoggedEvent
from traderbot.application.ports.sealing import SealingStatus
from traderbot.application.ports.subscriptions import SubscriptionState, SubscriptionStatus
from traderbot.application.views import OrderView, Page, PortfolioView
from traderbot.domain.shared.ids import UserId
from traderbot.domain.shared.instants import instant
from traderbot.presentation.api.schemas.orders import EXAMPLE_ORDER_OUT, OrderOut
from traderbot.presentation.api.schemas.portfolios import (
    EXAMPLE_PORTFOLIO_OUT,
    PageQuery,
    PortfolioOut,
)
from traderbot.presentation.api.schemas.values import (
    EXAMPLE_EVENT,
    EXAMPLE_INSTANT,
    EXAMPLE_ORDER,
    EXAMPLE_SUBSCRIPTION,
    EXAMPLE_USER,
    EventTypeText,
    IndexNumber,
    Instant,
    InstantText,
    LimitNumber,
    Out,
    Query,
    StreamText,
)

_EXAMPLE_ROOT: Final = "5f5c1d9b8f1b3e6d9a0c7c1f4f7a2f0f6f5b0e2d3c4b5a69788796a5b4c3d2e1"
_EXAMPLE_LOG: Final = "traderbot.local/traderbot"
_EXAMPLE_KEY: Final = f"{_EXAMPLE_LOG}+0a1b2c3d+AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAh"
EXAMPLE_NOTE: Final = (
    f"{_EXAMPLE_LOG}\n118\nX1wdm48bPm2aDHwfT3ovD29bDi08S1ppeIeWpbTD0uE=\n\n"
    f"— {_EXAMPLE_LOG} ChssPQ==\n"
)
EXAMPLE_PROOF: Final = (
    f'{{"actor":{{"id":"{EXAMPLE_USER}","type":"user","via":"api"}},"…":"…"}}\n\n'
    f"c2sp.org/tlog-proof@v1\nindex 41\nX1wdm48bPm2aDHwfT3ovD29bDi08S1ppeIeWpbTD0uE=\n\n"
    f"{EXAMPLE_NOTE}"
)


# Events -----------------------------------------------------------------------------------------


class EventsQuery(PageQuery):
    """Which events; what is left out means any."""

    stream: StreamText | None = None
    type: EventTypeText | None = None
    start: IndexNumber | None = Field(
        default=None, alias="from", description="the first index of the log that is looked at"
    )

    def to_filter(self, owner_id: UserId | None) -> EventFilter:
        """Return the question."""
        return EventFilter(
            owner_id=owner_id, stream=self.stream, type=self.type, start=self.start or 0
        )


class ActorOut(Out):
    """Who caused it, and by which door they came."""

    type: str = Field(description="user, bot, system or operator")
    id: str
    via: str


_EVENT: JsonDict = {
    "index": 41,
    "id": EXAMPLE_EVENT,
    "stream": f"order-{EXAMPLE_ORDER}",
    "version": 1,
    "type": "order.placed",
    "schema": 1,
    "occurred_at": EXAMPLE_INSTANT,
    "recorded_at": EXAMPLE_INSTANT,
    "actor": {"type": "user", "id": EXAMPLE_USER, "via": "api"},
    "command_id": "0199a1b2-0000-7000-8000-000000000029",
    "correlation_id": "0199a1b2-0000-7000-8000-000000000009",
    "causation_id": "0199a1b2-0000-7000-8000-000000000029",
    "prev": "0" * 64,
    "leaf_hash": _EXAMPLE_ROOT,
    "data": {"quantity": "10", "side": "buy", "symbol": "AAPL"},
}


class LoggedEventOut(Out):
    """One event of the log, word for word."""

    index: int | None = Field(description="its place in the log, from zero; null before it has one")
    id: str
    stream: str
    version: int
    type: str
    schema_: int = Field(alias="schema", description="which form of this type `data` has")
    occurred_at: Instant
    recorded_at: Instant
    actor: ActorOut
    command_id: str
    correlation_id: str
    causation_id: str
    prev: str = Field(description="leaf hash of the event before it in its stream, hex")
    leaf_hash: str = Field(description="SHA-256 of a zero byte and the event's canonical JSON, hex")
    data: Mapping[str, Any] = Field(description="what was recorded")

    model_config = ConfigDict(json_schema_extra={"examples": [_EVENT]})

    @classmethod
    def of(cls, event: LoggedEvent) -> LoggedEventOut:
        """Show an event."""
        return cls.model_validate(event)


class LoggedEventPage(Out):
    """Some events of the log, oldest first; `next_cursor` asks for more."""

    items: list[LoggedEventOut]
    next_cursor: str | None = Field(
        description="not null before the end of the log, even if fewer were found than asked for"
    )

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [_EVENT], "next_cursor": None}]}
    )

    @classmethod
    def of(cls, page: Page[LoggedEvent]) -> LoggedEventPage:
        """Show a page."""
        items = [LoggedEventOut.of(event) for event in page.items]
        return cls(items=items, next_cursor=page.next_cursor)


# What was signed --------------------------------------------------------------------------------


class CheckpointOut(Out):
    """The newest checkpoint. `note` is what was signed, and what can be checked."""

    origin: str = Field(description="which log, in which epoch")
    epoch: int
    size: int = Field(description="how many events are under it")
    root: str = Field(description="RFC 6962 Merkle tree hash over them, hex")
    key_id: str
    sealed_at: Instant
    note: str = Field(description="C2SP signed note, whole")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "origin": _EXAMPLE_LOG,
                    "epoch": 1,
                    "size": 118,
                    "root": _EXAMPLE_ROOT,
                    "key_id": "0a1b2c3d",
                    "sealed_at": EXAMPLE_INSTANT,
                    "note": EXAMPLE_NOTE,
                }
            ]
        }
    )

    @classmethod
    def of(cls, checkpoint: SignedCheckpoint) -> CheckpointOut:
        """Show a checkpoint."""
        return cls.model_validate(checkpoint)


class KeyOut(Out):
    """What signatures of checkpoints are checked with."""

    vkey: str = Field(description="name, id and Ed25519 public key, as C2SP signed-note writes it")

    model_config = ConfigDict(json_schema_extra={"examples": [{"vkey": _EXAMPLE_KEY}]})


EXAMPLE_VKEY: Final = f"{_EXAMPLE_KEY}\n"


class ProofOut(Out):
    """That an event is in the log. `proof` can be checked by anybody who has the key."""

    event_id: str
    stream: str
    version: int
    index: int = Field(description="the event's place in the log")
    size: int = Field(description="how many events are under the checkpoint")
    root: str = Field(description="of the checkpoint, hex")
    origin: str
    proof: str = Field(
        description="the event's canonical JSON, an empty line, and a C2SP tlog-proof of it"
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "event_id": EXAMPLE_EVENT,
                    "stream": f"order-{EXAMPLE_ORDER}",
                    "version": 1,
                    "index": 41,
                    "size": 118,
                    "root": _EXAMPLE_ROOT,
                    "origin": _EXAMPLE_LOG,
                    "proof": EXAMPLE_PROOF,
                }
            ]
        }
    )

    @classmethod
    def of(cls, event_id: str, proof: Proof) -> ProofOut:
        """Show the proof of one event."""
        return cls(
            event_id=event_id,
            stream=proof.stream,
            version=proof.last_version,
            index=proof.index,
            size=proof.size,
            root=proof.root,
            origin=proof.origin,
            proof=proof.text,
        )


# As of then -------------------------------------------------------------------------------------

_INDEX: Final = r"(?:0|[1-9][0-9]{0,17})"
_AS_OF: Final = re.compile(rf"(checkpoint:)?({_INDEX})", re.ASCII)
_AS_OF_PATTERN: Final = (
    rf"^((checkpoint:)?{_INDEX}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}"
    r"(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2}))$"
)
_INSTANT: Final = TypeAdapter(InstantText)
_CURSOR: Final = re.compile(
    r"(portfolio|order)\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII
)


@dataclass(frozen=True, slots=True)
class AsOf:
    """Which part of the log: one of these."""

    at: datetime | None = None
    index: int | None = None
    checkpoint: int | None = None  # its size

    @property
    def size(self) -> int:
        """How many events that are, where it says so; otherwise zero."""
        return self.index or self.checkpoint or 0


def _as_of(value: object) -> object:
    form = _AS_OF.fullmatch(value) if isinstance(value, str) else None
    if form is not None:
        size = int(form[2])
        return AsOf(checkpoint=size) if form[1] else AsOf(index=size)
    try:
        return AsOf(at=_INSTANT.validate_python(value))
    except ValidationError as error:
        msg = "an instant with its zone, a number of events, or checkpoint: and its size"
        raise PydanticCustomError("value", "{message}", {"message": msg}) from error


def _replay_cursor(text: str) -> str:
    if _CURSOR.fullmatch(text) is None:
        msg = "not a cursor of this program"
        raise PydanticCustomError("value", "{message}", {"message": msg})
    return text


AsOfText = Annotated[
    AsOf,
    BeforeValidator(_as_of),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": _AS_OF_PATTERN,
            "examples": ["checkpoint:118", "118", EXAMPLE_INSTANT],
            "description": "an instant, a number of events, or `checkpoint:` and its size",
        }
    ),
]


class ReplayQuery(Query):
    """When; and which part of the answer."""

    as_of: AsOfText = Field(default=AsOf())
    limit: LimitNumber = 50
    cursor: Annotated[str, AfterValidator(_replay_cursor)] | None = Field(
        default=None, description="`next_cursor` of the page before"
    )


class CutOut(Out):
    """The log's first `size` events."""

    size: int
    last_recorded_at: Instant | None
    root: str = Field(description="RFC 6962 Merkle tree hash over them, hex")


class CountsOut(Out):
    """How many of each there were."""

    portfolios: int
    orders: int
    bot_runs: int
    users: int


_REPLAY: JsonDict = {
    "cut": {"size": 118, "last_recorded_at": EXAMPLE_INSTANT, "root": _EXAMPLE_ROOT},
    "fingerprint": "9a1f" * 16,
    "counts": {"portfolios": 1, "orders": 1, "bot_runs": 0, "users": 1},
    "portfolios": [EXAMPLE_PORTFOLIO_OUT],
    "orders": [EXAMPLE_ORDER_OUT],
    "next_cursor": None,
}


class ReplayOut(Out):
    """What the log's first events make: portfolios by id, then orders by id."""

    cut: CutOut
    fingerprint: str = Field(
        description="SHA-256 over the state of everything, hex: equal states have equal ones"
    )
    counts: CountsOut
    portfolios: list[PortfolioOut]
    orders: list[OrderOut]
    next_cursor: str | None

    model_config = ConfigDict(json_schema_extra={"examples": [_REPLAY]})

    @classmethod
    def of(cls, report: ReplayReport, limit: int, cursor: str | None) -> ReplayOut:
        """Show a page of a state."""
        # Such texts sort as the page does: by kind (portfolios first), then by id.
        found: list[tuple[str, PortfolioView | OrderView]] = [
            *((f"portfolio.{it.portfolio_id}", it) for it in report.portfolios),
            *((f"order.{it.order_id}", it) for it in report.orders),
        ]
        if cursor is not None:
            after = _place(cursor)
            found = [each for each in found if _place(each[0]) > after]
        shown = [view for _, view in found[:limit]]
        return cls(
            cut=CutOut.model_validate(report.cut),
            fingerprint=report.fingerprint,
            counts=CountsOut(
                portfolios=len(report.portfolios),
                orders=len(report.orders),
                bot_runs=report.bot_runs,
                users=report.users,
            ),
            portfolios=[PortfolioOut.of(it) for it in shown if isinstance(it, PortfolioView)],
            orders=[OrderOut.of(it) for it in shown if isinstance(it, OrderView)],
            next_cursor=found[limit - 1][0] if len(found) > limit else None,
        )


def _place(cursor: str) -> tuple[bool, str]:
    kind, _, id_ = cursor.partition(".")
    return kind == "order", id_


# Health -----------------------------------------------------------------------------------------


class PublishedOut(Out):
    """How much of the log was covered, and when."""

    size: int
    at: Instant | None


class FollowerOut(Out):
    """How far a durable handler is in the log."""

    name: str
    kind: str
    state: SubscriptionState
    position: int = Field(description="the next log index it looks at")
    lag: int = Field(description="how many events of the log it has not looked at")
    retrying: int
    parked: int
    updated_at: Instant


_HEALTH: JsonDict = {
    "is_sealing": True,
    "sealed": 118,
    "unsealed": 2,
    "oldest_unsealed_at": EXAMPLE_INSTANT,
    "queue_age_milliseconds": 12,
    "checkpoint": {"size": 118, "at": EXAMPLE_INSTANT},
    "anchor": {"size": 100, "at": EXAMPLE_INSTANT},
    "subscriptions": [
        {
            "name": EXAMPLE_SUBSCRIPTION,
            "kind": "durable_reactor",
            "state": "running",
            "position": 118,
            "lag": 0,
            "retrying": 0,
            "parked": 0,
            "updated_at": EXAMPLE_INSTANT,
        }
    ],
    "error": None,
}


class AuditHealthOut(Out):
    """How far the log is sealed, signed, published and followed."""

    is_sealing: bool = Field(description="whether this server seals the log by itself")
    sealed: int = Field(description="how many events are in the tree")
    unsealed: int = Field(description="how many are behind it")
    oldest_unsealed_at: Instant | None
    queue_age_milliseconds: int | None = Field(description="how long that one waits")
    checkpoint: PublishedOut | None = Field(description="what was signed last")
    anchor: PublishedOut | None = Field(description="what was published last")
    subscriptions: list[FollowerOut] = Field(description="by name")
    error: str | None = Field(description="why nothing is sealed now")

    model_config = ConfigDict(json_schema_extra={"examples": [_HEALTH]})

    @classmethod
    def of(
        cls,
        status: SealingStatus,
        tail: UnsealedTail,
        followers: Sequence[SubscriptionStatus],
        *,
        now: datetime,
        with_words: bool,
    ) -> AuditHealthOut:
        """Show what the ports answered; the words of an error only to those who may read them."""
        oldest = tail.oldest_at
        error = status.error
        return cls(
            is_sealing=status.is_running,
            sealed=status.size,
            unsealed=tail.events,
            oldest_unsealed_at=oldest,
            # Clocks of several machines are not in step, and nothing waits since the future.
            queue_age_milliseconds=None
            if oldest is None
            else max(0, int((now - oldest).total_seconds() * 1000)),
            checkpoint=_published(status.checkpoint_size, status.checkpoint_at),
            anchor=_published(status.anchored_size, status.anchored_at),
            subscriptions=[FollowerOut.model_validate(each) for each in followers],
            error=error if with_words or error is None else _FOR_STRANGERS,
        )


_FOR_STRANGERS: Final = "the log is not sealed now; an operator has to look at it"


def _published(size: int, at: str | None) -> PublishedOut | None:
    return PublishedOut(size=size, at=None if at is None else instant(at)) if size else None
