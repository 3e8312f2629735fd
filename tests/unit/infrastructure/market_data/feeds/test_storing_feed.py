from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

from tests.builders import NOON, a_bar, later
from traderbot.application.errors import FeedUnavailableError
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Symbol, symbol
from traderbot.infrastructure.market_data.feeds.series_feed import SeriesFeed
from traderbot.infrastructure.market_data.feeds.storing_feed import StoringFeed
from traderbot.infrastructure.market_data.parquet_store import ParquetBarStore

H1, AAPL = Timeframe.H1, symbol("AAPL")
BARS = [a_bar(at=later(60 * n), close=f"{95 + n}") for n in range(6)]


class Counted(SeriesFeed):
    """A feed that counts how often it is asked."""

    asked = 0

    def closed(
        self,
        symbol: Symbol,
        timeframe: Timeframe,
        *,
        after: datetime | None,
        until: datetime,
        limit: int = 1000,
    ) -> Sequence[Bar]:
        self.asked += 1
        return super().closed(symbol, timeframe, after=after, until=until, limit=limit)


@pytest.fixture
def store(tmp_path: Path) -> ParquetBarStore:
    return ParquetBarStore(tmp_path / "bars")


def test_two_bots_on_one_series_ask_the_source_once(store: ParquetBarStore) -> None:
    source = Counted("venue", BARS)
    feed = StoringFeed(source, store)
    for _ in range(2):
        assert list(feed.closed(AAPL, H1, after=NOON, until=later(999))) == BARS[1:]
    assert source.asked == 1
    assert store.bars(AAPL, H1) == BARS[1:]


def test_a_hole_in_what_is_stored_is_asked_for(store: ParquetBarStore) -> None:
    store.add([BARS[1], BARS[4]])
    feed = StoringFeed(Counted("venue", BARS), store)
    assert list(feed.closed(AAPL, H1, after=NOON, until=later(999))) == [BARS[1]]
    assert list(feed.closed(AAPL, H1, after=BARS[1].at, until=later(999))) == BARS[2:]


def test_what_is_stored_is_told_even_if_the_source_tells_it_otherwise_now(
    store: ParquetBarStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.add([BARS[2]])
    corrected = a_bar(at=BARS[2].at, close="109")
    feed = StoringFeed(SeriesFeed("venue", [*BARS[:2], corrected, *BARS[3:]]), store)
    with caplog.at_level(logging.WARNING):
        assert list(feed.closed(AAPL, H1, after=None, until=later(999))) == BARS
    assert "otherwise" in caplog.text
    assert store.bars(AAPL, H1) == BARS


def test_nothing_is_told_that_cannot_be_stored(store: ParquetBarStore, tmp_path: Path) -> None:
    (tmp_path / "bars").write_text("")
    feed = StoringFeed(SeriesFeed("venue", BARS), store)
    with pytest.raises(FeedUnavailableError):
        feed.closed(AAPL, H1, after=NOON, until=later(999))
