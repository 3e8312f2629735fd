"""What every `BarStore` promises, asked of SQLite, of PostgreSQL and of Parquet files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest
from sqlalchemy import Engine

from tests.builders import NOON, a_bar, later
from traderbot.application.errors import DatabaseUnavailableError
from traderbot.application.ports.market_data import BarStore, ConflictingBarError, SeriesSummary
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Price, Quantity, symbol
from traderbot.infrastructure.market_data.bar_store import SqlBarStore, _row
from traderbot.infrastructure.market_data.layered_store import LayeredBarStore
from traderbot.infrastructure.market_data.parquet_store import ParquetBarStore
from traderbot.infrastructure.market_data.sample_bars import sample_bars
from traderbot.infrastructure.persistence.bar_table import bars as table
from traderbot.infrastructure.persistence.database import reader_engine, writer_engine
from traderbot.infrastructure.persistence.metadata import metadata

AAPL, IBM = symbol("AAPL"), symbol("IBM")
H1, D1 = Timeframe.H1, Timeframe.D1


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bars.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = writer_engine(url)
    metadata.create_all(engine, tables=[table])
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgres", "parquet", "layered"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], BarStore]]:
    """Give what opens one store again and again, as processes do."""
    if request.param == "parquet":
        yield lambda: ParquetBarStore(tmp_path / "bars")
        return
    sqlite = f"sqlite:///{tmp_path / 'bars.db'}"
    is_postgres = request.param == "postgres"
    url = str(request.getfixturevalue("postgres_url")) if is_postgres else sqlite
    with ExitStack() as stack:
        first = writer_engine(url)
        stack.callback(first.dispose)
        metadata.create_all(first, tables=[table])

        def make() -> BarStore:
            engine, reader = writer_engine(url), reader_engine(url)
            stack.callback(engine.dispose)
            stack.callback(reader.dispose)
            store = SqlBarStore(engine, reader)
            if request.param == "layered":
                return LayeredBarStore(ParquetBarStore(tmp_path / "bars"), store)
            return store

        yield make


@pytest.fixture
def store(open_store: Callable[[], BarStore]) -> BarStore:
    return open_store()


def hourly(count: int, *, code: str = "AAPL") -> list[Bar]:
    return [a_bar(symbol_code=code, at=later(60 * n)) for n in range(count)]


def counted(store: BarStore) -> int:
    return sum(len(store.bars(it.symbol, it.timeframe)) for it in store.series())


def test_an_empty_store_has_nothing(store: BarStore) -> None:
    assert store.bars(AAPL, H1) == []
    assert store.latest(AAPL) is None
    assert store.series() == []


def test_nothing_can_be_added(store: BarStore) -> None:
    assert store.add([]) == 0


def test_bars_come_back_oldest_first_however_they_were_added(store: BarStore) -> None:
    bars = hourly(5)
    assert store.add([bars[3], bars[0], bars[4], bars[1], bars[2]]) == 5
    assert store.bars(AAPL, H1) == bars


def test_amounts_come_back_digit_for_digit(store: BarStore) -> None:
    bar = a_bar(
        open="99999999999999999998.000000000000000001",
        high="99999999999999999999.999999999999999999",
        low="0.000000000000000001",
        close="0.1",
        volume="0.000000000000000001",
    )
    store.add([bar])
    (found,) = store.bars(AAPL, H1)
    assert found == bar
    assert [str(each) for each in (found.open, found.high, found.low, found.close)] == [
        "99999999999999999998.000000000000000001",
        "99999999999999999999.999999999999999999",
        "0.000000000000000001",
        "0.1",
    ]
    assert found.volume.value.as_tuple() == bar.volume.value.as_tuple()


def test_instants_come_back_to_the_microsecond_and_in_utc(store: BarStore) -> None:
    at = datetime(2025, 1, 2, 12, 0, 0, 1, tzinfo=UTC)
    store.add([a_bar(at=at)])
    found = store.bars(AAPL, H1)[0].at
    assert found == at
    assert found.tzinfo is UTC


def test_an_earlier_century_sorts_before_a_later_one(store: BarStore) -> None:
    old, new = a_bar(at=datetime(1899, 12, 31, tzinfo=UTC)), a_bar()
    store.add([new, old])
    assert store.bars(AAPL, H1) == [old, new]


def test_adding_twice_changes_nothing(store: BarStore) -> None:
    bars = hourly(4)
    assert store.add(bars) == 4
    assert store.add(bars) == 0
    assert counted(store) == 4


def test_only_what_is_new_is_counted(store: BarStore) -> None:
    bars = hourly(6)
    store.add(bars[2:4])
    assert store.add(bars) == 4
    assert store.bars(AAPL, H1) == bars


def test_the_same_bar_twice_in_one_call_is_one_bar(store: BarStore) -> None:
    assert store.add([a_bar(), a_bar()]) == 1


def test_equal_amounts_written_differently_are_equal(store: BarStore) -> None:
    store.add([a_bar(close="105")])
    assert store.add([a_bar(close="105.000")]) == 0


@pytest.mark.parametrize("field", ["open", "high", "low", "close", "volume"])
def test_a_bar_with_another_value_is_refused_by_name(store: BarStore, field: str) -> None:
    known = a_bar(open="100", high="110", low="90", close="105")
    other = {"open": "101", "high": "111", "low": "89", "close": "106", "volume": "1001"}[field]
    value = Quantity(other) if field == "volume" else Price(other)
    offered = replace(known, **{field: value})  # type: ignore[arg-type]
    store.add([known])
    with pytest.raises(ConflictingBarError) as caught:
        store.add([offered])
    assert str(caught.value) == (
        f"AAPL 1h of 2025-01-02T12:00:00Z is known: "
        f"{field} {getattr(known, field)} is now {getattr(offered, field)}"
    )
    assert (caught.value.known, caught.value.offered) == (known, offered)


def test_a_conflict_refuses_the_whole_call(store: BarStore) -> None:
    bars = hourly(4)
    store.add(bars[1:2])
    other = replace(bars[1], close=Price("106"))
    elsewhere = hourly(3, code="IBM")
    with pytest.raises(ConflictingBarError):
        store.add([*elsewhere, bars[0], other, *bars[2:]])
    assert store.bars(AAPL, H1) == bars[1:2]
    assert store.bars(IBM, H1) == []


def test_two_bars_of_one_instant_in_one_call_are_a_conflict(store: BarStore) -> None:
    with pytest.raises(ConflictingBarError, match="close 105 is now 106"):
        store.add([a_bar(), a_bar(close="106")])
    assert counted(store) == 0


def test_series_are_kept_apart(store: BarStore) -> None:
    share, other, daily = a_bar(), a_bar(symbol_code="IBM"), a_bar(timeframe=D1)
    assert store.add([share, other, daily]) == 3
    assert store.bars(AAPL, H1) == [share]
    assert store.bars(IBM, H1) == [other]
    assert store.bars(AAPL, D1) == [daily]


def test_the_start_belongs_to_a_range_and_the_end_does_not(store: BarStore) -> None:
    bars = hourly(5)
    store.add(bars)
    assert store.bars(AAPL, H1, start=bars[1].at) == bars[1:]
    assert store.bars(AAPL, H1, end=bars[3].at) == bars[:3]
    assert store.bars(AAPL, H1, start=bars[1].at, end=bars[3].at) == bars[1:3]
    assert store.bars(AAPL, H1, start=bars[3].at, end=bars[1].at) == []


def test_a_limit_keeps_the_last_ones(store: BarStore) -> None:
    bars = hourly(5)
    store.add(bars)
    assert store.bars(AAPL, H1, limit=2) == bars[3:]
    assert store.bars(AAPL, H1, end=bars[3].at, limit=2) == bars[1:3]
    assert store.bars(AAPL, H1, limit=0) == []
    assert store.bars(AAPL, H1, limit=99) == bars


def test_a_limit_below_zero_is_refused(store: BarStore) -> None:
    with pytest.raises(InvalidValueError, match="not negative"):
        store.bars(AAPL, H1, limit=-1)


@pytest.mark.parametrize("end", ["start", "end"])
def test_an_instant_without_a_time_zone_is_refused(store: BarStore, end: str) -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(InvalidValueError, match="time zone"):
        store.bars(AAPL, H1, **{end: naive})  # type: ignore[arg-type]


def test_the_latest_is_the_one_that_closes_last(store: BarStore) -> None:
    hour = a_bar(at=later(120))  # closes at 15:00
    day = a_bar(timeframe=D1, at=NOON - timedelta(hours=12))  # opens before it, closes after it
    store.add([*hourly(3), day])
    assert store.latest(AAPL) == day
    assert store.latest(IBM) is None
    store.add([a_bar(at=NOON + timedelta(hours=12))])
    assert store.latest(AAPL) == a_bar(at=NOON + timedelta(hours=12))
    assert hour.closes_at < day.closes_at


def test_of_two_that_close_together_the_shorter_is_the_latest(store: BarStore) -> None:
    midnight = NOON + timedelta(hours=12)
    hour = a_bar(at=midnight - timedelta(hours=1))
    minute = a_bar(timeframe=Timeframe.M1, at=midnight - timedelta(minutes=1))
    day = a_bar(timeframe=D1, at=midnight - timedelta(days=1))
    store.add([day, minute, hour])
    assert store.latest(AAPL) == minute


def test_the_series_are_summed_up_in_order(store: BarStore) -> None:
    pair = a_bar(symbol_code="BTC/USDT", timeframe=Timeframe.M1)
    daily = a_bar(timeframe=D1, at=later(0))
    store.add([pair, *hourly(3), daily, a_bar(timeframe=Timeframe.M15)])
    assert store.series() == [
        SeriesSummary(symbol=AAPL, timeframe=Timeframe.M15, first=NOON, last=NOON, count=1),
        SeriesSummary(symbol=AAPL, timeframe=H1, first=NOON, last=later(120), count=3),
        SeriesSummary(symbol=AAPL, timeframe=D1, first=NOON, last=NOON, count=1),
        SeriesSummary(
            symbol=symbol("BTC/USDT"), timeframe=Timeframe.M1, first=NOON, last=NOON, count=1
        ),
    ]


def test_thirteen_years_of_days_are_added_within_a_second(store: BarStore) -> None:
    bars = sample_bars("IBM")
    started = time.perf_counter()
    assert store.add(bars) == 3270
    assert time.perf_counter() - started < 1.0
    assert store.bars(IBM, D1) == bars


def test_an_import_larger_than_one_chunk_is_still_all_or_nothing(store: BarStore) -> None:
    bars = [a_bar(timeframe=Timeframe.M1, at=later(n)) for n in range(12_000)]
    last = bars[-1]
    store.add([last])
    with pytest.raises(ConflictingBarError):
        store.add([*bars[:-1], replace(last, close=Price("106"))])
    assert counted(store) == 1
    assert store.add(bars) == 11_999


def test_one_engine_is_enough(engine: Engine) -> None:
    store = SqlBarStore(engine)
    assert store.add(hourly(3)) == 3
    assert store.bars(AAPL, H1) == hourly(3)


def test_two_processes_that_add_the_same_bars_at_once_count_each_bar_once(
    open_store: Callable[[], BarStore],
) -> None:
    bars = hourly(300)
    both = Barrier(2)
    counts: list[int] = []

    def run(mine: BarStore, in_my_order: list[Bar]) -> None:
        both.wait()
        counts.append(mine.add(in_my_order))

    threads = [
        Thread(target=run, args=(open_store(), bars)),
        Thread(target=run, args=(open_store(), bars[::-1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == counted(open_store()) == 300
    assert len(counts) == 2


def test_what_one_process_added_another_sees(open_store: Callable[[], BarStore]) -> None:
    one, other = open_store(), open_store()
    assert other.series() == []
    one.add(hourly(3))
    assert other.bars(AAPL, H1) == hourly(3)
    one.add(hourly(5))
    assert other.bars(AAPL, H1) == hourly(5)


def test_what_follows_comes_page_by_page(store: BarStore) -> None:
    bars = hourly(7)
    store.add(bars)
    assert store.following(AAPL, H1, None, 3) == bars[:3]
    assert store.following(AAPL, H1, bars[2].at, 3) == bars[3:6]
    assert store.following(AAPL, H1, bars[5].at, 3) == bars[6:]
    assert store.following(AAPL, H1, bars[6].at, 3) == []
    assert store.following(AAPL, H1, bars[0].at - timedelta(seconds=1), 2) == bars[:2]
    assert store.following(AAPL, H1, None, 0) == []
    assert store.following(IBM, H1, None, 9) == []


def test_pages_over_many_years_leave_nothing_out(store: BarStore) -> None:
    bars = [a_bar(at=NOON + timedelta(days=90 * n)) for n in range(20)]
    store.add(bars)
    seen: list[Bar] = []
    while page := store.following(AAPL, H1, seen[-1].at if seen else None, 3):
        seen += page
    assert seen == bars
    assert store.bars(AAPL, H1, limit=6) == bars[-6:]
    assert store.bars(AAPL, H1, bars[3].at, bars[17].at) == bars[3:17]


def test_a_page_starts_at_an_instant_and_is_not_below_nothing(store: BarStore) -> None:
    with pytest.raises(InvalidValueError, match="time zone"):
        store.following(AAPL, H1, NOON.replace(tzinfo=None), 1)
    with pytest.raises(InvalidValueError, match="not negative"):
        store.following(AAPL, H1, None, -1)


def test_a_database_without_the_table_is_told_in_our_words(tmp_path: Path) -> None:
    engine = writer_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    store = SqlBarStore(engine)
    for ask in (
        lambda: store.add(hourly(1)),
        lambda: store.bars(AAPL, H1),
        lambda: store.following(AAPL, H1, None, 1),
        lambda: store.latest(AAPL),
        store.series,
    ):
        with pytest.raises(DatabaseUnavailableError, match="no such table"):
            ask()
    engine.dispose()


def test_a_bar_another_process_is_adding_is_waited_for_and_compared(
    engine: Engine, url: str
) -> None:
    other = writer_engine(url)
    outcome: list[object] = []

    def add_another() -> None:
        try:
            outcome.append(SqlBarStore(other).add([a_bar(close="106")]))
        except ConflictingBarError as error:
            outcome.append(error.known)

    late = Thread(target=add_another)
    with engine.begin() as connection:
        connection.execute(table.insert(), [_row(a_bar())])
        late.start()
        late.join(0.3)
        assert late.is_alive()
        assert outcome == []
    late.join()
    other.dispose()
    assert outcome == [a_bar()]


def test_few_bars_are_live_and_many_are_files_and_nobody_sees_the_difference(
    tmp_path: Path,
) -> None:
    engine = writer_engine(f"sqlite:///{tmp_path / 'bars.db'}")
    metadata.create_all(engine, tables=[table])
    files, live = ParquetBarStore(tmp_path / "bars"), SqlBarStore(engine)
    store = LayeredBarStore(files, live)
    bars = hourly(1_000)
    store.add(bars[300:310])
    assert store.add(bars[:900], "file:long.csv") == 890
    assert store.add(bars[890:]) == 100
    assert store.add(bars) == 0
    assert (len(files.bars(AAPL, H1)), len(live.bars(AAPL, H1))) == (890, 110)
    assert store.bars(AAPL, H1) == bars
    assert store.bars(AAPL, H1, limit=150) == bars[-150:]
    assert store.following(AAPL, H1, bars[295].at, 20) == bars[296:316]
    (series,) = store.series()
    assert (series.count, series.first, series.last) == (1_000, bars[0].at, bars[-1].at)
    with pytest.raises(ConflictingBarError):
        store.add([replace(bars[5], close=Price("106"))])
    with pytest.raises(ConflictingBarError):
        store.add([replace(bars[305], close=Price("106")), *bars[500:]])
    engine.dispose()
