"""A download goes on where it was, keeps what it has, and is a fact of the log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.builders import NOON, a_bar, later
from tests.stores import ORIGIN, SqlStore
from traderbot.application.bar_download import PAUSES, Download, Downloaded, Wanted
from traderbot.application.errors import FeedUnavailableError, NotFoundError
from traderbot.application.ports.market_data import ConflictingBarError
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.events import BarsRecorded
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Price, Symbol, symbol
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.market_data.bar_store import SqlBarStore
from traderbot.infrastructure.market_data.feeds.series_feed import SeriesFeed
from traderbot.infrastructure.persistence.database import writer_engine

PAIR, H1 = symbol("BTC/USDT"), Timeframe.H1


def hourly(*numbers: int, code: str = "BTC/USDT") -> list[Bar]:
    return [a_bar(symbol_code=code, at=later(60 * n)) for n in numbers]


class Source(SeriesFeed):
    """A feed that counts what it is asked, tells a few bars at once, and fails when told to."""

    def __init__(self, bars: Sequence[Bar], page: int = 1000) -> None:
        super().__init__("venue", bars)
        self.page = page
        self.asked: list[datetime | None] = []
        self.fails: dict[int, BaseException] = {}  # by the number of the question

    def closed(
        self,
        symbol: Symbol,
        timeframe: Timeframe,
        *,
        after: datetime | None,
        until: datetime,
        limit: int = 1000,
    ) -> Sequence[Bar]:
        self.asked.append(after)
        error = self.fails.get(len(self.asked))
        if error is not None:
            raise error
        most = min(limit, self.page)
        return super().closed(symbol, timeframe, after=after, until=until, limit=most)


class Desk:
    """A downloader on a database."""

    def __init__(self, store: SqlStore, stack: ExitStack) -> None:
        self.store = store
        engine = writer_engine(store.url)
        stack.callback(engine.dispose)
        self.bars = SqlBarStore(engine, store.reader)
        self.executor = store.desk().writer
        self.slept: list[float] = []
        self.progress: list[tuple[int, int]] = []

    def fetch(
        self, feed: Source, *, hours: int = 24, code: str = "BTC/USDT", again: bool = False
    ) -> Downloaded:
        download = Download(
            feed=feed,
            store=self.bars,
            executor=self.executor,
            origin=ORIGIN,
            sleep=self.slept.append,
            on_progress=lambda *it: self.progress.append(it),
        )
        wanted = Wanted(symbol=symbol(code), timeframe=H1, since=NOON, until=later(60 * hours))
        return download.run(wanted, again=again)

    def recorded(self) -> list[BarsRecorded]:
        events = (EventCodec().event_of(line.body) for line in self.store.log())
        return [it for it in events if isinstance(it, BarsRecorded)]


@pytest.fixture
def desk(sql_store: SqlStore) -> Desk:
    return Desk(sql_store, sql_store._stack)


def test_everything_is_fetched_page_by_page_and_recorded(desk: Desk) -> None:
    bars = hourly(*range(-3, 30))
    done = desk.fetch(Source(bars, page=7))
    assert desk.bars.bars(PAIR, H1) == hourly(*range(24))
    assert (done.bars, done.new, done.first_at, done.last_at) == (24, 24, NOON, later(60 * 23))
    (event,) = desk.recorded()
    assert (event.count, event.source) == (24, "venue")


def test_a_finished_download_asks_nobody_again(desk: Desk) -> None:
    desk.fetch(Source(hourly(*range(24))))
    source = Source(hourly(*range(24)))
    assert desk.fetch(source).new == 0
    assert source.asked == []


def test_a_download_that_was_stopped_goes_on_where_it_was(desk: Desk) -> None:
    source = Source(hourly(*range(24)), page=5)
    source.fails[3] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        desk.fetch(source)
    assert desk.bars.bars(PAIR, H1) == hourly(*range(10))
    after = Source(hourly(*range(24)), page=5)
    assert desk.fetch(after).new == 14
    assert after.asked[0] == later(60 * 9)
    assert desk.bars.bars(PAIR, H1) == hourly(*range(24))


def test_a_hole_in_what_is_stored_is_filled_and_the_rest_gone_over(desk: Desk) -> None:
    desk.bars.add(hourly(*range(8), *range(11, 24)))
    source = Source(hourly(*range(24)), page=3)
    assert desk.fetch(source).new == 3
    assert source.asked == [later(60 * 7)]
    assert desk.bars.bars(PAIR, H1) == hourly(*range(24))


def test_a_feed_that_begins_later_is_asked_once_for_what_it_never_had(desk: Desk) -> None:
    desk.fetch(Source(hourly(*range(10, 24))))
    source = Source(hourly(*range(10, 24)), page=4)
    assert desk.fetch(source).new == 0
    assert len(source.asked) == 1


def test_the_nights_of_a_share_are_no_holes(desk: Desk) -> None:
    day = [n for start in (0, 24, 48) for n in range(start, start + 6)]
    desk.fetch(Source(hourly(*day, code="AAPL")), hours=72, code="AAPL")
    source = Source(hourly(*day, code="AAPL"))
    desk.fetch(source, hours=72, code="AAPL")
    assert len(source.asked) == 1  # for what may have come after the last bar


def test_a_feed_that_is_away_is_waited_for(desk: Desk) -> None:
    source = Source(hourly(*range(24)), page=10)
    source.fails = {2: FeedUnavailableError("away"), 3: FeedUnavailableError("away")}
    assert desk.fetch(source).new == 24
    assert desk.slept == list(PAUSES[:2])


def test_a_feed_that_stays_away_is_given_up_and_what_came_is_kept(desk: Desk) -> None:
    source = Source(hourly(*range(24)), page=10)
    source.fails = {n: FeedUnavailableError("away") for n in range(2, 100)}
    with pytest.raises(FeedUnavailableError):
        desk.fetch(source)
    assert desk.slept == list(PAUSES)
    assert desk.bars.bars(PAIR, H1) == hourly(*range(10))


def test_an_unknown_series_is_told_at_once(desk: Desk) -> None:
    with pytest.raises(NotFoundError):
        desk.fetch(Source(hourly(1, code="ETH/USDT")))
    assert desk.slept == []


def test_history_that_is_told_otherwise_is_refused_when_it_is_compared(desk: Desk) -> None:
    desk.fetch(Source(hourly(*range(24))))
    other = hourly(*range(24))
    other[5] = replace(other[5], close=Price("106"))
    assert desk.fetch(Source(other)).bars == 0
    with pytest.raises(ConflictingBarError, match="close 105 is now 106"):
        desk.fetch(Source(other), again=True)
    assert desk.bars.bars(PAIR, H1) == hourly(*range(24))


def test_progress_never_goes_back_and_ends_whole(desk: Desk) -> None:
    desk.fetch(Source(hourly(*range(24)), page=5))
    assert desk.progress == sorted(desk.progress)
    assert {total for _, total in desk.progress} == {24 * 3600}
    assert desk.progress[-1][0] >= 23 * 3600


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda it: replace(it, since=NOON.replace(tzinfo=None)), "aware UTC"),
        (lambda it: replace(it, until=it.since), "nothing is between"),
        (lambda it: replace(it, until=it.since - timedelta(days=1)), "nothing is between"),
    ],
)
def test_a_stretch_without_an_inside_is_refused(
    change: Callable[[Wanted], Wanted], says: str
) -> None:
    wanted = Wanted(symbol=PAIR, timeframe=H1, since=NOON, until=later(60))
    with pytest.raises(InvalidValueError, match=says):
        change(wanted)
