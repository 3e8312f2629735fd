from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.builders import NOON, a_bar, later
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.resampling import resample
from traderbot.domain.market.sessions import NEW_YORK, Session
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import InvalidValueError

M1, M5, M15, M30, H1, H4, D1, W1 = Timeframe
PAIR = "BTC/USDT"


def minutes(numbers: Sequence[int], code: str = PAIR, start: datetime = NOON) -> list[Bar]:
    return [
        a_bar(
            symbol_code=code,
            timeframe=M1,
            at=start + timedelta(minutes=n),
            open=f"{100 + n % 7}.1",
            high=f"{110 + n % 7}.2",
            low=f"{90 + n % 7}.3",
            close=f"{100 + n % 5}.4",
            volume="0.1",
        )
        for n in numbers
    ]


def opens(bars: Sequence[Bar]) -> list[datetime]:
    return [bar.at for bar in bars]


def test_five_minutes_make_one_bar_exactly() -> None:
    (bar,) = resample(minutes(range(5)), M5).bars
    assert bar == a_bar(
        symbol_code=PAIR,
        timeframe=M5,
        open="100.1",
        high="114.2",
        low="90.3",
        close="104.4",
        volume="0.5",
    )


def test_a_period_that_is_not_over_is_left_out_and_named() -> None:
    done = resample(minutes(range(8)), M5)
    assert opens(done.bars) == [NOON]
    assert done.left_out == (later(5),)


def test_a_period_that_began_before_the_bars_is_left_out() -> None:
    done = resample(minutes(range(3, 10)), M5)
    assert (opens(done.bars), done.left_out) == ([later(5)], (NOON,))


def test_a_period_of_a_pair_with_a_hole_is_left_out() -> None:
    done = resample(minutes([0, 1, 2, 4, *range(5, 10)]), M5)
    assert (opens(done.bars), done.left_out) == ([later(5)], (NOON,))


def test_days_begin_at_midnight_and_weeks_on_mondays() -> None:
    monday = datetime(2024, 1, 1, tzinfo=UTC)
    hours = [
        a_bar(symbol_code=PAIR, at=monday + timedelta(hours=n)) for n in range(-24, 7 * 24 + 1)
    ]
    assert opens(resample(hours, D1).bars) == [monday + timedelta(days=n) for n in range(-1, 7)]
    assert opens(resample(hours, W1).bars) == [monday]
    assert opens(resample(hours, H4).bars)[0] == monday - timedelta(days=1)


def test_bars_of_shares_count_from_the_opening_in_summer_and_in_winter() -> None:
    for day, opening in (
        (datetime(2024, 1, 3, 14, 30, tzinfo=UTC), "14:30"),
        (datetime(2024, 7, 3, 13, 30, tzinfo=UTC), "13:30"),
    ):
        bars = resample(minutes(range(390), "AAPL", day), H1, NEW_YORK).bars
        assert f"{bars[0].at:%H:%M}" == opening
        assert len(bars) == 7
        assert bars[-1].at == day + timedelta(hours=6)
        assert bars[-1].volume.value == Decimal(3)  # half an hour, and the session is over


def test_a_share_without_a_trade_in_a_minute_has_its_bar_when_the_period_is_over() -> None:
    day = datetime(2024, 1, 3, 14, 30, tzinfo=UTC)
    bars = minutes([0, 2, 7], "AAPL", day)
    done = resample(bars, M5, NEW_YORK)
    assert opens(done.bars) == [day]
    assert done.left_out == (day + timedelta(minutes=5),)


def test_the_hours_outside_of_a_session_are_left_out() -> None:
    early = datetime(2024, 1, 3, 13, tzinfo=UTC)
    done = resample(minutes(range(95), "AAPL", early), M5, NEW_YORK)
    assert opens(done.bars) == [early + timedelta(minutes=90)]
    assert done.left_out == ()


def test_a_day_of_a_share_opens_at_midnight_utc_of_its_date() -> None:
    first, second = (datetime(2024, 1, n, 14, 30, tzinfo=UTC) for n in (3, 4))
    bars = [*minutes(range(300), "AAPL", first), *minutes(range(5), "AAPL", second)]
    done = resample(bars, D1, NEW_YORK)
    assert opens(done.bars) == [datetime(2024, 1, 3, tzinfo=UTC)]
    assert done.left_out == (datetime(2024, 1, 4, tzinfo=UTC),)


def test_a_week_of_a_share_is_whole_when_a_later_one_has_begun() -> None:
    monday = datetime(2024, 1, 1, tzinfo=UTC)
    days = [a_bar(timeframe=D1, at=monday + timedelta(days=n)) for n in (0, 1, 3, 4, 7)]
    done = resample(days, W1, NEW_YORK)
    assert opens(done.bars) == [monday]
    assert done.left_out == (monday + timedelta(days=7),)


def test_nothing_makes_nothing() -> None:
    assert resample([], M5).bars == ()


def test_bars_are_not_made_of_longer_ones() -> None:
    for timeframe in (M1, M5):
        with pytest.raises(InvalidValueError, match="not shorter"):
            resample([a_bar(timeframe=M5)], timeframe)


def test_one_series_at_a_time_and_oldest_first() -> None:
    with pytest.raises(InvalidValueError, match="two series"):
        resample([*minutes([0]), *minutes([1], "ETH/USDT")], M5)
    with pytest.raises(InvalidValueError, match="oldest first"):
        resample(minutes([1, 0]), M5)


def test_a_session_is_refused_that_ends_before_it_begins_or_is_nowhere() -> None:
    with pytest.raises(InvalidValueError, match="opens before"):
        Session(zone="America/New_York", opens=time(16), closes=time(9))
    with pytest.raises(InvalidValueError, match="no time zone"):
        Session(zone="Mars/Olympus", opens=time(9), closes=time(16))


@given(
    numbers=some.sets(some.integers(0, 600), max_size=300),
    first=some.sampled_from([M5, M15, M30]),
)
def test_hours_are_the_same_made_of_minutes_or_of_what_minutes_made(
    numbers: set[int], first: Timeframe
) -> None:
    bars = minutes(sorted(numbers | set(range(60, 180))))
    direct, twice = resample(bars, H1), resample(resample(bars, first).bars, H1)
    assert direct.bars == twice.bars
    assert sum(bar.volume.value for bar in direct.bars) <= sum(bar.volume.value for bar in bars)
