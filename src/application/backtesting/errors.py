"""Why a backtest cannot be run. What happens inside one is part of its result instead."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from traderbot.domain.shared.errors import DomainError


class InvalidBacktestError(DomainError):
    """What is asked for contradicts itself, or lacks something."""

    code: ClassVar[str] = "INVALID_BACKTEST"


class UnknownBacktestError(DomainError):
    """No backtest of that name was run here."""

    code: ClassVar[str] = "UNKNOWN_BACKTEST"


class BadSeriesError(DomainError):
    """A row of a series is no bar, or not in its place. Rows count from 0."""

    code: ClassVar[str] = "BAD_SERIES"

    def __init__(self, row: int, column: str, reason: str) -> None:
        super().__init__(f"row {row}, {column}: {reason}")
        self.row = row
        self.column = column


class MissingBarsError(DomainError):
    """There are holes in a series, and the backtest was told to refuse them."""

    code: ClassVar[str] = "MISSING_BARS"

    def __init__(self, symbol: str, after: datetime, before: datetime, holes: int) -> None:
        more = f", and {holes - 1} more holes" if holes > 1 else ""
        super().__init__(
            f"{symbol} has no bars between {after.isoformat()} and {before.isoformat()}{more}; "
            'fill them, or run with on_gap="flag"'
        )
        self.after = after
        self.before = before
        self.holes = holes


class StrategyChangedItsMindError(DomainError):
    """Asked again about the same bars, the strategy said something else: no log can be made."""

    code: ClassVar[str] = "STRATEGY_NOT_REPEATABLE"

    def __init__(self, strategy: str, at: datetime, said: str, says: str) -> None:
        super().__init__(
            f"{strategy} said {said} on the bar of {at.isoformat()} and says {says} now; a "
            "strategy answers by its bars and parameters alone: try `traderbot strategy check`"
        )
