from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.builders import a_bar, later
from traderbot.application.errors import FeedUnavailableError
from traderbot.domain.market.sightings import Sighting, sighted
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import symbol
from traderbot.infrastructure.market_data.feeds.recorded_feed import RecordedFeed
from traderbot.infrastructure.market_data.feeds.recording_file import (
    RecordingFile,
    recording_path,
)
from traderbot.infrastructure.market_data.feeds.replayed_feed import ReplayedFeed
from traderbot.infrastructure.market_data.feeds.series_feed import SeriesFeed

H1 = Timeframe.H1
AAPL = symbol("AAPL")
BARS = [a_bar(at=later(60 * n), close=f"{95 + n}.000000000000000001") for n in range(3)]


class At:
    """A clock that stands."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return recording_path(tmp_path, "run-1")


def test_what_was_seen_comes_back_digit_for_digit_with_when(path: Path) -> None:
    clock = At(later(121))
    feed = RecordedFeed(SeriesFeed("memory", BARS), RecordingFile(path), clock)
    feed.closed(AAPL, H1, after=None, until=clock.at)
    clock.at = later(185)
    feed.closed(AAPL, H1, after=BARS[1].at, until=clock.at)
    assert RecordingFile(path).sightings() == [
        Sighting(bar=BARS[0], known_at=later(121), source="memory"),
        Sighting(bar=BARS[1], known_at=later(121), source="memory"),
        Sighting(bar=BARS[2], known_at=later(185), source="memory"),
    ]


def test_a_bar_asked_for_twice_is_noted_once_also_after_a_restart(path: Path) -> None:
    for _ in range(2):
        feed = RecordedFeed(SeriesFeed("memory", BARS), RecordingFile(path), At(later(200)))
        for _ in range(2):
            feed.closed(AAPL, H1, after=None, until=later(200))
    assert len(RecordingFile(path).sightings()) == 3


def test_a_bar_that_comes_back_in_another_form_is_noted_besides(path: Path) -> None:
    recording = RecordingFile(path)
    corrected = a_bar(close="106")
    for bar, at in ((a_bar(), later(60)), (corrected, later(90))):
        RecordedFeed(SeriesFeed("memory", [bar]), recording, At(at)).closed(
            AAPL, H1, after=None, until=at
        )
    assert [it.bar for it in recording.sightings()] == [a_bar(), corrected]
    replayed = ReplayedFeed("seen", recording.sightings())
    assert replayed.closed(AAPL, H1, after=None, until=later(89)) == [a_bar()]
    assert replayed.closed(AAPL, H1, after=None, until=later(90)) == [corrected]


def test_a_bar_that_came_late_comes_late_again_and_nothing_overtakes_it() -> None:
    seen = [sighted(BARS[0], timedelta(hours=3)), sighted(BARS[1])]
    feed = ReplayedFeed("seen", seen)
    assert feed.closed(AAPL, H1, after=None, until=later(200)) == []
    assert feed.closed(AAPL, H1, after=None, until=later(240)) == BARS[:2]


def test_a_line_a_power_cut_left_half_is_taken_off(path: Path) -> None:
    RecordingFile(path).note([sighted(BARS[0])])
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])
    recording = RecordingFile(path)
    assert recording.sightings() == [sighted(BARS[0])]
    recording.note([sighted(BARS[1])])
    assert recording.sightings() == [sighted(BARS[0]), sighted(BARS[1])]


def test_a_damaged_line_is_named(path: Path) -> None:
    RecordingFile(path).note([sighted(BARS[0])])
    path.write_text(path.read_text().replace('"open":"100"', '"open":100.5'))
    with pytest.raises(FeedUnavailableError, match="line 1 of the recording"):
        RecordingFile(path).sightings()


def test_nothing_is_told_that_cannot_be_written_down(tmp_path: Path) -> None:
    path = tmp_path / "seen.jsonl"
    recording = RecordingFile(path)
    feed = RecordedFeed(SeriesFeed("memory", BARS), recording, At(later(200)))
    path.unlink()
    path.mkdir()
    with pytest.raises(FeedUnavailableError, match="cannot be written"):
        feed.closed(AAPL, H1, after=None, until=later(200))
