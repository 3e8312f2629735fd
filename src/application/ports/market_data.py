"""Where bars are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import DomainError
from traderbot.domain.shared.values import Symbol


class ConflictingBarError(DomainError):
    """Two bars of one series open at the same instant and differ. History is not rewritten."""

    code: ClassVar[str] = "CONFLICTING_BAR"

    def __init__(self, known: Bar, offered: Bar) -> None:
        self.known = known
        self.offered = offered
        differences = ", ".join(
            f"{name} {getattr(known, name)} is now {getattr(offered, name)}"
            for name in ("open", "high", "low", "close", "volume")
            if getattr(known, name) != getattr(offered, name)
        )
        at = f"{known.at:%Y-%m-%dT%H:%M:%SZ}"
        super().__init__(f"{known.symbol} {known.timeframe} of {at} is known: {differences}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSummary:
    """What is stored of one symbol in one timeframe; `first` and `last` are when bars open."""

    symbol: Symbol
    timeframe: Timeframe
    first: datetime
    last: datetime
    count: int


class BarStore(Protocol):
    """Bars by symbol and timeframe. A bar that was added never changes and never goes away.

    Every method raises DatabaseUnavailableError if what keeps the bars does not answer.
    """

    def add(self, bars: Sequence[Bar], source: str = "") -> int:
        """Keep these bars, all or none, in any order; return how many were new.

        A bar that is there already with equal values is no error and not new. `source` says where
        they come from, for stores that note it beside them; the log does so anyway.

        Raises:
            ConflictingBarError: a bar is there already, or twice in `bars`, with other values.
        """

    def bars(
        self,
        symbol: Symbol,
        timeframe: Timeframe,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> list[Bar]:
        """Return the bars that open at or after `start` and before `end`, oldest first.

        With a limit, only the last `limit` of them: what a strategy's window needs.

        Raises:
            InvalidValueError: `start` or `end` is naive, or the limit is negative.
        """

    def following(
        self, symbol: Symbol, timeframe: Timeframe, after: datetime | None, limit: int
    ) -> list[Bar]:
        """Return the first `limit` bars that open after `after`, oldest first.

        Without `after`, the first of the series: what whoever reads it page by page asks for.

        Raises:
            InvalidValueError: `after` is naive, or the limit is negative.
        """

    def latest(self, symbol: Symbol) -> Bar | None:
        """Return the bar that closes last, over all timeframes; of several, the shortest."""

    def series(self) -> list[SeriesSummary]:
        """Return what is stored, by symbol and then from the shortest timeframe to the longest."""
