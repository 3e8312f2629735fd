"""What can happen at one scope of the risk gate: stopped, let go on, limits changed, alarms.

`scope` is the key of a `Scope`; `by` names who did it, as in the envelope's actor, so that the
state can say so too; `cause` is a stable code (MANUAL, DAILY_LOSS_MAX …), `reason` is for people.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingHalted:
    """Nothing more is sent. Only a person lets it go on."""

    scope: str
    at: datetime
    cause: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingReduced:
    """Only what makes a position smaller is sent; until then, or until a person says otherwise."""

    scope: str
    at: datetime
    cause: str
    reason: str
    by: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingResumed:
    """Everything may be sent again."""

    scope: str
    at: datetime
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitChanged:
    """One limit of this scope is another one. None: what the wider scopes say.

    `returns_to` is what comes back at `expires_at`, if it does.
    """

    scope: str
    at: datetime
    limit: str
    old: str | None
    new: str | None
    expires_at: datetime | None
    returns_to: str | None
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitReturned:
    """A raised limit went back by itself; it had not been in force since `expired_at`."""

    scope: str
    at: datetime
    limit: str
    old: str | None
    new: str | None
    expired_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRaised:
    """A person has to look at something; nothing is stopped by it."""

    scope: str
    at: datetime
    cause: str
    message: str


RiskEvent = (
    TradingHalted | TradingReduced | TradingResumed | LimitChanged | LimitReturned | AlarmRaised
)
