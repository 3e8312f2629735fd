"""What is odd about a series of bars. Odd is not wrong: a person decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import groupby, pairwise

from traderbot.domain.market.bars import Bar
from traderbot.domain.shared.decimals import EXACT, plain

FLAT_RUN = 5  # bars without any movement before it is worth a word
_JUMP = Decimal("0.25")
_DAY = timedelta(days=1)
_SATURDAY = 5


class FindingKind(StrEnum):
    """The kinds of oddity."""

    SPACING = "spacing"
    GAP = "gap"
    ZERO_VOLUME = "zero_volume"
    JUMP = "jump"
    FLAT_RUN = "flat_run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something odd; `at` is when its first bar opens, or the last bar before a gap."""

    kind: FindingKind
    at: datetime
    message: str

    def __str__(self) -> str:
        return f"{_shown(self.at)} {self.kind}: {self.message}"


def check(bars: Sequence[Bar]) -> list[Finding]:
    """Return what is odd about one series, oldest bar first, in the order of time.

    - spacing: most bars are not one timeframe apart; the series is of another timeframe;
    - gap: bars are missing. Saturdays and Sundays count only if the series has bars on them. Of a
      share, one missing weekday is taken for a holiday and the hours between two days for the
      night; of a pair within the day, a stretch over a closed Saturday or Sunday for the weekend;
    - zero volume: bars in which nothing was traded, one finding for each unbroken run;
    - jump: an open more than 25 % away from the close before it, as a split leaves it;
    - flat run: five bars or more without any movement.
    """
    found = [*_spacing(bars), *_gaps(bars), *_zero_volume(bars), *_jumps(bars), *_flat_runs(bars)]
    return sorted(found, key=lambda finding: finding.at)


def _spacing(bars: Sequence[Bar]) -> Iterator[Finding]:
    distances = Counter(after.at - before.at for before, after in pairwise(bars))
    if not distances:
        return
    usual, _ = distances.most_common(1)[0]
    if usual != bars[0].timeframe.duration:
        message = f"most bars are {usual} apart, which is not {bars[0].timeframe}"
        yield Finding(kind=FindingKind.SPACING, at=bars[0].at, message=message)


def _gaps(bars: Sequence[Bar]) -> Iterator[Finding]:
    seen = {bar.at.weekday() for bar in bars}
    # A weekday counts even if a short series happens to have none of its kind.
    trading_days = frozenset(day for day in range(7) if day < _SATURDAY or day in seen)
    for before, after in pairwise(bars):
        missing = _missing(before, after, trading_days)
        if missing:
            plural = "" if missing == 1 else "s"
            message = f"{missing} bar{plural} missing before {_shown(after.at)}"
            yield Finding(kind=FindingKind.GAP, at=before.at, message=message)


def _missing(before: Bar, after: Bar, trading_days: frozenset[int]) -> int:
    """Return how many bars should stand between these two."""
    step = before.timeframe.duration
    if after.at - before.at <= step:
        return 0
    between = _days_between(before.at.date(), after.at.date())
    if step == _DAY:
        open_days = sum(day.weekday() in trading_days for day in between)
        is_holiday = open_days == 1 and not before.symbol.is_pair
        return 0 if is_holiday else open_days
    if step < _DAY:
        if not before.symbol.is_pair and before.at.date() != after.at.date():
            return 0
        if any(day.weekday() not in trading_days for day in between):
            return 0
    return (after.at - before.at) // step - 1


def _days_between(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range(1, (last - first).days)]


def _zero_volume(bars: Sequence[Bar]) -> Iterator[Finding]:
    for run in _runs(bars, lambda bar: not bar.volume):
        message = f"nothing was traded in {_count(run)}"
        yield Finding(kind=FindingKind.ZERO_VOLUME, at=run[0].at, message=message)


def _jumps(bars: Sequence[Bar]) -> Iterator[Finding]:
    for before, after in pairwise(bars):
        close, open_ = before.close.value, after.open.value
        change = EXACT.divide(EXACT.subtract(open_, close), close)
        if abs(change) > _JUMP:
            percent = EXACT.multiply(change, Decimal(100)).quantize(Decimal("0.1"), context=EXACT)
            message = (
                f"opens at {plain(open_)} after a close of {plain(close)} "
                f"({percent:+} %); possibly a split"
            )
            yield Finding(kind=FindingKind.JUMP, at=after.at, message=message)


def _flat_runs(bars: Sequence[Bar]) -> Iterator[Finding]:
    for close, run in groupby(bars, key=lambda bar: bar.close if bar.high == bar.low else None):
        flat = list(run)
        if close is not None and len(flat) >= FLAT_RUN:
            message = f"the price stays at {close} for {_count(flat)}"
            yield Finding(kind=FindingKind.FLAT_RUN, at=flat[0].at, message=message)


def _runs(bars: Sequence[Bar], odd: Callable[[Bar], bool]) -> Iterator[list[Bar]]:
    for is_odd, run in groupby(bars, key=odd):
        if is_odd:
            yield list(run)


def _count(run: Sequence[Bar]) -> str:
    return "1 bar" if len(run) == 1 else f"{len(run)} bars until {_shown(run[-1].at)}"


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d}" if at.time() == at.time().min else f"{at:%Y-%m-%dT%H:%M:%SZ}"
