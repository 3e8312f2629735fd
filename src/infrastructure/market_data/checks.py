"""What is odd about a series of bars. Odd is not wrong: a person decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import groupby, pairwise

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.calendar import holes_of
from traderbot.domain.shared.decimals import EXACT, plain

FLAT_RUN = 5  # bars without any movement before it is worth a word
_JUMP = Decimal("0.25")
_DAY = timedelta(days=1)
_TWICE = Decimal(2)
_ADVICE = {
    "spacing": "import them as the timeframe they have, or resample them",
    "mixed_zones": "export the file again in UTC; local time moves by an hour in spring",
    "gap": "bring the missing bars with: traderbot data download, or leave them out knowingly",
    "zero_volume": "leave them, or do not trade there: a fill needs somebody to trade with",
    "jump": "if it is a split, adjust the bars before it before you import them",
    "spike": "compare the bar with another source, and correct it before you import it",
    "flat_run": "compare with another source: feeds repeat the last price when they stand still",
}


class FindingKind(StrEnum):
    """The kinds of oddity."""

    SPACING = "spacing"
    MIXED_ZONES = "mixed_zones"
    GAP = "gap"
    ZERO_VOLUME = "zero_volume"
    JUMP = "jump"
    SPIKE = "spike"
    FLAT_RUN = "flat_run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something odd; `at` is when its first bar opens, or the last bar before a gap.

    `row` counts the bars of the series from 1, and `column` is the one to look at.
    """

    kind: FindingKind
    at: datetime
    message: str
    row: int = field(default=0, compare=False)
    column: str = field(default="at", compare=False)

    @property
    def advice(self) -> str:
        """What to do about it."""
        return _ADVICE[self.kind]

    def __str__(self) -> str:
        return f"{_shown(self.at)} {self.kind}: {self.message}"


def check(bars: Sequence[Bar]) -> list[Finding]:
    """Return what is odd about one series, oldest bar first, in the order of time.

    - spacing: most bars are not one timeframe apart; the series is of another timeframe;
    - mixed zones: days that do not all open at one hour, as local time leaves them;
    - gap: bars are missing, by the calendar read off the series; see `Calendar`;
    - zero volume: bars in which nothing was traded, one finding for each unbroken run;
    - jump: an open more than 25 % away from the close before it, as a split leaves it;
    - spike: a price that is twice, or half, what both neighbours have, and is gone again;
    - flat run: five bars or more without any movement.
    """
    rows = {bar.at: row for row, bar in enumerate(bars, start=1)}
    found = [
        *_spacing(bars),
        *_mixed_zones(bars),
        *_gaps(bars),
        *_zero_volume(bars),
        *_jumps(bars),
        *_spikes(bars),
        *_flat_runs(bars),
    ]
    placed = (replace(finding, row=rows[finding.at]) for finding in found)
    return sorted(placed, key=lambda finding: finding.at)


def _spacing(bars: Sequence[Bar]) -> Iterator[Finding]:
    distances = Counter(after.at - before.at for before, after in pairwise(bars))
    if not distances:
        return
    usual, _ = distances.most_common(1)[0]
    if usual != bars[0].timeframe.duration:
        message = f"most bars are {usual} apart, which is not {bars[0].timeframe}"
        yield Finding(kind=FindingKind.SPACING, at=bars[0].at, message=message)


def _mixed_zones(bars: Sequence[Bar]) -> Iterator[Finding]:
    if not bars or bars[0].timeframe.duration < _DAY:
        return
    hours = Counter(bar.at.time() for bar in bars)
    if len(hours) > 1:
        usual, _ = hours.most_common(1)[0]
        first = next(bar for bar in bars if bar.at.time() != usual)
        others = ", ".join(f"{hour:%H:%M}" for hour in sorted(hours))
        message = f"bars open at {len(hours)} hours of the day: {others:.60}"
        yield Finding(kind=FindingKind.MIXED_ZONES, at=first.at, message=message)


def _gaps(bars: Sequence[Bar]) -> Iterator[Finding]:
    for hole in holes_of(bars):
        plural = "" if hole.missing == 1 else "s"
        message = f"{hole.missing} bar{plural} missing before {_shown(hole.before)}"
        yield Finding(kind=FindingKind.GAP, at=hole.after, message=message)


def _zero_volume(bars: Sequence[Bar]) -> Iterator[Finding]:
    for run in _runs(bars, lambda bar: not bar.volume):
        message = f"nothing was traded in {_count(run)}"
        yield Finding(kind=FindingKind.ZERO_VOLUME, at=run[0].at, message=message, column="volume")


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
            yield Finding(kind=FindingKind.JUMP, at=after.at, message=message, column="open")


def _spikes(bars: Sequence[Bar]) -> Iterator[Finding]:
    for before, bar, after in zip(bars, bars[1:], bars[2:], strict=False):
        highest = EXACT.multiply(max(before.high.value, after.high.value), _TWICE)
        lowest = EXACT.divide(min(before.low.value, after.low.value), _TWICE)
        for column in ("open", "high", "low", "close"):
            price = getattr(bar, column).value
            if not lowest <= price <= highest:
                message = (
                    f"{column} {plain(price)} between bars from {min(before.low, after.low)} "
                    f"to {max(before.high, after.high)}"
                )
                yield Finding(kind=FindingKind.SPIKE, at=bar.at, message=message, column=column)
                break


def _flat_runs(bars: Sequence[Bar]) -> Iterator[Finding]:
    for close, run in groupby(bars, key=lambda bar: bar.close if bar.high == bar.low else None):
        flat = list(run)
        if close is not None and len(flat) >= FLAT_RUN:
            message = f"the price stays at {close} for {_count(flat)}"
            yield Finding(kind=FindingKind.FLAT_RUN, at=flat[0].at, message=message, column="close")


def _runs(bars: Sequence[Bar], odd: Callable[[Bar], bool]) -> Iterator[list[Bar]]:
    for is_odd, run in groupby(bars, key=odd):
        if is_odd:
            yield list(run)


def _count(run: Sequence[Bar]) -> str:
    return "1 bar" if len(run) == 1 else f"{len(run)} bars until {_shown(run[-1].at)}"


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d}" if at.time() == at.time().min else f"{at:%Y-%m-%dT%H:%M:%SZ}"
