"""What can be wrong with the wish for a strategy."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar

from traderbot.domain.shared.errors import DomainError


class UnknownStrategyError(DomainError):
    """Nobody registered a strategy of that name."""

    code: ClassVar[str] = "UNKNOWN_STRATEGY"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(sorted(known))
        super().__init__(f"no strategy is called {name!r:.60}{hint(name, self.known)}")


class StrategyNameTakenError(DomainError):
    """Two different classes want one name; which of them trades must not depend on import order."""

    code: ClassVar[str] = "STRATEGY_NAME_TAKEN"

    def __init__(self, name: str, holder: type) -> None:
        self.name = name
        super().__init__(f"{name!r} is already {holder.__module__}.{holder.__qualname__}")


class InvalidParameterError(DomainError):
    """A strategy cannot be made with this parameter."""

    code: ClassVar[str] = "INVALID_PARAMETER"

    def __init__(self, parameter: str, reason: str) -> None:
        self.parameter = parameter
        super().__init__(f"{parameter}: {reason}")


class StrategyAnswerError(DomainError):
    """A strategy gave something that is no answer; nothing is traded on it."""

    code: ClassVar[str] = "STRATEGY_ANSWER"


def hint(wrong: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that offers the nearest of `known`, and then all of them."""
    by_folded = {name.casefold(): name for name in known}
    if not by_folded:
        return "; there are none"
    near = get_close_matches(wrong.casefold(), by_folded, n=1)
    guess = f"; did you mean {by_folded[near[0]]}?" if near else ";"
    return f"{guess} there are: {', '.join(sorted(by_folded.values()))}"
