"""When a market is open, read off its own bars: nobody has to say it, and no list grows old.

A pair trades round the clock. A share trades on weekdays; what is missing of it is told apart from
what was never there like this:

- Saturdays and Sundays count only if the series has bars on them;
- one missing weekday is a holiday; two in a row are a hole;
- the hours between two days are the night;
- of a pair within the day, a stretch over a Saturday or Sunday on which the series never has a bar
  is a weekend (currencies).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Symbol

_DAY = timedelta(days=1)
_SATURDAY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Bars that are missing: how many, between which two that are there."""

    after: datetime  # the bar before it opens
    before: datetime  # the bar after it opens
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """On which weekdays a series has bars; Monday is 0."""

    is_pair: bool
    timeframe: Timeframe
    days: frozenset[int]

    @staticmethod
    def of(symbol: Symbol, timeframe: Timeframe, opens: Iterable[datetime]) -> Calendar:
        """Infer the calendar from the instants at which bars of a series open."""
        seen = {at.weekday() for at in opens}
        # A weekday counts even if a short series happens to have none of its kind.
        days = frozenset(day for day in range(7) if day < _SATURDAY or day in seen)
        return Calendar(is_pair=symbol.is_pair, timeframe=timeframe, days=days)

    def missing(self, before: datetime, after: datetime) -> int:
        """Return how many bars should open between two that do."""
        step = self.timeframe.duration
        if after - before <= step:
            return 0
        between = _days_between(before.date(), after.date())
        if step == _DAY:
            open_days = sum(day.weekday() in self.days for day in between)
            is_holiday = open_days == 1 and not self.is_pair
            return 0 if is_holiday else open_days
        if step < _DAY:
            if not self.is_pair and before.date() != after.date():
                return 0
            if any(day.weekday() not in self.days for day in between):
                return 0
        return (after - before) // step - 1

    def holes(self, opens: Iterable[datetime]) -> Iterator[Hole]:
        """Yield what is missing of a series, oldest first."""
        for before, after in pairwise(opens):
            missing = self.missing(before, after)
            if missing:
                yield Hole(after=before, before=after, missing=missing)


def holes_of(bars: Sequence[Bar]) -> list[Hole]:
    """Return what is missing of one series, whose bars stand oldest first."""
    if not bars:
        return []
    opens = [bar.at for bar in bars]
    return list(Calendar.of(bars[0].symbol, bars[0].timeframe, opens).holes(opens))


def _days_between(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range(1, (last - first).days)]
