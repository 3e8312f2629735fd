from __future__ import annotations

from datetime import timedelta

import pytest

from tests.builders import NOON
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.market_data.feeds.paced_clock import PacedClock


def test_a_replay_begins_where_it_is_told_and_runs_as_fast_as_it_is_told() -> None:
    passed = [5_000_000_000]
    clock = PacedClock(NOON, 60, lambda: passed[0])
    assert clock.now() == NOON
    passed[0] += 1_500_000_000
    assert clock.now() == NOON + timedelta(seconds=90)


def test_a_replay_that_stands_or_begins_nowhere_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="1 or more"):
        PacedClock(NOON, 0)
    with pytest.raises(InvalidValueError, match="aware UTC"):
        PacedClock(NOON.replace(tzinfo=None))
