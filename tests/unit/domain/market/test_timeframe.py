from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from traderbot.domain.market.timeframe import Timeframe

INSTANTS = some.timedeltas(timedelta(days=-30_000), timedelta(days=30_000)).map(
    lambda passed: datetime(2000, 1, 1, tzinfo=UTC) + passed
)


@pytest.mark.parametrize(
    ("timeframe", "opening"),
    [
        (Timeframe.M15, datetime(2025, 1, 2, 13, 45, tzinfo=UTC)),
        (Timeframe.H4, datetime(2025, 1, 2, 12, tzinfo=UTC)),
        (Timeframe.D1, datetime(2025, 1, 2, tzinfo=UTC)),
        (Timeframe.W1, datetime(2024, 12, 30, tzinfo=UTC)),  # a Monday
    ],
)
def test_bars_open_on_the_grid_of_utc(timeframe: Timeframe, opening: datetime) -> None:
    assert timeframe.opening(datetime(2025, 1, 2, 13, 59, 59, 999_999, tzinfo=UTC)) == opening


@given(INSTANTS, some.sampled_from(Timeframe))
def test_every_instant_lies_in_one_bar_and_before_the_next(
    at: datetime, timeframe: Timeframe
) -> None:
    opening = timeframe.opening(at)
    assert opening <= at < opening + timeframe.duration
    assert timeframe.opening(opening) == opening
    assert timeframe.next_opening(at) == opening + timeframe.duration
    assert timeframe.next_opening(opening - timedelta(microseconds=1)) == opening
