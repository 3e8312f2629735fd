"""A file of bars as a feed."""

from __future__ import annotations

from pathlib import Path

from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Symbol
from traderbot.infrastructure.market_data.bar_files import read_bars
from traderbot.infrastructure.market_data.feeds.series_feed import SeriesFeed


def file_feed(path: Path, symbol: Symbol, timeframe: Timeframe) -> SeriesFeed:
    """Return a feed of a CSV or Parquet file, which is read now and never again.

    Raises:
        BadBarsError: the file is not what it should be; the message names every bad line.
        OSError: it cannot be opened or read.
    """
    return SeriesFeed(f"file:{path.name}", read_bars(path, symbol, timeframe))
