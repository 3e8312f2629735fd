"""Bars that are taken in are a fact of the log, on every database that has one."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from sqlalchemy import text

from tests.builders import NOON, a_bar, later
from tests.stores import ORIGIN, SqlStore
from traderbot.application.bar_import import BarImport, import_bars
from traderbot.application.ports.market_data import ConflictingBarError
from traderbot.domain.market.bar_series import digest_of
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.events import BarsRecorded
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.audit.log_audit import LogAudit
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.market_data.bar_store import SqlBarStore
from traderbot.infrastructure.persistence.database import writer_engine

BARS = [a_bar(symbol_code="BTC/USDT", at=later(60 * n)) for n in range(3)]


class Desk:
    """An importer on a database."""

    def __init__(self, store: SqlStore, stack: ExitStack) -> None:
        self.store = store
        self.engine = writer_engine(store.url)
        stack.callback(self.engine.dispose)
        self.bars = SqlBarStore(self.engine, store.reader)
        self.executor = store.desk().writer

    def take(self, bars: list[Bar], source: str = "file:btc.csv") -> BarImport:
        return import_bars(bars, source, store=self.bars, executor=self.executor, origin=ORIGIN)

    def recorded(self) -> list[BarsRecorded]:
        events = (EventCodec().event_of(line.body) for line in self.store.log())
        return [it for it in events if isinstance(it, BarsRecorded)]


@pytest.fixture
def desk(sql_store: SqlStore) -> Desk:
    return Desk(sql_store, sql_store._stack)


def test_an_import_is_recorded_with_the_digest_of_what_is_stored(desk: Desk) -> None:
    done = desk.take(BARS)
    (series,) = done.series
    assert (done.new, series.count, series.recorded) == (3, 3, True)
    (event,) = desk.recorded()
    assert (event.first_at, event.last_at, event.source) == (NOON, later(120), "file:btc.csv")
    assert event.digest == series.digest == digest_of(BARS)
    stored = desk.bars.bars(event.symbol, event.timeframe, event.first_at, later(121))
    assert digest_of(stored) == event.digest
    assert [line.stream for line in desk.store.log()] == ["market-BTC_USDT-1h"]


def test_the_same_import_again_changes_nothing(desk: Desk) -> None:
    desk.take(BARS)
    again = desk.take(BARS, "file:another-name.csv")
    assert (again.new, again.series[0].recorded) == (0, False)
    assert len(desk.recorded()) == 1


def test_the_digest_is_of_everything_stored_between_the_first_and_the_last(desk: Desk) -> None:
    desk.take(BARS[1:2])
    done = desk.take([BARS[0], BARS[2]])
    assert (done.new, done.series[0].count) == (2, 3)
    assert [it.count for it in desk.recorded()] == [1, 3]
    assert desk.recorded()[1].digest == digest_of(BARS)


def test_an_import_that_was_stored_and_not_recorded_is_recorded_by_the_next_one(desk: Desk) -> None:
    desk.bars.add(BARS)  # as if the program had ended here
    done = desk.take(BARS)
    assert (done.new, done.series[0].recorded) == (0, True)


def test_each_series_of_an_import_has_its_own_stream(desk: Desk) -> None:
    done = desk.take([*BARS, a_bar()])
    assert (done.new, len(done.series)) == (4, 2)
    assert {line.stream for line in desk.store.log()} == {"market-BTC_USDT-1h", "market-AAPL-1h"}


def test_a_refused_import_leaves_nothing(desk: Desk) -> None:
    desk.take(BARS[:1])
    with pytest.raises(ConflictingBarError):
        desk.take([BARS[1], a_bar(symbol_code="BTC/USDT", close="99")])
    assert len(desk.recorded()) == 1
    assert desk.bars.series()[0].count == 1
    with pytest.raises(InvalidValueError, match="a source"):
        desk.take(BARS, "two\nlines")


def test_nothing_at_all_is_an_import_of_nothing(desk: Desk) -> None:
    assert desk.take([]) == BarImport(new=0, series=())
    assert desk.recorded() == []


def test_the_audit_knows_such_streams(desk: Desk) -> None:
    desk.take(BARS)
    audit = LogAudit(desk.store.reader, desk.engine, EventCodec())
    with desk.store.reader.connect() as connection:
        (category,) = connection.execute(text("SELECT category FROM streams")).scalars()
    assert category == "market"
    assert {it.code for it in audit.verify().findings} <= {"NOT_SEALED"}
    assert not audit.diff().differences
