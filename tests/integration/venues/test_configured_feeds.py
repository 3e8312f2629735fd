"""The feed the settings name, and the budget it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import NOON, a_bar, later
from tests.venues.market import AlpacaMarket, BinanceMarket
from traderbot.application.errors import FeedUnavailableError
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import symbol
from traderbot.infrastructure.market_data.feeds.configured import open_feed, open_source
from traderbot.infrastructure.market_data.feeds.recording_file import (
    RecordingFile,
    recording_path,
)
from traderbot.infrastructure.market_data.parquet_store import ParquetBarStore
from traderbot.infrastructure.settings import ConfigurationError, Settings, load_settings
from traderbot.infrastructure.system import SystemClock

M1 = Timeframe.M1
PAIR = symbol("BTC/USDT")
KEYS = {"alpaca": {"key": "a-key", "secret": "a-secret"}}


def settings(folder: Path, **feed: object) -> Settings:
    return load_settings(
        env_file=None, arguments={"data": {"dir": str(folder)}, "feed": feed, "broker": KEYS}
    )


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("record", [True, False])
def test_what_a_live_source_tells_is_stored_and_recorded(
    tmp_path: Path, stream: bool, record: bool
) -> None:
    store = ParquetBarStore(tmp_path / "bars")
    with AlpacaMarket() as market:
        market.book.open_account("a-key", "a-secret", {})
        bars = [a_bar(timeframe=M1, at=later(n)) for n in range(3)]
        market.have(bars)
        of = settings(tmp_path, source="alpaca", base_url=market.url, stream=stream, record=record)
        with open_feed(of, store, SystemClock(), "bots") as feed:
            found = feed.closed(bars[0].symbol, M1, after=None, until=later(9))
            assert (list(found), feed.name) == (bars, "alpaca")
    assert store.bars(bars[0].symbol, M1) == bars
    seen = recording_path(tmp_path, "bots")
    assert seen.exists() is record
    if record:
        assert [it.bar for it in RecordingFile(seen).sightings()] == bars


def test_without_a_live_source_stored_bars_are_told(tmp_path: Path) -> None:
    store = ParquetBarStore(tmp_path / "bars")
    store.add([a_bar()])
    with open_feed(settings(tmp_path), store, SystemClock(), "bots") as feed:
        assert list(feed.closed(a_bar().symbol, Timeframe.H1, after=None, until=later(60))) == [
            a_bar()
        ]
        assert feed.name == "stored"


def test_bars_of_alpaca_need_its_keys(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="BROKER__ALPACA__KEY"):
        load_settings(
            env_file=None, arguments={"data": {"dir": str(tmp_path)}, "feed": {"source": "alpaca"}}
        )


def test_an_unknown_source_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with (
        pytest.raises(InvalidValueError, match=r"'kraken'; there are: ccxt:binance, alpaca"),
        open_source("kraken", settings(tmp_path)),
    ):
        pass


def test_a_budget_that_is_spent_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    with BinanceMarket() as market:
        market.have([a_bar(symbol_code="BTC/USDT", timeframe=M1, at=later(n)) for n in range(3)])
        of = settings(
            tmp_path, source="ccxt:binance", base_url=market.url, weight_per_minute=24, stream=False
        )
        with open_source("ccxt:binance", of) as feed:
            # What it trades costs 21, a page 2: then one is left.
            assert len(feed.closed(PAIR, M1, after=None, until=later(9))) == 3
            asked = len(market.seen)
            with pytest.raises(FeedUnavailableError, match="budget"):
                feed.closed(PAIR, M1, after=NOON, until=later(9))
            assert len(market.seen) == asked
