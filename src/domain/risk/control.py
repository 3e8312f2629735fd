"""The RiskControl aggregate: what one scope may do, and the limits it has of its own.

HALTED is latched: no time, no restart and no other event releases it, only `resume`. What a limit
was raised to ends by itself: whoever decides asks for the limits *at* an instant, so no clock is
needed for it; the return is recorded as well, by the first decision that comes after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from traderbot.domain.risk.errors import InvalidLimitError
from traderbot.domain.risk.events import (
    AlarmRaised,
    LimitChanged,
    LimitReturned,
    RiskEvent,
    TradingHalted,
    TradingReduced,
    TradingResumed,
)
from traderbot.domain.risk.limits import RAISED_FOR, limit_value, stricter
from traderbot.domain.risk.trading_state import Scope, TradingState
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.history import evolve, fold

_REASON_LENGTH = 500
BY_ITSELF = "traderbot"
MANUAL = "MANUAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSetting:
    """One limit of a scope: what it is, until when, and what it is then."""

    value: str | None
    expires_at: datetime | None = None
    returns_to: str | None = None

    def at(self, at: datetime) -> str | None:
        """Return what it is at an instant."""
        return self.returns_to if self.is_over(at) else self.value

    def is_over(self, at: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= at


@dataclass(frozen=True, kw_only=True)
class RiskControl:
    """One scope as its events have made it."""

    scope: str
    updated_at: datetime
    trading: TradingState = TradingState.ACTIVE
    cause: str = ""
    reason: str = ""
    by: str = ""
    since: datetime | None = None  # when it left ACTIVE
    until: datetime | None = None  # when REDUCING ends by itself
    limits: MappingProxyType[str, LimitSetting] = field(
        default_factory=lambda: MappingProxyType({})
    )
    version: int = 1

    @staticmethod
    def halt(
        before: RiskControl | None, scope: Scope, *, cause: str, reason: str, by: str, at: datetime
    ) -> tuple[RiskEvent, ...]:
        """Stop everything. Halted already, it stays halted for the reason it was.

        Raises:
            InvalidValueError: no reason is given.
        """
        reason = _said(reason)
        if before is not None and before.trading is TradingState.HALTED:
            return ()
        return (TradingHalted(scope=scope.key, at=at, cause=cause, reason=reason, by=by),)

    @staticmethod
    def reduce(
        before: RiskControl | None,
        scope: Scope,
        *,
        cause: str,
        reason: str,
        by: str,
        at: datetime,
        until: datetime | None = None,
    ) -> tuple[RiskEvent, ...]:
        """Let only what reduces pass. What is halted stays halted.

        Raises:
            InvalidValueError: no reason is given, or it would end before it begins.
        """
        reason = _said(reason)
        if until is not None and until <= at:
            msg = "a pause ends after it begins"
            raise InvalidValueError(msg)
        state = TradingState.ACTIVE if before is None else before.state_at(at)
        longer = (
            before is not None
            and before.until is not None
            and (until is None or until > before.until)
        )
        if state is TradingState.HALTED or (state is TradingState.REDUCING and not longer):
            return ()
        return (
            TradingReduced(scope=scope.key, at=at, cause=cause, reason=reason, by=by, until=until),
        )

    @staticmethod
    def resume(
        before: RiskControl | None, scope: Scope, *, reason: str, by: str, at: datetime
    ) -> tuple[RiskEvent, ...]:
        """Let it go on. Asking twice is harmless.

        Raises:
            InvalidValueError: no reason is given.
        """
        reason = _said(reason)
        if before is None or before.trading is TradingState.ACTIVE:
            return ()
        return (TradingResumed(scope=scope.key, at=at, reason=reason, by=by),)

    @staticmethod
    def change_limit(
        before: RiskControl | None,
        scope: Scope,
        limit: str,
        value: str | None,
        *,
        in_force: str | None,
        reason: str,
        by: str,
        at: datetime,
        expires_at: datetime | None = None,
    ) -> tuple[RiskEvent, ...]:
        """Set one limit of this scope; None takes away what the scope has of its own.

        `in_force` is what the wider scopes and the installation say: looser than what held here
        before is a raise, and a raise ends. Without an `expires_at` it ends after 60 minutes.

        Raises:
            InvalidLimitError: no such limit or value, or an end in the past.
            InvalidValueError: no reason is given.
        """
        reason = _said(reason)
        new = limit_value(limit, value)
        if expires_at is not None and expires_at <= at:
            msg = f"{limit} would be over before it begins"
            raise InvalidLimitError(msg)
        setting = None if before is None else before.limits.get(limit)
        old_text = None if setting is None else setting.at(at)
        if old_text == _text(new) and (setting is None or setting.expires_at == expires_at):
            return ()
        wider = limit_value(limit, in_force)
        held = wider if old_text is None else stricter(limit, limit_value(limit, old_text), wider)
        if expires_at is None and _is_looser(limit, new if value is not None else wider, held):
            expires_at = at + RAISED_FOR
        lasting = old_text
        if setting is not None and setting.expires_at is not None and not setting.is_over(at):
            lasting = setting.returns_to  # a raise upon a raise goes back to what lasts
        return (
            LimitChanged(
                scope=scope.key,
                at=at,
                limit=limit,
                old=old_text,
                new=_text(new),
                expires_at=expires_at,
                returns_to=None if expires_at is None else lasting,
                reason=reason,
                by=by,
            ),
        )

    @staticmethod
    def alarm(scope: Scope, *, cause: str, message: str, at: datetime) -> tuple[RiskEvent, ...]:
        """Tell a person of something they have to look at. Nothing is stopped by it."""
        said = message[:_REASON_LENGTH]
        return (AlarmRaised(scope=scope.key, at=at, cause=cause, message=said),)

    def lapse(self, *, at: datetime) -> tuple[RiskEvent, ...]:
        """Record what has ended by itself since the last event."""
        events: list[RiskEvent] = [
            LimitReturned(
                scope=self.scope,
                at=at,
                limit=name,
                old=setting.value,
                new=setting.returns_to,
                expired_at=setting.expires_at,
            )
            for name, setting in self.limits.items()
            if setting.expires_at is not None and setting.expires_at <= at
        ]
        if self.until is not None and self.until <= at:
            events.append(
                TradingResumed(scope=self.scope, at=at, reason="the pause is over", by=BY_ITSELF)
            )
        return tuple(events)

    def state_at(self, at: datetime) -> TradingState:
        """Return what may be traded at an instant; a pause ends by itself, a halt never does."""
        if self.until is not None and self.until <= at:
            return TradingState.ACTIVE
        return self.trading

    @staticmethod
    def begin(event: RiskEvent) -> RiskControl:
        """Return what the first event made."""
        return _after(RiskControl(scope=event.scope, updated_at=event.at), event)

    def apply(self, event: RiskEvent) -> RiskControl:
        """Return the control after `event`."""
        return _after(evolve(self, version=self.version + 1, updated_at=event.at), event)

    @staticmethod
    def from_events(events: Iterable[RiskEvent]) -> RiskControl:
        """Fold a whole history. Raises CorruptHistoryError."""
        return fold(RiskControl.begin, events)


def _after(it: RiskControl, event: RiskEvent) -> RiskControl:  # noqa: PLR0911 - one case each
    match event:
        case TradingHalted():
            return _stopped(it, event, TradingState.HALTED, None)
        case TradingReduced():
            return _stopped(it, event, TradingState.REDUCING, event.until)
        case TradingResumed():
            return evolve(
                it,
                trading=TradingState.ACTIVE,
                cause="",
                reason=event.reason,
                by=event.by,
                since=None,
                until=None,
            )
        case LimitChanged(new=None, expires_at=None):
            return _with(it, event.limit, None)
        case LimitChanged():
            setting = LimitSetting(
                value=event.new, expires_at=event.expires_at, returns_to=event.returns_to
            )
            return _with(it, event.limit, setting)
        case LimitReturned(new=None):
            return _with(it, event.limit, None)
        case LimitReturned():
            return _with(it, event.limit, LimitSetting(value=event.new))
        case AlarmRaised():
            return it


def _stopped(
    it: RiskControl,
    event: TradingHalted | TradingReduced,
    state: TradingState,
    until: datetime | None,
) -> RiskControl:
    return evolve(
        it,
        trading=state,
        cause=event.cause,
        reason=event.reason,
        by=event.by,
        since=event.at,
        until=until,
    )


def _with(it: RiskControl, limit: str, setting: LimitSetting | None) -> RiskControl:
    limits = {name: each for name, each in it.limits.items() if name != limit}
    if setting is not None:
        limits[limit] = setting
    return evolve(it, limits=MappingProxyType(limits))


def _is_looser(
    name: str, new: Decimal | tuple[str, ...] | None, held: Decimal | tuple[str, ...] | None
) -> bool:
    """Whether `new` lets something pass that `held` does not."""
    if held is None:
        return False
    return new is None or stricter(name, new, held) != new


def _text(value: Decimal | tuple[str, ...] | None) -> str | None:
    if value is None:
        return None
    return ",".join(value) if isinstance(value, tuple) else format(value, "f")


def _said(text: str) -> str:
    reason = text.strip()
    if not 0 < len(reason) <= _REASON_LENGTH or not reason.isprintable():
        msg = f"a reason is 1 to {_REASON_LENGTH} printable characters"
        raise InvalidValueError(msg)
    return reason
