"""What may be traded at one scope: everything, only what reduces, or nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.ids import BotRunId, PortfolioId, uuid_text

_VENUE = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class TradingState(StrEnum):
    """ACTIVE: everything. REDUCING: only what makes a position smaller. HALTED: nothing."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"

    @property
    def severity(self) -> int:
        """How much it forbids: 0, 1, 2."""
        return _SEVERITY[self]


_SEVERITY = {TradingState.ACTIVE: 0, TradingState.REDUCING: 1, TradingState.HALTED: 2}


def strictest(states: Iterable[TradingState]) -> TradingState:
    """Return the one that forbids most; ACTIVE if there is none."""
    return max(states, key=_SEVERITY.__getitem__, default=TradingState.ACTIVE)


class ScopeKind(StrEnum):
    """How far a state or a limit reaches."""

    SYSTEM = "system"
    VENUE = "venue"
    PORTFOLIO = "portfolio"
    BOT = "bot"


@dataclass(frozen=True, slots=True)
class Scope:
    """The whole system, one venue, one portfolio, or one bot run."""

    kind: ScopeKind
    id: str = ""

    def __post_init__(self) -> None:
        """Raise InvalidValueError for an id where none belongs, or none where one does."""
        if (self.kind is ScopeKind.SYSTEM) is bool(self.id):
            msg = "a scope is system, venue-NAME, portfolio-ID or bot-ID"
            raise InvalidValueError(msg)
        if self.kind is ScopeKind.VENUE:
            if _VENUE.fullmatch(self.id) is None:
                msg = f"not a venue's name: {self.id!r:.60} (ASCII letters, digits, . _ and -)"
                raise InvalidValueError(msg)
        elif self.id:
            uuid_text(self.id)

    @property
    def key(self) -> str:
        """Its name in streams and answers: `system`, `venue-paper`, `portfolio-0192…`."""
        return f"{self.kind.value}-{self.id}" if self.id else self.kind.value

    def __str__(self) -> str:
        return self.key

    @staticmethod
    def parse(text: str) -> Scope:
        """Return the scope that `key` wrote. Raises InvalidValueError."""
        kind, _, id_ = text.partition("-")
        try:
            return Scope(ScopeKind(kind), id_)
        except ValueError as error:
            if isinstance(error, InvalidValueError):
                raise
            msg = f"not a scope: {text!r:.60} (system, venue-NAME, portfolio-ID or bot-ID)"
            raise InvalidValueError(msg) from error


SYSTEM = Scope(ScopeKind.SYSTEM)


def scopes_of(
    venue: str, portfolio_id: PortfolioId, bot_run_id: BotRunId | None = None
) -> tuple[str, ...]:
    """Return the keys of the scopes an order belongs to, the widest first.

    Keys, not scopes: this is asked for every order, and the ids were checked when they were given.
    """
    if bot_run_id is None:
        return ("system", f"venue-{venue}", f"portfolio-{portfolio_id}")
    return ("system", f"venue-{venue}", f"portfolio-{portfolio_id}", f"bot-{bot_run_id}")
