"""Writers of one SQLite file take turns: none is kept out, and a turn is never lost."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from time import monotonic
from typing import cast

import pytest
from sqlalchemy import Engine, text

from traderbot.infrastructure.persistence import sqlite_turns
from traderbot.infrastructure.persistence.database import reader_engine, writer_engine
from traderbot.infrastructure.persistence.sqlite_turns import TurnTakingConnection

Open = Callable[[], TurnTakingConnection]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    found = writer_engine(f"sqlite:///{tmp_path / 'log.db'}")
    with found.begin() as connection:
        connection.execute(text("CREATE TABLE t (x INTEGER)"))
    yield found
    found.dispose()


@pytest.fixture
def another(engine: Engine) -> Iterator[Open]:
    with ExitStack() as stack:

        def opened() -> TurnTakingConnection:
            connection = stack.enter_context(engine.connect())
            return cast("TurnTakingConnection", connection.connection.driver_connection)

        yield opened


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_turns, "PATIENCE_SECONDS", 0.2)


def written(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM t")).scalar_one())


def write(connection: TurnTakingConnection) -> None:
    connection.begin_writing()
    connection.execute("INSERT INTO t VALUES (1)")
    connection.commit()


def test_a_writer_that_never_pauses_keeps_nobody_out(engine: Engine, another: Open) -> None:
    busy, other = another(), another()
    stop = threading.Event()

    def keep_writing() -> int:
        count = 0
        while not stop.is_set():
            write(busy)
            count += 1
        return count

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(keep_writing)
        try:
            waits = []
            for _ in range(50):
                began = monotonic()
                write(other)
                waits.append(monotonic() - began)
        finally:
            stop.set()
        count = future.result()
    assert sorted(waits)[25] < 0.5  # by SQLite's own pauses most of them take longer than that
    assert written(engine) == count + 50


def test_many_writers_lose_nothing(engine: Engine, another: Open) -> None:
    def write_many(connection: TurnTakingConnection) -> None:
        for number in range(25):
            connection.begin_writing(eager=number % 2 == 0)
            connection.execute("INSERT INTO t VALUES (1)")
            if number % 5 == 4:
                connection.rollback()
            else:
                connection.commit()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write_many, [another() for _ in range(6)]))
    assert written(engine) == 6 * 20


def test_transactions_of_the_engine_take_turns_too(engine: Engine, another: Open) -> None:
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO t VALUES (1)"))
            held.set()
            go.wait(10)

    driver = another()
    with ThreadPoolExecutor(2) as pool:
        pool.submit(hold)
        assert held.wait(10)
        waiting = pool.submit(write, driver)
        go.set()
        waiting.result(timeout=10)
    assert written(engine) == 2


@pytest.mark.parametrize("end", ["commit", "rollback", "close"])
def test_however_a_transaction_ends_the_next_one_may_come(another: Open, end: str) -> None:
    first, second = another(), another()
    first.begin_writing()
    getattr(first, end)()
    getattr(first, end)()  # asking twice gives nobody else's turn away
    second.begin_writing()
    assert not second._turns._turn.acquire(blocking=False)  # type: ignore[union-attr]
    second.rollback()


@pytest.mark.usefixtures("impatient")
def test_who_waits_too_long_is_told_and_takes_nothing_away(another: Open) -> None:
    first, second, third = another(), another(), another()
    first.begin_writing()
    for eager in (False, True):
        with pytest.raises(sqlite3.OperationalError, match="database is locked"):
            second.begin_writing(eager=eager)
    second.rollback()
    first.execute("INSERT INTO t VALUES (1)")
    first.commit()
    write(third)


@pytest.mark.usefixtures("impatient")
def test_another_process_is_waited_for_and_the_turn_given_back(
    engine: Engine, another: Open
) -> None:
    first, second = another(), another()
    first.execute("PRAGMA busy_timeout=50")
    with closing(sqlite3.connect(engine.url.database or "", isolation_level=None)) as outside:
        outside.execute("BEGIN IMMEDIATE")
        for eager in (False, True):
            with pytest.raises(sqlite3.OperationalError, match="database is locked"):
                first.begin_writing(eager=eager)
        outside.execute("ROLLBACK")
    write(second)
    write(first)


@pytest.mark.usefixtures("impatient")
def test_a_turn_that_was_lost_is_found_again(another: Open) -> None:
    first, second = another(), another()
    assert first._turns is not None
    assert first._turns.take()  # and here an interrupt came: nobody knows of it
    write(second)
    write(second)
    first._turns.give()  # if it comes back after all, it does no harm
    write(first)


def test_readers_take_no_turns(engine: Engine, another: Open) -> None:
    reading = reader_engine(str(engine.url))
    writer = another()
    writer.begin_writing()
    with reading.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM t")).scalar_one() == 0
    writer.rollback()
    reading.dispose()
