"""Longer bars made of shorter ones, exactly.

The open is the first, the close the last, high and low the extremes, the volume the sum; nothing is
rounded. Only whole periods become bars: one that is not over, or of which a bar is missing, is left
out and named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.sessions import Session
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.decimals import sum_of
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Quantity

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time that is to become one bar."""

    opens_at: datetime  # what its bar is called by
    begins: datetime  # when the first bar of it opens
    ends: datetime  # the first instant after it


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampled:
    """The longer bars, and when the periods open that did not become one."""

    bars: tuple[Bar, ...]
    left_out: tuple[datetime, ...] = ()


def resample(
    bars: Sequence[Bar], timeframe: Timeframe, session: Session | None = None
) -> Resampled:
    """Return bars of a longer timeframe, made of the bars of one series, oldest first.

    Without a session (pairs) the periods lie on the grid of UTC: hours on the hour, days at 00:00,
    weeks on Mondays; a period is whole when every bar of it is there.

    With a session (shares) the periods of a day are counted from its opening, the last one may be
    shorter, and bars outside of all sessions are left out without a word. A day's bar opens at
    00:00 UTC of its date. A bar may be missing where nothing was traded, so a period is whole when
    it is over: when a later bar of the series is there, or one that ends with the period. A week of
    shares is made of days, and whole when a later week has begun.

    Raises:
        InvalidValueError: the bars are of several series, unsorted, or not shorter than
            `timeframe`, or the timeframe is not a whole number of them.
    """
    if not bars:
        return Resampled(bars=())
    _check(bars, timeframe)
    period_of = _on_the_grid(timeframe) if session is None else _in_sessions(timeframe, session)
    if session is not None and bars[0].timeframe.duration >= _DAY:
        period_of = _on_the_grid(timeframe)
    made: list[Bar] = []
    left_out: list[datetime] = []
    for period, group in groupby(bars, key=lambda bar: period_of(bar.at)):
        if period is None:
            continue
        parts = list(group)
        whole = (
            _is_complete(parts, period) if session is None else _is_over(parts, period, bars[-1])
        )
        if whole:
            made.append(_merged(parts, period, timeframe))
        else:
            left_out.append(period.opens_at)
    return Resampled(bars=tuple(made), left_out=tuple(left_out))


def _check(bars: Sequence[Bar], timeframe: Timeframe) -> None:
    first = bars[0]
    if first.timeframe.duration >= timeframe.duration:
        msg = f"{timeframe} bars are not made of {first.timeframe} bars, which are not shorter"
        raise InvalidValueError(msg)
    for before, bar in pairwise(bars):
        if (bar.symbol, bar.timeframe) != (first.symbol, first.timeframe):
            msg = f"bars of two series: {first.symbol} {first.timeframe}, {bar.symbol} {bar.at}"
            raise InvalidValueError(msg)
        if bar.at <= before.at:
            msg = f"bars stand oldest first; {bar.at.isoformat()} is after {before.at.isoformat()}"
            raise InvalidValueError(msg)


def _on_the_grid(timeframe: Timeframe) -> Callable[[datetime], Period | None]:
    def period_of(at: datetime) -> Period:
        begins = timeframe.opening(at)
        return Period(begins, begins, begins + timeframe.duration)

    return period_of


def _in_sessions(timeframe: Timeframe, session: Session) -> Callable[[datetime], Period | None]:
    step = timeframe.duration

    def period_of(at: datetime) -> Period | None:
        day = session.day_of(at)
        if day is None:
            return None
        opens, closes = session.on(day)
        if step >= _DAY:
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
            named = midnight if step == _DAY else timeframe.opening(midnight)
            begins = opens if step == _DAY else named
            return Period(named, begins, closes if step == _DAY else named + step)
        begins = at - (at - opens) % step
        return Period(begins, begins, min(begins + step, closes))

    return period_of


def _is_complete(parts: Sequence[Bar], period: Period) -> bool:
    step = parts[0].timeframe.duration
    expected = (period.ends - period.begins) // step
    return len(parts) == expected and all(
        (bar.at - period.begins) % step == _NOTHING for bar in parts
    )


def _is_over(parts: Sequence[Bar], period: Period, newest: Bar) -> bool:
    return parts[-1].closes_at >= period.ends or newest.closes_at >= period.ends


def _merged(parts: Iterable[Bar], period: Period, timeframe: Timeframe) -> Bar:
    each = list(parts)
    return Bar(
        symbol=each[0].symbol,
        timeframe=timeframe,
        at=period.opens_at,
        open=each[0].open,
        high=max(bar.high for bar in each),
        low=min(bar.low for bar in each),
        close=each[-1].close,
        volume=Quantity(sum_of(bar.volume.value for bar in each)),
    )


_NOTHING = timedelta(0)
