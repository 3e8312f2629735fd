"""`RiskReading` on SQL: the few streams of the gate's scopes, folded when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, or_, select, true
from sqlalchemy.exc import SQLAlchemyError

from traderbot.application.errors import DatabaseUnavailableError
from traderbot.application.ports.recorded import Recorded
from traderbot.application.ports.risk import RiskAlert
from traderbot.domain.orders.events import OrderApproved, OrderRefused
from traderbot.domain.risk.control import BY_ITSELF, RiskControl
from traderbot.domain.risk.events import (
    AlarmRaised,
    LimitChanged,
    LimitReturned,
    RiskEvent,
    TradingHalted,
    TradingReduced,
    TradingResumed,
)
from traderbot.domain.risk.trading_state import Scope, ScopeKind
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.instants import instant_text
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.persistence.questions import IS_OPEN
from traderbot.infrastructure.persistence.storage import GUARDING
from traderbot.infrastructure.persistence.tables import EventRow, OrderRow, StreamRow

_PREFIX: Final = f"{GUARDING}-"
_VERDICT: Final = 2  # the second event of an order


class SqlRiskReading:
    """`RiskReading` on SQLite and PostgreSQL."""

    def __init__(self, engine: Engine, codec: EventCodec) -> None:
        """Read through `engine`; its connections need not be able to write."""
        self._engine = engine
        self._codec = codec

    def controls(self) -> Sequence[RiskControl]:
        """Return every scope there ever was something at, by key."""
        with self._reading() as connection:
            streams = connection.scalars(
                select(StreamRow.stream_id)
                .where(StreamRow.category == GUARDING)
                .order_by(StreamRow.stream_id)
            ).all()
            return [RiskControl.from_events(self._events(connection, each)) for each in streams]

    def control(self, scope: str, version: int | None = None) -> RiskControl | None:
        """Return one scope, as it is or as it was."""
        with self._reading() as connection:
            events = self._events(connection, f"{_PREFIX}{scope}", version)
        return RiskControl.from_events(events) if events else None

    def alerts(self, scopes: Sequence[str] | None, limit: int) -> Sequence[RiskAlert]:
        """Return what happened at these scopes, newest first."""
        which: ColumnElement[bool] = true()
        streams = select(StreamRow.stream_id).where(StreamRow.category == GUARDING)
        if scopes is not None:
            which = EventRow.stream_id.in_([f"{_PREFIX}{scope}" for scope in scopes])
        else:
            which = EventRow.stream_id.in_(streams)
        question = (
            select(EventRow.position, EventRow.body, EventRow.leaf_hash)
            .where(which)
            .order_by(EventRow.position.desc())
            .limit(limit)
        )
        with self._reading() as connection:
            rows = connection.execute(question).all()
        return [
            _alert(self._codec.recorded(row.position, bytes(row.body), bytes(row.leaf_hash)))
            for row in rows
        ]

    def installed_for(self, order_id: OrderId) -> str:
        """Return what the settings said when the gate judged an order, as its verdict has it."""
        with self._reading() as connection:
            events = self._events(connection, f"order-{order_id}", _VERDICT)
        verdicts = [it for it in events if isinstance(it, OrderApproved | OrderRefused)]
        return verdicts[0].installed if verdicts else ""

    def working(self, scope: str) -> Sequence[OrderId]:
        """Return the orders of a scope that may still trade, oldest first."""
        asked = Scope.parse(scope)
        of_scope: ColumnElement[bool]
        match asked.kind:
            case ScopeKind.SYSTEM:
                of_scope = true()
            case ScopeKind.VENUE:
                of_scope = or_(OrderRow.venue == asked.id, OrderRow.venue.is_(None))
            case ScopeKind.PORTFOLIO:
                of_scope = OrderRow.portfolio_id == asked.id
            case ScopeKind.BOT:
                of_scope = OrderRow.bot_run_id == asked.id
        with self._reading() as connection:
            found = connection.scalars(select(OrderRow.order_id).where(IS_OPEN, of_scope)).all()
        return [OrderId(each) for each in sorted(found)]

    def _events(
        self, connection: Connection, stream_id: str, version: int | None = None
    ) -> list[Any]:
        question = (
            select(EventRow.body).where(EventRow.stream_id == stream_id).order_by(EventRow.version)
        )
        if version is not None:
            question = question.where(EventRow.version <= version)
        bodies = [bytes(body) for body in connection.scalars(question)]
        return list(self._codec.events_of(bodies)) if bodies else []

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            msg = "the database did not answer"
            raise DatabaseUnavailableError(msg) from error


def _alert(it: Recorded) -> RiskAlert:
    cause, message, by = _told(it.event)  # type: ignore[arg-type]
    return RiskAlert(
        scope=it.stream.removeprefix(_PREFIX),
        version=it.version,
        at=it.occurred_at,
        type=it.type,
        cause=cause,
        message=message,
        by=by,
    )


def _told(event: RiskEvent) -> tuple[str, str, str]:
    match event:
        case AlarmRaised():
            return event.cause, event.message, BY_ITSELF
        case TradingHalted():
            return event.cause, event.reason, event.by
        case TradingReduced():
            end = "" if event.until is None else f" (until {instant_text(event.until)})"
            return event.cause, f"{event.reason}{end}", event.by
        case TradingResumed():
            return "RESUMED", event.reason, event.by
        case LimitChanged():
            end = "" if event.expires_at is None else f", until {instant_text(event.expires_at)}"
            change = f"{event.limit}: {event.old or 'none'} → {event.new or 'none'}{end}"
            return "LIMIT_CHANGED", f"{change} ({event.reason})", event.by
        case LimitReturned():
            change = f"{event.limit}: {event.old or 'none'} → {event.new or 'none'}"
            return "LIMIT_RETURNED", f"{change}, as its time was over", BY_ITSELF
