"""What every `BarFeed` promises: files, stores, exchanges."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.builders import NOON, a_bar, later
from tests.venues.faults import GARBAGE, Call, Fault
from tests.venues.market import AlpacaMarket, BinanceMarket
from traderbot.application.errors import FeedUnavailableError, NotFoundError
from traderbot.application.ports.feeds import BarFeed
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.sightings import sighted
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Symbol, symbol
from traderbot.infrastructure.market_data.bar_store import SqlBarStore
from traderbot.infrastructure.market_data.feeds.alpaca_feed import AlpacaFeed
from traderbot.infrastructure.market_data.feeds.ccxt_feed import CcxtFeed
from traderbot.infrastructure.market_data.feeds.file_feed import file_feed
from traderbot.infrastructure.market_data.feeds.recorded_feed import RecordedFeed
from traderbot.infrastructure.market_data.feeds.recording_file import RecordingFile
from traderbot.infrastructure.market_data.feeds.replayed_feed import ReplayedFeed
from traderbot.infrastructure.market_data.feeds.series_feed import SeriesFeed
from traderbot.infrastructure.market_data.feeds.stored_feed import StoredFeed
from traderbot.infrastructure.market_data.feeds.storing_feed import StoringFeed
from traderbot.infrastructure.market_data.parquet_store import ParquetBarStore
from traderbot.infrastructure.persistence.bar_table import bars as table
from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.infrastructure.persistence.metadata import metadata
from traderbot.infrastructure.system import SystemClock

M1, D1 = Timeframe.M1, Timeframe.D1
KEY, SECRET = "a-key-of-nobody", "a-secret-of-nobody"
SECONDS = 3.0  # the machine is shared, and slowness is no failure
LONG_AFTER = NOON + timedelta(days=300)


@dataclass(slots=True)
class Source:
    """A feed, and the hand that gives it bars."""

    of: Symbol
    unknown: Symbol
    have: Callable[[Sequence[Bar]], BarFeed]
    market: BinanceMarket | AlpacaMarket | None = None

    def minutes(self, count: int, *, first: int = 0) -> list[Bar]:
        return [
            a_bar(symbol_code=self.of.code, timeframe=M1, at=later(n), close=f"{95 + n % 10}.25")
            for n in range(first, first + count)
        ]

    def venue(self) -> BinanceMarket | AlpacaMarket:
        assert self.market is not None
        return self.market


LOCAL = ("file", "memory", "stored", "recorded", "replayed", "storing")
REMOTE = ("ccxt", "alpaca")


@pytest.fixture(params=[*LOCAL, *REMOTE])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    with _source(request.param, tmp_path) as made:
        yield made


@pytest.fixture(params=REMOTE)
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    with _source(request.param, tmp_path) as made:
        yield made


@contextmanager
def _source(kind: str, folder: Path) -> Iterator[Source]:
    aapl, other = symbol("AAPL"), symbol("IBM")
    match kind:
        case "ccxt":
            with BinanceMarket() as binance, closing(_ccxt(binance)) as coins:
                pair = symbol("BTC/USDT")
                yield Source(pair, symbol("DOGE/USDT"), _having(binance, coins), binance)
        case "alpaca":
            with AlpacaMarket() as alpaca, closing(_alpaca(alpaca)) as shares:
                alpaca.book.open_account(KEY, SECRET, {"USD": Decimal(1000)})
                yield Source(aapl, other, _having(alpaca, shares), alpaca)
        case "file":
            yield Source(aapl, other, lambda bars: _file(folder / "bars.csv", bars))
        case "memory":
            yield Source(aapl, other, lambda bars: SeriesFeed("memory", bars))
        case "recorded":
            recording = RecordingFile(folder / "seen.jsonl")
            yield Source(
                aapl,
                other,
                lambda bars: RecordedFeed(SeriesFeed("memory", bars), recording, SystemClock()),
            )
        case "replayed":
            yield Source(
                aapl, other, lambda bars: ReplayedFeed("seen", [sighted(it) for it in bars])
            )
        case "storing":
            kept = ParquetBarStore(folder / "bars")
            yield Source(aapl, other, lambda bars: StoringFeed(SeriesFeed("memory", bars), kept))
        case _:
            engine = writer_engine(f"sqlite:///{folder / 'bars.db'}")
            metadata.create_all(engine, tables=[table])
            store = SqlBarStore(engine)

            def stored(bars: Sequence[Bar]) -> StoredFeed:
                store.add(bars)
                return StoredFeed(store)

            yield Source(aapl, other, stored)
            engine.dispose()


def _having(
    market: BinanceMarket | AlpacaMarket, feed: BarFeed
) -> Callable[[Sequence[Bar]], BarFeed]:
    def have(bars: Sequence[Bar]) -> BarFeed:
        market.have(bars)
        return feed

    return have


def _ccxt(market: BinanceMarket) -> CcxtFeed:
    return CcxtFeed(address=market.host, timeout_seconds=SECONDS)


def _alpaca(market: AlpacaMarket) -> AlpacaFeed:
    return AlpacaFeed(KEY, SECRET, address=market.host, timeout_seconds=SECONDS)


def _file(path: Path, bars: Sequence[Bar]) -> SeriesFeed:
    rows = [
        f"{it.at:%Y-%m-%dT%H:%M:%SZ},{it.open},{it.high},{it.low},{it.close},{it.volume}"
        for it in bars
    ]
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *rows]) + "\n")
    return file_feed(path, bars[0].symbol, bars[0].timeframe)


def followed(
    feed: BarFeed, of: Symbol, until: datetime, limit: int, after: datetime | None = None
) -> list[Bar]:
    """Follow a series to its end, as a bot does."""
    seen: list[Bar] = []
    while page := feed.closed(of, M1, after=after, until=until, limit=limit):
        seen += page
        after = page[-1].at
    return seen


def test_bars_come_oldest_first_and_digit_for_digit(source: Source) -> None:
    bars = source.minutes(5)
    odd = a_bar(
        symbol_code=source.of.code,
        timeframe=M1,
        at=later(5),
        open="0.00000001",
        high="67890.12345678",
        low="0.00000001",
        close="12345.67890123",
        volume="0.1",
    )
    feed = source.have([*bars, odd])
    found = feed.closed(source.of, M1, after=None, until=LONG_AFTER)
    assert list(found) == [*bars, odd]


def test_only_what_opens_later_is_told(source: Source) -> None:
    bars = source.minutes(5)
    feed = source.have(bars)
    found = feed.closed(source.of, M1, after=bars[2].at, until=LONG_AFTER)
    assert list(found) == bars[3:]


def test_any_instant_may_be_the_one_after_which_bars_are_asked_for(source: Source) -> None:
    bars = source.minutes(5)
    feed = source.have(bars)
    moment = timedelta(microseconds=1)
    for after, expected in (
        (bars[0].at - moment, bars),
        (bars[0].at + moment, bars[1:]),
        (bars[2].at - moment, bars[2:]),
        (bars[4].at + moment, []),
    ):
        assert list(feed.closed(source.of, M1, after=after, until=LONG_AFTER)) == expected


def test_a_bar_that_has_not_closed_is_not_told(source: Source) -> None:
    bars = source.minutes(3)
    feed = source.have(bars)
    just_before = bars[2].closes_at - timedelta(microseconds=1)
    assert list(feed.closed(source.of, M1, after=None, until=just_before)) == bars[:2]
    assert list(feed.closed(source.of, M1, after=bars[1].at, until=just_before)) == []
    assert list(feed.closed(source.of, M1, after=None, until=bars[2].closes_at)) == bars


def test_a_bar_that_is_still_growing_is_not_told_whatever_our_clock_says(remote: Source) -> None:
    remote.have(remote.minutes(3))
    feed = remote.have([])
    now = datetime.now(NOON.tzinfo)
    growing = a_bar(
        symbol_code=remote.of.code, timeframe=M1, at=now.replace(second=0, microsecond=0)
    )
    remote.have([growing])
    found = feed.closed(remote.of, M1, after=None, until=now + timedelta(hours=1))
    assert growing not in found
    assert found


def test_nothing_new_is_an_empty_answer(source: Source) -> None:
    bars = source.minutes(3)
    feed = source.have(bars)
    assert list(feed.closed(source.of, M1, after=bars[-1].at, until=LONG_AFTER)) == []


def test_at_most_so_many_are_told_and_they_are_the_oldest(source: Source) -> None:
    bars = source.minutes(7)
    feed = source.have(bars)
    assert list(feed.closed(source.of, M1, after=None, until=LONG_AFTER, limit=3)) == bars[:3]
    assert list(feed.closed(source.of, M1, after=None, until=LONG_AFTER, limit=0)) == []


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
def test_whoever_follows_sees_each_bar_once(source: Source, limit: int) -> None:
    bars = source.minutes(20)
    feed = source.have(bars)
    assert followed(feed, source.of, LONG_AFTER, limit) == bars


def test_whoever_slept_misses_nothing(source: Source) -> None:
    bars = source.minutes(30)
    feed = source.have(bars)
    seen = followed(feed, source.of, bars[10].at, 1000)
    seen += followed(feed, source.of, LONG_AFTER, 4, seen[-1].at)
    assert seen == bars


def test_an_unknown_symbol_is_not_found(source: Source) -> None:
    feed = source.have(source.minutes(1))
    with pytest.raises(NotFoundError, match=source.unknown.code):
        feed.closed(source.unknown, M1, after=None, until=LONG_AFTER)


def test_a_hole_is_gone_over(source: Source) -> None:
    bars = [*source.minutes(4), *source.minutes(4, first=10)]
    feed = source.have(bars)
    assert followed(feed, source.of, LONG_AFTER, 1000) == bars


def test_pages_of_the_venue_are_put_together(remote: Source) -> None:
    bars = remote.minutes(25)
    feed = remote.have(bars)
    remote.venue().short = 6
    assert followed(feed, remote.of, LONG_AFTER, 1000) == bars


@pytest.mark.parametrize(
    "fault",
    [
        Fault.ERROR_BEFORE,
        Fault.TOO_MANY,
        Fault.RESET_BEFORE,
        Fault.RESET,
        Fault.TIMEOUT_BEFORE,
        Fault.REDIRECT,
    ],
)
def test_a_venue_that_is_away_is_said_to_be_away_and_heals(remote: Source, fault: Fault) -> None:
    bars = remote.minutes(4)
    feed = remote.have(bars)
    assert list(feed.closed(remote.of, M1, after=None, until=bars[1].closes_at)) == bars[:2]
    rule = remote.venue().faults.add(fault, Call.MARKET)
    with pytest.raises(FeedUnavailableError):
        feed.closed(remote.of, M1, after=bars[1].at, until=LONG_AFTER)
    remote.venue().faults.remove(rule)
    assert list(feed.closed(remote.of, M1, after=bars[1].at, until=LONG_AFTER)) == bars[2:]


@pytest.mark.parametrize("body", [*GARBAGE, "[1, 2", '{"bars": 7}', '{"bars": {"AAPL": 3}}'])
def test_garbage_is_nothing_that_was_said(remote: Source, body: str) -> None:
    feed = remote.have(remote.minutes(2))
    feed.closed(remote.of, M1, after=None, until=LONG_AFTER)
    remote.venue().faults.add(Fault.GARBAGE, Call.MARKET, body=body)
    with_nothing = body == "[]" and isinstance(remote.venue(), BinanceMarket)  # an honest answer
    if with_nothing:
        assert list(feed.closed(remote.of, M1, after=later(0), until=LONG_AFTER)) == []
        return
    with pytest.raises(FeedUnavailableError):
        feed.closed(remote.of, M1, after=later(0), until=LONG_AFTER)


def test_a_slow_answer_is_no_answer(remote: Source) -> None:
    feed = remote.have(remote.minutes(2))
    feed.closed(remote.of, M1, after=None, until=LONG_AFTER)
    remote.venue().faults.add(Fault.DRIP, Call.MARKET, seconds=30)
    with pytest.raises(FeedUnavailableError):
        feed.closed(remote.of, M1, after=None, until=LONG_AFTER)


ROWS = {
    "before what was asked for": (-5, "100", "110", "90", "105", "1"),
    "a high below the low": (1, "100", "80", "90", "105", "1"),
    "a price of nothing": (1, "0", "110", "0", "105", "1"),
    "a negative volume": (1, "100", "110", "90", "105", "-1"),
    "not a number": (1, "100", "110", "90", "NaN", "1"),
    "words": (1, "100", "110", "90", "high", "1"),
    "half a minute": (0.5, "100", "110", "90", "105", "1"),
}


@pytest.mark.parametrize("what", ROWS)
def test_a_bar_that_cannot_be_is_not_believed(remote: Source, what: str) -> None:
    minute, *amounts = ROWS[what]
    at = NOON + timedelta(minutes=float(minute))
    feed = remote.have(remote.minutes(2))
    feed.closed(remote.of, M1, after=None, until=LONG_AFTER)
    remote.venue().faults.add(Fault.GARBAGE, Call.MARKET, body=_body(remote, [(at, amounts)]))
    with pytest.raises(FeedUnavailableError, match=r"believed|read"):
        feed.closed(remote.of, M1, after=later(0), until=LONG_AFTER)


def test_a_bar_that_comes_twice_is_not_believed(remote: Source) -> None:
    amounts = ["100", "110", "90", "105", "1"]
    feed = remote.have(remote.minutes(2))
    feed.closed(remote.of, M1, after=None, until=LONG_AFTER)
    rows = [(later(1), amounts), (later(1), amounts)]
    remote.venue().faults.add(Fault.GARBAGE, Call.MARKET, body=_body(remote, rows))
    with pytest.raises(FeedUnavailableError, match="believed"):
        feed.closed(remote.of, M1, after=later(0), until=LONG_AFTER)


def _body(source: Source, rows: list[tuple[datetime, list[str]]]) -> str:
    if isinstance(source.venue(), BinanceMarket):
        rest = [0, "0", 1, "0", "0", "0"]
        return json.dumps([[int(at.timestamp() * 1000), *them, *rest] for at, them in rows])
    bars = ",".join(
        f'{{"t":"{at:%Y-%m-%dT%H:%M:%SZ}","o":{o},"h":{h},"l":{low},"c":{c},"v":{v}}}'
        for at, (o, h, low, c, v) in rows
    )
    return f'{{"bars":{{"{source.of.code}":[{bars}]}},"next_page_token":null}}'


def test_an_exchange_that_told_one_page_short_is_asked_again(tmp_path: Path) -> None:
    with _source("ccxt", tmp_path) as source:
        bars = source.minutes(10)
        feed = source.have(bars)
        feed.closed(source.of, M1, after=None, until=LONG_AFTER)
        gone = _body(source, [(it.at, _amounts(it)) for it in [bars[2], *bars[5:]]])
        source.venue().faults.add(Fault.GARBAGE, Call.MARKET, body=gone, count=1)
        assert followed(feed, source.of, LONG_AFTER, 1000, bars[1].at) == bars[2:]


def test_a_hole_that_is_told_only_once_is_not_believed(tmp_path: Path) -> None:
    with _source("ccxt", tmp_path) as source:
        bars = source.minutes(10)
        feed = source.have(bars)
        feed.closed(source.of, M1, after=None, until=LONG_AFTER)
        gone = _body(source, [(it.at, _amounts(it)) for it in bars[5:]])
        source.venue().faults.add(Fault.GARBAGE, Call.MARKET, body=gone, count=1)
        with pytest.raises(FeedUnavailableError, match="hole"):
            feed.closed(source.of, M1, after=bars[1].at, until=LONG_AFTER)


def _amounts(bar: Bar) -> list[str]:
    return [str(it) for it in (bar.open, bar.high, bar.low, bar.close, bar.volume)]


def test_a_day_of_a_share_opens_at_midnight_utc_in_summer_and_in_winter(tmp_path: Path) -> None:
    with _source("alpaca", tmp_path) as source:
        days = [
            a_bar(timeframe=D1, at=NOON.replace(month=month, hour=0)) for month in (1, 3, 7, 11)
        ]
        feed = source.have(days)
        found = feed.closed(source.of, D1, after=None, until=LONG_AFTER + timedelta(days=99))
        assert list(found) == days
        found = feed.closed(source.of, D1, after=days[0].at, until=days[2].closes_at)
        assert list(found) == days[1:3]


@given(
    minutes=some.lists(some.integers(0, 200), unique=True, max_size=40),
    limit=some.integers(1, 50),
    until=some.integers(0, 202),
)
def test_any_series_is_told_whole_and_in_order(minutes: list[int], limit: int, until: int) -> None:
    bars = [a_bar(timeframe=M1, at=later(n)) for n in minutes]
    other = a_bar(timeframe=M1, at=later(-5))
    feed = SeriesFeed("memory", [*bars, other])
    seen = followed(feed, symbol("AAPL"), later(until), limit)
    wanted = [other, *sorted((it for it in bars if it.closes_at <= later(until)), key=_at)]
    assert seen == wanted


def _at(bar: Bar) -> datetime:
    return bar.at
