"""What the risk gate is told and shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from traderbot.application.commands.halting import HaltTrading, ResumeTrading
from traderbot.application.commands.risk_limits import ChangeLimits
from traderbot.application.ports.risk import RiskAlert
from traderbot.application.queries.risk import RiskStatus
from traderbot.application.risk_views import LimitsView, RiskAnalysisView, ScopeView
from traderbot.application.switching import Halted
from traderbot.domain.risk.limits import CHANGEABLE, LIVE
from traderbot.domain.risk.trading_state import Scope, ScopeKind, TradingState
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.ids import UserId
from traderbot.presentation.api.schemas.values import (
    EXAMPLE_INSTANT,
    EXAMPLE_ORDER,
    EXAMPLE_PORTFOLIO,
    EXAMPLE_USER,
    Amount,
    Body,
    IdText,
    Instant,
    InstantText,
    LimitNumber,
    Out,
    PasswordText,
    Query,
    ReasonText,
)

_LONGEST = 4096
_SCOPE: JsonDict = {
    "scope": f"portfolio-{EXAMPLE_PORTFOLIO}",
    "state": "halted",
    "cause": "MANUAL",
    "reason": "something is wrong with the prices",
    "by": f"user:{EXAMPLE_USER}",
    "since": EXAMPLE_INSTANT,
    "until": None,
    "limits": [],
    "version": 1,
}
_ACTIVE: JsonDict = _SCOPE | {
    "state": "active",
    "cause": "",
    "reason": "the prices were looked into",
    "since": None,
    "version": 2,
}
_LIMITED: JsonDict = _ACTIVE | {
    "reason": "",
    "by": "",
    "version": 1,
    "limits": [
        {
            "limit": "order_notional_max",
            "value": "5000",
            "expires_at": None,
            "returns_to": None,
        }
    ],
}
_TEXTS: JsonDict = {**LIVE.texts()}
_LIMITS: JsonDict = {
    "scope": "system",
    "limits": _TEXTS,
    "limits_version": "settings",
    "scopes": [],
    "settings": "today",
}


def _scope_of(kind: ScopeKind, id_: str | None) -> Scope:
    return Scope(kind, id_ or "")


class _Scoped(Body):
    scope: ScopeKind = Field(description="how far it reaches", strict=False)
    id: Annotated[
        str | None,
        Field(
            max_length=64,
            description="the venue's name, or the id of the portfolio or bot run;"
            " none for the system",
        ),
    ] = None

    @model_validator(mode="after")
    def _is_a_scope(self) -> _Scoped:
        try:
            _scope_of(self.scope, self.id)
        except InvalidValueError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def asked(self) -> Scope:
        """Return the scope."""
        return _scope_of(self.scope, self.id)


class HaltBody(_Scoped):
    """What is to stop, and why."""

    reason: ReasonText
    only_reduce: bool = Field(
        default=False, description="true lets orders pass that only make a position smaller"
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "scope": "portfolio",
                    "id": EXAMPLE_PORTFOLIO,
                    "reason": "something is wrong with the prices",
                }
            ]
        }
    )

    def to_command(self, owner_id: UserId | None) -> HaltTrading:
        """Return the wish."""
        return HaltTrading(
            scope=self.asked, reason=self.reason, owner_id=owner_id, only_reduce=self.only_reduce
        )


class ResumeBody(_Scoped):
    """What is to go on, why, and the password of who says so: a token alone is not enough."""

    reason: ReasonText
    password: PasswordText = Field(description="your own, once more")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "scope": "portfolio",
                    "id": EXAMPLE_PORTFOLIO,
                    "reason": "the prices were looked into",
                    "password": "correct horse battery staple",
                }
            ]
        }
    )

    def to_command(self, owner_id: UserId | None) -> ResumeTrading:
        """Return the wish."""
        return ResumeTrading(scope=self.asked, reason=self.reason, owner_id=owner_id)


class LimitsBody(_Scoped):
    """Limits of one scope; null takes away what the scope has of its own."""

    limits: dict[str, str | None] = Field(
        min_length=1,
        max_length=len(CHANGEABLE),
        description=f"by name: {', '.join(CHANGEABLE)}",
    )
    reason: ReasonText
    expires_at: InstantText | None = Field(
        default=None, description="when it ends; a raise ends after 60 minutes if none is given"
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "scope": "portfolio",
                    "id": EXAMPLE_PORTFOLIO,
                    "limits": {"order_notional_max": "5000"},
                    "reason": "smaller until it is looked into",
                }
            ]
        }
    )

    @model_validator(mode="after")
    def _are_short(self) -> LimitsBody:
        if any(len(text or "") > _LONGEST for text in self.limits.values()):
            msg = f"a limit is at most {_LONGEST} characters"
            raise ValueError(msg)
        return self

    def to_command(self, owner_id: UserId | None, version: int | None) -> ChangeLimits:
        """Return the wish."""
        return ChangeLimits(
            scope=self.asked,
            limits=self.limits,
            reason=self.reason,
            owner_id=owner_id,
            expires_at=self.expires_at,
            expected_version=version,
        )


class ScopeLimitOut(Out):
    """One limit a scope has of its own; after `expires_at` it is `returns_to`."""

    limit: str
    value: str | None
    expires_at: Instant | None
    returns_to: str | None


class ScopeOut(Out):
    """One scope: what may be traded, since when, why and by whom."""

    scope: str
    state: TradingState
    cause: str
    reason: str
    by: str
    since: Instant | None
    until: Instant | None
    limits: list[ScopeLimitOut]
    version: int

    model_config = ConfigDict(json_schema_extra={"examples": [_ACTIVE]})

    @classmethod
    def of(cls, view: ScopeView) -> ScopeOut:
        """Show a view."""
        return cls.model_validate(view)


class ChangedOut(ScopeOut):
    """A scope after its limits were changed."""

    model_config = ConfigDict(json_schema_extra={"examples": [_LIMITED]})


class HaltedOut(Out):
    """What is stopped. `recalling` are the orders that are now asked for back."""

    scope: ScopeOut
    recorded: bool = Field(description="false: the latch holds, and the log does not have it yet")
    message: str
    recalling: list[str]

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "scope": _SCOPE,
                    "recorded": True,
                    "message": "",
                    "recalling": [EXAMPLE_ORDER],
                }
            ]
        }
    )

    @classmethod
    def of(cls, halted: Halted, recalling: Iterable[str]) -> HaltedOut:
        """Show what came of it."""
        return cls(
            scope=ScopeOut.of(halted.scope),
            recorded=halted.recorded,
            message=halted.message,
            recalling=list(recalling),
        )


class StatusOut(Out):
    """What may be traded now, of everything your orders depend on."""

    state: TradingState = Field(description="of the system and the venue, the strictest")
    latch: str | None = Field(description="why nothing may be sent, if it is not from the log")
    scopes: list[ScopeOut]

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"state": "active", "latch": None, "scopes": [_SCOPE]}]}
    )

    @classmethod
    def of(cls, status: RiskStatus) -> StatusOut:
        """Show an answer."""
        return cls.model_validate(status)


class LimitsQuery(Query):
    """Which limits: those of a scope, or those that were in force for an order."""

    scope: ScopeKind = ScopeKind.SYSTEM
    id: Annotated[str | None, Field(max_length=64)] = None
    order_id: IdText | None = None

    @model_validator(mode="after")
    def _is_one(self) -> LimitsQuery:
        try:
            _scope_of(self.scope, self.id)
        except InvalidValueError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def asked(self) -> Scope:
        """Return the scope."""
        return _scope_of(self.scope, self.id)


class LimitsOut(Out):
    """Limits in force, and their version as orders carry it."""

    scope: str
    limits: Mapping[str, str | None]
    limits_version: str
    scopes: list[ScopeOut]
    settings: Literal["today", "recorded"] = Field(
        description="whether the part of the settings is that of today, or as it was recorded with"
        " the verdict on the order"
    )

    model_config = ConfigDict(json_schema_extra={"examples": [_LIMITS]})

    @classmethod
    def of(cls, view: LimitsView) -> LimitsOut:
        """Show a view."""
        return cls.model_validate(view)


class AlertsQuery(Query):
    """How many alerts."""

    limit: LimitNumber = 50


class AlertOut(Out):
    """One thing that stopped, resumed or changed."""

    scope: str
    version: int
    at: Instant
    type: str
    cause: str
    message: str
    by: str


class AlertList(Out):
    """The newest first."""

    items: list[AlertOut]

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "scope": f"portfolio-{EXAMPLE_PORTFOLIO}",
                            "version": 1,
                            "at": EXAMPLE_INSTANT,
                            "type": "risk.halted",
                            "cause": "MANUAL",
                            "message": "something is wrong with the prices",
                            "by": f"user:{EXAMPLE_USER}",
                        }
                    ]
                }
            ]
        }
    )

    @classmethod
    def of(cls, alerts: Iterable[RiskAlert]) -> AlertList:
        """Show an answer."""
        return cls(items=[AlertOut.model_validate(each) for each in alerts])


class AnalysisQuery(Query):
    """Whose risk; by default that of all your portfolios."""

    portfolio_id: IdText | None = None


class FiguresOut(Out):
    """What a portfolio has at risk in one currency. Equity is at cost."""

    currency: str
    equity: Amount
    gross: Amount
    net: Amount
    reserved: Amount
    lost_today: Amount
    fallen: Amount
    peak: Amount


class AnalysisOut(Out):
    """A portfolio as the gate sees it."""

    portfolio_id: str
    at: Instant
    state: TradingState
    state_of: str = Field(description="the scope that says so; empty if none does")
    working_orders: int
    orders_in_last_minute: int
    figures: list[FiguresOut]
    limits: Mapping[str, str | None]
    limits_version: str


class AnalysisList(Out):
    """One analysis for each portfolio, newest portfolio first."""

    items: list[AnalysisOut]

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "portfolio_id": EXAMPLE_PORTFOLIO,
                            "at": EXAMPLE_INSTANT,
                            "state": "active",
                            "state_of": "",
                            "working_orders": 1,
                            "orders_in_last_minute": 1,
                            "figures": [
                                {
                                    "currency": "USD",
                                    "equity": "100000",
                                    "gross": "0",
                                    "net": "0",
                                    "reserved": "1001",
                                    "lost_today": "0",
                                    "fallen": "0",
                                    "peak": "0",
                                }
                            ],
                            "limits": _TEXTS,
                            "limits_version": "settings",
                        }
                    ]
                }
            ]
        }
    )

    @classmethod
    def of(cls, found: Iterable[RiskAnalysisView]) -> AnalysisList:
        """Show an answer."""
        return cls(items=[AnalysisOut.model_validate(each) for each in found])
