"""What the writer promises when its database breaks: a true answer, and work again afterwards."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event
from time import monotonic
from types import FrameType
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text

from tests.stores import ORIGIN, Desk, Meddled, Owned, SqlStore, Store, at_once, until
from traderbot.application.commands.portfolios import Deposit
from traderbot.application.errors import (
    DatabaseUnavailableError,
    ExternalError,
    OutcomeUnknownError,
)
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.application.ports.views import OrderFilter
from traderbot.application.views import OrderView
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Money
from traderbot.infrastructure.embedded.postgres import PostgresServer, postgres
from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.infrastructure.persistence.migrate import upgrade


@pytest.fixture(scope="module")
def migrated() -> Iterator[PostgresServer]:
    """Run a PostgreSQL that may be hurt, and that does not forget."""
    with postgres(durable=True) as server:
        engine = writer_engine(server.url)
        upgrade(engine)
        engine.dispose()
        yield server


@pytest.fixture
def server(migrated: PostgresServer) -> PostgresServer:
    """Give it, running, with whatever the tests before have left in it."""
    if not migrated.running:
        migrated.restart()
    return migrated


@pytest.fixture
def hurt(server: PostgresServer) -> Iterator[SqlStore]:
    """Give its database."""
    with ExitStack() as stack:
        yield SqlStore(stack, server.url)


def portfolio(desk: Desk, cash: str | None = None) -> Owned:
    """Open a portfolio for a user of this test alone."""
    return desk.portfolio(cash, email=f"{uuid4()}@example.org")


def cut(server: PostgresServer) -> Callable[..., None]:
    """Return what ends the writer's session on the server, and waits until it is gone."""

    def cut_now(transaction: Any, *_rest: Any) -> None:
        pid = transaction._connection.info.backend_pid
        engine = create_engine(server.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        engine.dispose()

    return cut_now


def once(work: Callable[..., None]) -> Callable[..., None]:
    """Return `work` for the first call and nothing for the others."""
    done = Event()

    def first(*args: Any) -> None:
        if not done.is_set():
            done.set()
            work(*args)

    return first


def balance(desk: Desk, owned: Owned) -> float:
    balances = desk.portfolio_now(owned).balances
    return float(balances[0].free) if balances else 0.0


# PostgreSQL --------------------------------------------------------------------------------------


def test_a_session_that_ends_before_the_commit_leaves_the_outcome_unknown(
    server: PostgresServer, hurt: SqlStore
) -> None:
    meddled = Meddled(hurt.storage())
    desk = hurt.desk(open_storage=lambda: meddled)
    owned = portfolio(desk)
    meddled.before_commit = once(cut(server))
    outcomes = desk.together([lambda: desk.deposit(owned, "1 USD")] * 5)
    assert [type(it) for it in outcomes] == [OutcomeUnknownError] * 5
    assert balance(desk, owned) == 0
    assert float(desk.deposit(owned, "7 USD").balances[0].free) == 7
    assert balance(desk, owned) == 7


def test_a_commit_whose_answer_was_lost_is_found_by_its_key(
    server: PostgresServer, hurt: SqlStore
) -> None:
    """The commit arrives, the wire is cut before the answer: asking again tells what happened."""
    meddled = Meddled(hurt.storage())
    desk = hurt.desk(open_storage=lambda: meddled)
    owned = portfolio(desk, "100000 USD")

    def commit_and_cut(transaction: Any) -> None:
        transaction.commit()
        cut(server)(transaction)
        with pytest.raises(psycopg.OperationalError):  # the driver notices, too late
            transaction._connection.execute("SELECT 1")
        raise OutcomeUnknownError("no answer came")

    meddled.before_commit = once(commit_and_cut)
    with pytest.raises(OutcomeUnknownError):
        desk.place(owned, key=owned.id)
    mine = OrderFilter(owner_id=owned.owner)
    (order,) = desk.views.orders(mine).items
    assert desk.place(owned, key=owned.id) == order
    assert len(desk.views.orders(mine).items) == 1


@pytest.mark.parametrize("callers", [1, 5])
def test_a_session_that_ends_before_the_writing_loses_nothing(
    callers: int, server: PostgresServer, hurt: SqlStore
) -> None:
    meddled = Meddled(hurt.storage())
    desk = hurt.desk(open_storage=lambda: meddled)
    owned = portfolio(desk)
    meddled.before_write = once(cut(server))
    outcomes = desk.together([lambda: desk.deposit(owned, "1 USD")] * callers)
    taken = [it for it in outcomes if not isinstance(it, DatabaseUnavailableError)]
    assert [type(it).__name__ for it in taken] == ["PortfolioView"] * len(taken)
    assert balance(desk, owned) == len(taken)
    assert float(desk.deposit(owned, "7 USD").balances[0].free) == len(taken) + 7


def test_a_session_that_ended_while_nobody_asked_is_replaced(
    server: PostgresServer, hurt: SqlStore
) -> None:
    """An idle session dies with a restart of the server; the first caller may notice, no other."""
    desk = hurt.desk()
    owned = portfolio(desk)
    server.restart()
    outcomes = [it for n in range(3) for it in at_once([lambda: desk.deposit(owned, "1 USD")], 1)]
    assert [type(it).__name__ for it in outcomes[1:]] == ["PortfolioView"] * 2
    assert isinstance(outcomes[0], DatabaseUnavailableError) or outcomes[0].version == 2
    assert balance(desk, owned) == len([it for it in outcomes if not isinstance(it, Exception)])


def test_a_server_that_is_away_for_a_while_is_found_again(
    server: PostgresServer, hurt: SqlStore
) -> None:
    desk = hurt.desk()
    owned = portfolio(desk)
    server.kill()
    # The session's own process may live on for a moment, and serve us, before it notices.
    until(lambda: isinstance(at_once([lambda: desk.deposit(owned, "1 USD")], 1)[0], ExternalError))
    for _ in range(3):
        with pytest.raises(DatabaseUnavailableError):
            desk.deposit(owned, "1 USD")
        with pytest.raises(DatabaseUnavailableError):
            desk.portfolio_now(owned)
    server.restart()
    before = balance(desk, owned)
    assert float(desk.deposit(owned, "7 USD").balances[0].free) == before + 7
    assert balance(desk, owned) == before + 7


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_a_restart_under_load_loses_and_doubles_nothing(
    how: str, server: PostgresServer, hurt: SqlStore
) -> None:
    desk = hurt.desk()
    owned = portfolio(desk, "1000000 USD")
    stop = Event()
    answers: dict[str, OrderView] = {}
    failures: dict[str, BaseException] = {}

    def keep_placing(thread: int) -> None:
        n = 0
        while not stop.is_set():
            n += 1
            key = f"{owned.id}-{thread}-{n}"
            try:
                answers[key] = desk.place(owned, key=key, quantity="1")
            except (DatabaseUnavailableError, OutcomeUnknownError) as error:
                failures[key] = error

    with ThreadPoolExecutor(8) as pool:
        busy = [pool.submit(keep_placing, thread) for thread in range(8)]
        try:
            until(lambda: len(answers) > 50)
            if how == "killed":
                server.kill()
                until(lambda: len(failures) > 50)
            server.restart()
            recovered = len(answers)
            until(lambda: len(answers) > recovered + 50)
        finally:
            stop.set()
        for future in busy:
            future.result()
    for key, order in answers.items():
        assert desk.views.order(None, OrderId(order.order_id)) is not None
        assert desk.place(owned, key=key, quantity="1") == order
    again = {key: desk.place(owned, key=key, quantity="1") for key in failures}
    placed = {order.order_id for order in (*answers.values(), *again.values())}
    assert len(placed) == len(answers) + len(again)
    balance_now = desk.portfolio_now(owned).balances[0]
    assert float(balance_now.reserved) == pytest.approx(100.1 * len(placed))


# SQLite ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sql_store", ["sqlite"], indirect=True)
def test_a_file_that_another_program_holds_is_waited_for(sql_store: SqlStore) -> None:
    desk = sql_store.desk()
    owned = portfolio(desk)
    other = sqlite3.connect(make_url(sql_store.url).database or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(desk.deposit, owned, "1 USD")
        until(lambda: desk.writer._jobs.qsize() == 0)
        assert not waiting.done()
        other.execute("ROLLBACK")
        assert waiting.result(10).version == 2
    other.close()


@pytest.mark.parametrize("sql_store", ["sqlite"], indirect=True)
@pytest.mark.parametrize("how", ["was replaced by another file", "is gone"])
def test_nothing_is_written_to_a_file_that_lost_its_name(sql_store: SqlStore, how: str) -> None:
    file = Path(make_url(sql_store.url).database or "")
    desk = sql_store.desk()
    owned = portfolio(desk)
    aside = file.with_suffix(".aside")
    file.rename(aside)
    if how != "is gone":
        file.write_bytes(aside.read_bytes())
    with pytest.raises(DatabaseUnavailableError, match=how):
        desk.deposit(owned, "1 USD")
    assert file.exists() == (how != "is gone")  # nor is an empty one made
    aside.replace(file)
    assert desk.deposit(owned, "1 USD").version == 2


@pytest.mark.parametrize("sql_store", ["sqlite"], indirect=True)
def test_a_commit_to_a_file_that_lost_its_name_meanwhile_is_unknown(sql_store: SqlStore) -> None:
    file = Path(make_url(sql_store.url).database or "")
    meddled = Meddled(sql_store.storage())
    desk = sql_store.desk(open_storage=lambda: meddled)
    owned = portfolio(desk)
    aside = file.with_suffix(".aside")

    def rename(_transaction: Any) -> None:
        file.rename(aside)

    meddled.before_commit = rename
    with pytest.raises(OutcomeUnknownError, match="is gone"):
        desk.deposit(owned, "1 USD")
    aside.replace(file)


@pytest.mark.parametrize("sql_store", ["sqlite"], indirect=True)
def test_a_full_disk_is_an_error_and_no_more(sql_store: SqlStore) -> None:
    meddled = Meddled(sql_store.storage())
    desk = sql_store.desk(open_storage=lambda: meddled)
    owned = portfolio(desk, "1000000 USD")
    pages = "PRAGMA max_page_count"
    driver = meddled.inner._driver
    (limit,) = desk.do(lambda _unit: driver.execute(pages).fetchone())
    (used,) = desk.do(lambda _unit: driver.execute("PRAGMA page_count").fetchone())
    desk.do(lambda _unit: driver.execute(f"{pages}={used + 8}"))  # room for a few orders
    outcomes = [it for _ in range(50) for it in desk.together([lambda: desk.place(owned)] * 4)]
    placed = [it for it in outcomes if isinstance(it, OrderView)]
    assert {type(it) for it in outcomes} == {OrderView, DatabaseUnavailableError}
    desk.do(lambda _unit: driver.execute(f"{pages}={limit}"))
    placed.append(desk.place(owned))
    which = OrderFilter(owner_id=owned.owner)
    found = desk.views.orders(which, limit=200).items
    assert [it.order_id for it in found] == [it.order_id for it in placed[::-1]]
    with sql_store.reader.connect() as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalars().all() == ["ok"]


# Durability of the connections themselves --------------------------------------------------------


def test_the_connections_of_the_application_are_durable(sql_store: SqlStore) -> None:
    """Asked of the very connections that are used: the writer's and a reader's."""
    storage: Any = sql_store.storage()
    if sql_store.url.startswith("sqlite"):
        driver = storage._driver
        assert driver.execute("PRAGMA synchronous").fetchone() == (2,)
        assert driver.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert driver.execute("PRAGMA foreign_keys").fetchone() == (1,)
        with sql_store.reader.connect() as connection:
            assert connection.execute(text("PRAGMA query_only")).scalar() == 1
    else:
        driver = storage.begin()._connection
        assert driver.execute("SHOW synchronous_commit").fetchone() == ("on",)
        assert driver.execute("SHOW default_transaction_read_only").fetchone() == ("off",)
        driver.rollback()
        with sql_store.reader.connect() as connection:
            assert connection.execute(text("SHOW transaction_read_only")).scalar() == "on"
    storage.close()


@pytest.mark.parametrize("thrown", [SystemExit, asyncio.CancelledError])
def test_nothing_a_handler_throws_ends_the_writer(
    sql_store: SqlStore, thrown: type[BaseException]
) -> None:
    desk = sql_store.desk()

    def leave(_unit: UnitOfWork) -> None:
        raise thrown

    with pytest.raises(RuntimeError, match=thrown.__name__):
        desk.do(leave)
    assert desk.do(lambda _unit: "still here") == "still here"


def test_an_interrupt_reaches_the_caller_it_was_meant_for(store: Store) -> None:
    """A lone caller's command runs in the caller's own thread."""
    desk = store.desk()

    def leave(_unit: UnitOfWork) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.do(leave)
    assert desk.do(lambda _unit: "still here") == "still here"


def test_an_interrupt_among_many_callers_is_the_commands_own_failure(store: Store) -> None:
    desk = store.desk()

    def leave(_unit: UnitOfWork) -> None:
        raise KeyboardInterrupt

    outcomes = desk.together([lambda: desk.do(leave), lambda: desk.do(lambda _unit: "served")])
    assert (type(outcomes[0]), outcomes[1]) == (RuntimeError, "served")


def test_an_interrupt_at_any_line_leaves_a_whole_writer(sql_store: SqlStore) -> None:
    """Ctrl-C strikes between any two lines: what is asked again with its key is done once."""
    desk = sql_store.desk()
    owned = desk.portfolio(None)
    number, struck = 0, True
    while struck:
        number += 1
        command = Deposit(owner_id=owned.owner, portfolio_id=owned.id, amount=Money("1", "USD"))
        with striking_at(number) as strike, suppress(KeyboardInterrupt):
            desk.run(command, key=f"{number}")
        struck = strike.is_set()
        desk.run(command, key=f"{number}")
        assert at_once([lambda: desk.portfolio_now(owned).version], 1) == [1 + number]
    assert number > 100
    assert balance(desk, owned) == number
    assert asyncio.run(desk.writer.execute(command, ORIGIN)).version == 2 + number


@contextmanager
def striking_at(number: int) -> Iterator[Event]:
    """Raise KeyboardInterrupt at the n-th line of this thread's way through the writer."""
    left, struck = number, Event()

    def trace(frame: FrameType, kind: str, _argument: object) -> Any:
        nonlocal left
        if "/infrastructure/persistence/" not in frame.f_code.co_filename:
            return None
        if kind == "line" and not struck.is_set():
            left -= 1
            if left == 0:
                struck.set()
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield struck
    finally:
        sys.settrace(before)


@pytest.mark.parametrize("sql_store", ["sqlite"], indirect=True)
def test_a_commit_that_could_not_be_synced_is_reported_as_unknown(sql_store: SqlStore) -> None:
    storage: Any = sql_store.storage()
    desk = sql_store.desk(open_storage=lambda: storage)
    owned = portfolio(desk, "1000 USD")

    class Unsynced:
        """A connection whose next COMMIT fails as a disk does, after the write."""

        def __init__(self, driver: sqlite3.Connection) -> None:
            self.driver = driver

        def execute(self, sql: str, *values: Any) -> Any:
            if sql == "COMMIT":
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
                raise error
            return self.driver.execute(sql, *values)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.driver, name)

    whole = storage._driver
    storage._driver = Unsynced(whole)
    with pytest.raises(OutcomeUnknownError):
        desk.deposit(owned, "1 USD")
    assert storage._driver is not whole  # what comes next has a connection of its own
    assert desk.deposit(owned, "2 USD").balances[0].free == "1002"


@pytest.mark.parametrize("sql_store", ["sqlite"], indirect=True)
def test_a_locked_database_costs_a_batch_one_wait_and_not_one_each(sql_store: SqlStore) -> None:
    meddled = Meddled(sql_store.storage())
    desk = sql_store.desk(open_storage=lambda: meddled)
    owned = portfolio(desk, "1000 USD")
    driver = meddled.inner._driver
    desk.do(lambda _unit: driver.execute("PRAGMA busy_timeout=300"))
    other = sqlite3.connect(driver.execute("PRAGMA database_list").fetchone()[2])
    other.execute("BEGIN IMMEDIATE")
    began = monotonic()
    with ThreadPoolExecutor(40) as pool:
        waiting = [pool.submit(desk.deposit, owned, "1 USD") for _ in range(40)]
        outcomes = [it.exception() for it in waiting]
    took = monotonic() - began
    other.execute("ROLLBACK")
    other.close()
    assert {type(it) for it in outcomes} == {DatabaseUnavailableError}
    assert took < 5  # forty waits would be twelve seconds
    assert desk.deposit(owned, "1 USD").balances[0].free == "1001"
