"""State rows are what the log makes; where they are not, `diff` says it and `rebuild` mends it."""
# ruff: noqa: S608 - names of our own tables and columns

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from tests.integration.audit.log import Log
from tests.integration.audit.story import Teller
from traderbot.application.commands.portfolios import Deposit
from traderbot.application.errors import DatabaseUnavailableError
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.domain.shared.values import Money
from traderbot.infrastructure.audit import diff as diff_module
from traderbot.infrastructure.audit.log_audit import LogAudit
from traderbot.infrastructure.event_store.codec import EventCodec

NOBODY = "0192f0c1-0000-7000-8000-fffffffffff2"
TABLES = (
    "users",
    "portfolios",
    "balances",
    "positions",
    "orders",
    "trades",
    "ledger_entries",
    "bot_runs",
)


def contents(log: Log) -> dict[str, list[Mapping[str, Any]]]:
    """Return every state row, in any order that is the same twice."""
    return {
        table: sorted(log.rows(f"SELECT * FROM {table}"), key=lambda row: str(dict(row)))
        for table in TABLES
    }


# --- a clean database -------------------------------------------------------------------------


def test_there_is_no_difference_in_a_clean_database(log: Log) -> None:
    report = log.audit.diff()
    assert (report.differences, report.ledger_imbalances, report.unlisted) == ([], [], 0)
    assert report.events == log.story.events
    assert report.rows == sum(map(len, contents(log).values()))


def test_portions_of_any_size_give_the_same(log: Log, request: pytest.FixtureRequest) -> None:
    log.change("UPDATE orders SET filled = '3' WHERE order_id = :o", o=log.story.bought)
    log.change("DELETE FROM ledger_entries WHERE stream_version = 3")
    log.change("UPDATE trades SET price = '1' WHERE order_id = :o", o=log.story.coins)
    whole = log.audit.diff()
    assert len(whole.differences) == 6
    request.getfixturevalue("small_portions")
    seen: list[tuple[int, int]] = []
    parts = log.audit.diff(lambda done, total: seen.append((done, total)))
    key = [str(it) for it in whole.differences]
    assert sorted(str(it) for it in parts.differences) == sorted(key)
    assert sorted(parts.ledger_imbalances) == sorted(whole.ledger_imbalances)
    assert (parts.rows, parts.events) == (whole.rows, whole.events)
    assert seen[-1] == (whole.events, whole.events)


def test_a_row_may_be_older_than_its_stream_if_nothing_of_it_changed(log: Log) -> None:
    versions = {row["stream_version"] for row in log.rows("SELECT * FROM positions")}
    assert len(versions) > 1  # a position is written when it changes, not with every event
    newest = max(row["stream_version"] for row in log.rows("SELECT * FROM portfolios"))
    changed = log.change("UPDATE positions SET stream_version = :v", v=newest + 1)
    found = log.differences()
    assert {column for _, _, column, _, _ in found} == {"stream_version"}
    assert len(found) == changed


# --- what was done to a row -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "column", "key", "stored"),
    [
        ("users", "role", "alice", "admin"),
        ("users", "active", "bob", True),
        ("portfolios", "name", "portfolio", "mine"),
        ("orders", "filled", "bought", "9"),
        ("orders", "limit_price", "bought", None),
        ("orders", "reasons", "refused", "[]"),
        ("orders", "status", "canceled", "filled"),
        ("orders", "placed_at", "bought", "2020-01-01T00:00:00.000000Z"),
        ("orders", "stream_version", "bought", 77),
        ("bot_runs", "decisions", "bot_run", 77),
        ("bot_runs", "last_bar_at", "bot_run", None),
    ],
)
def test_an_edited_column_is_found(
    log: Log, table: str, column: str, key: str, stored: object
) -> None:
    id_ = getattr(log.story, key)
    name = {"bot_runs": "bot_run_id"}.get(table, f"{table[:-1]}_id")
    log.change(f"UPDATE {table} SET {column} = :v WHERE {name} = :id", v=stored, id=id_)
    (difference,) = log.audit.diff().differences
    assert (difference.table, difference.key, difference.column) == (table, id_, column)
    assert difference.stored == {True: "true", None: None}.get(stored, str(stored))  # type: ignore[call-overload]
    assert difference.computed != difference.stored
    newest = log.rows(
        "SELECT event_id FROM events WHERE stream_id LIKE :s ORDER BY version DESC", s=f"%-{id_}"
    )
    assert difference.last_event == newest[0]["event_id"]


def test_an_amount_edited_in_orders_is_named_with_both_values(log: Log) -> None:
    log.change("UPDATE orders SET paid = '998.0001' WHERE order_id = :o", o=log.story.bought)
    assert log.differences() == {("orders", log.story.bought, "paid", "998.0001", "998")}


def test_an_amount_in_another_form_is_a_difference_where_it_is_text(log: Log) -> None:
    log.change("UPDATE orders SET paid = '998.00' WHERE order_id = :o", o=log.story.bought)
    expected = {("orders", log.story.bought, "paid", "998.00", "998")}
    assert log.differences() == (expected if log.writing.dialect.name == "sqlite" else set())


def test_a_missing_row_is_found_in_every_table(log: Log) -> None:
    for table in TABLES:
        before = log.differences()
        rows = log.change(f"DELETE FROM {table}")
        gone = log.differences() - before
        assert len(gone) == rows > 0
        assert {(it[0], *it[2:]) for it in gone} == {(table, None, None, "a row")}


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        ("users", {"user_id": NOBODY}),
        ("portfolios", {"portfolio_id": NOBODY}),
        ("balances", {"portfolio_id": NOBODY}),
        ("balances", {"currency": "XYZ"}),
        ("positions", {"portfolio_id": NOBODY}),
        ("positions", {"symbol": "XYZ"}),
        ("orders", {"order_id": NOBODY}),
        ("trades", {"order_id": NOBODY}),
        ("trades", {"fill_id": "another"}),
        ("trades", {"fill_id": "another", "stream_version": 77}),
        ("trades", {"portfolio_id": NOBODY, "order_id": NOBODY}),
        ("ledger_entries", {"portfolio_id": NOBODY}),
        ("ledger_entries", {"stream_version": 77}),
        ("ledger_entries", {"line": 77}),
        ("bot_runs", {"bot_run_id": NOBODY}),
    ],
)
def test_a_row_that_should_not_be_there_is_found(
    log: Log, table: str, changes: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    row = dict(log.rows(f"SELECT * FROM {table}")[0]) | changes
    log.insert(table, row)
    (difference,) = log.audit.diff().differences
    assert (difference.table, difference.column) == (table, None)
    assert (difference.stored, difference.computed) == ("a row", None)
    assert all(str(value) in difference.key for name, value in changes.items() if "v" not in name)
    request.getfixturevalue("small_portions")
    assert log.audit.diff().differences == [difference]


def test_a_trade_given_to_somebody_else_is_one_difference(log: Log) -> None:
    log.change(
        "UPDATE trades SET portfolio_id = :p, stream_version = 77 WHERE order_id = :o",
        p=log.story.bobs_portfolio,
        o=log.story.coins,
    )
    found = log.differences()
    assert {column for _, _, column, _, _ in found} == {"portfolio_id", "stream_version"}
    log.insert("trades", dict(log.rows("SELECT * FROM trades")[0]) | {"fill_id": "another"})
    assert len(log.differences() - found) == 1


def test_at_most_a_thousand_differences_are_listed(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diff_module, "LISTED", 3)
    log.change("DELETE FROM ledger_entries")
    rows = len(contents(log)["trades"])
    report = log.audit.diff()
    assert len(report.differences) == 3
    assert report.unlisted > rows
    assert log.audit.rebuild().unlisted == report.unlisted


# --- the books --------------------------------------------------------------------------------


def test_an_edited_ledger_line_no_longer_balances(log: Log) -> None:
    mine = log.story.portfolio
    log.change(
        "UPDATE ledger_entries SET amount = '-0.01' "
        "WHERE portfolio_id = :p AND stream_version = 2 AND line = 0",
        p=mine,
    )
    report = log.audit.diff()
    (difference,) = report.differences
    assert difference.key == f"{mine}/2/0"
    assert (difference.stored, difference.computed) == ("-0.01", "-100000")
    assert report.ledger_imbalances == [f"portfolio-{mine} v2: 99999.99 USD is left"]


def test_a_balanced_forgery_is_found_by_what_is_shown(log: Log) -> None:
    mine = log.story.portfolio
    for line, amount in ((0, "-200000"), (1, "200000")):
        log.change(
            "UPDATE ledger_entries SET amount = :a "
            "WHERE portfolio_id = :p AND stream_version = 2 AND line = :n",
            a=amount,
            p=mine,
            n=line,
        )
    report = log.audit.diff()
    assert len(report.differences) == 2
    (imbalance,) = report.ledger_imbalances
    assert imbalance.startswith(f"portfolio-{mine}: cash:free adds up to ")


@pytest.mark.parametrize(
    ("table", "column", "account"),
    [
        ("balances", "free", "cash:free"),
        ("balances", "reserved", "cash:reserved"),
        ("balances", "collateral", "cash:collateral"),
        ("positions", "cost", "position:"),
    ],
)
def test_an_edited_balance_does_not_agree_with_the_books(
    log: Log, table: str, column: str, account: str
) -> None:
    row = log.rows(f"SELECT * FROM {table} WHERE portfolio_id = :p", p=log.story.portfolio)[0]
    what = "currency" if table == "balances" else "symbol"
    log.change(
        f"UPDATE {table} SET {column} = '7' WHERE portfolio_id = :p AND {what} = :w",
        p=log.story.portfolio,
        w=row[what],
    )
    (imbalance,) = log.audit.diff().ledger_imbalances
    assert f": {account}" in imbalance
    assert imbalance.endswith("shown is 7")


def test_a_balance_that_is_gone_leaves_its_account_open(log: Log) -> None:
    log.change("DELETE FROM balances WHERE currency = 'USDT'")
    imbalances = log.audit.diff().ledger_imbalances
    assert imbalances == [
        f"portfolio-{log.story.portfolio}: cash:free adds up to 57000.04382716055 USDT, shown is 0"
    ]


def test_what_is_no_amount_is_said_to_be_none(sqlite_log: Log) -> None:
    sqlite_log.change("UPDATE balances SET free = 'plenty' WHERE currency = 'USDT'")
    imbalances = sqlite_log.audit.diff().ledger_imbalances
    assert f"portfolio-{sqlite_log.story.portfolio}: plenty is not an amount" in imbalances


# --- rebuild ----------------------------------------------------------------------------------


def vandalise(log: Log) -> None:
    log.change("UPDATE orders SET paid = '7', status = 'open', limit_price = NULL")
    log.change("UPDATE users SET active = :t, role = 'admin'", t=True)
    log.change("UPDATE portfolios SET name = 'x'")
    log.change("DELETE FROM balances WHERE currency = 'USD'")
    log.change("DELETE FROM positions")
    log.change("DELETE FROM trades WHERE order_id = :o", o=log.story.bought)
    log.change("UPDATE ledger_entries SET amount = '1' WHERE line = 0")
    log.change("UPDATE bot_runs SET allocation = '1', order_id = NULL")
    for table, changes in (
        ("orders", {"order_id": NOBODY}),
        ("trades", {"fill_id": "another"}),
        ("ledger_entries", {"line": 77}),
        ("users", {"user_id": NOBODY}),
    ):
        log.insert(table, dict(log.rows(f"SELECT * FROM {table}")[0]) | changes)


@pytest.mark.parametrize("portions", ["usual", "small"])
def test_rebuild_mends_every_row_and_leaves_the_log_alone(
    log: Log, portions: str, request: pytest.FixtureRequest
) -> None:
    if portions == "small":
        request.getfixturevalue("small_portions")
    before, events = contents(log), log.events()
    streams = log.rows("SELECT * FROM streams ORDER BY stream_id")
    vandalise(log)
    wrong = log.audit.diff()
    assert {it.table for it in wrong.differences} == set(TABLES)
    assert wrong.ledger_imbalances
    seen: list[tuple[int, int]] = []
    report = log.audit.rebuild(lambda done, total: seen.append((done, total)))
    assert report.changed == wrong.differences
    assert report.events == log.story.events
    after = contents(log)
    assert report.rows == {
        table: len({it.key for it in wrong.differences if it.table == table}) for table in TABLES
    }
    for table in TABLES:
        assert without_versions(after[table]) == without_versions(before[table]), table
    assert log.audit.diff().differences == []
    assert log.audit.diff().ledger_imbalances == []
    assert log.events() == events
    assert log.rows("SELECT * FROM streams ORDER BY stream_id") == streams
    assert log.audit.verify().findings == []
    assert seen[-1] == (2 * log.story.events, 2 * log.story.events)


def without_versions(rows: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Leave out the versions: a rebuilt balance is as new as its portfolio."""
    kept = [{name: it for name, it in row.items() if name != "stream_version"} for row in rows]
    return sorted(kept, key=str)


def test_rebuilding_twice_changes_nothing(log: Log) -> None:
    vandalise(log)
    log.audit.rebuild()
    once = contents(log)
    report = log.audit.rebuild()
    assert (report.changed, set(report.rows.values())) == ([], {0})
    assert contents(log) == once


def test_what_is_right_is_not_written(log: Log) -> None:
    log.change("UPDATE orders SET paid = '7' WHERE order_id = :o", o=log.story.bought)
    before = contents(log)
    report = log.audit.rebuild()
    assert {table: count for table, count in report.rows.items() if count} == {"orders": 1}
    after = contents(log)
    assert {table for table in TABLES if before[table] != after[table]} == {"orders"}


def test_a_row_whose_version_was_edited_is_put_right(log: Log) -> None:
    log.change("UPDATE orders SET stream_version = 77, filled = '0'")
    log.change("UPDATE balances SET stream_version = 77, free = '0'")
    log.audit.rebuild()
    assert log.differences() == set()


@pytest.mark.usefixtures("small_portions")
def test_commands_go_on_during_a_rebuild_and_win(log: Log) -> None:
    """In the second pass, commands write to the rows that are about to be mended."""
    vandalise(log)
    teller = Teller(log.url, log.story.ends, seed="in the middle")
    money = Money.parse("1 USD")
    deposit = Deposit(owner_id=log.story.alice, portfolio_id=log.story.portfolio, amount=money)
    told: list[int] = []

    def write(done: int, total: int) -> None:
        if 2 * done > total and len(told) < 8:  # in the second pass: rows are mended already
            teller.tell(deposit)  # in this thread: nothing holds it up
            told.append(done)

    with teller.bot:
        log.audit.rebuild(write)
    assert len(told) == 8
    assert log.audit.cut().size == log.story.events + 8
    assert log.differences() == set()
    assert log.audit.diff().ledger_imbalances == []


def test_a_writer_beside_a_rebuild_loses_nothing(log: Log) -> None:
    vandalise(log)
    teller = Teller(log.url, log.story.ends, seed="meanwhile")
    money = Money.parse("1 USD")
    deposit = Deposit(owner_id=log.story.alice, portfolio_id=log.story.portfolio, amount=money)
    writers: list[threading.Thread] = []

    def write(_done: int, _total: int) -> None:
        if not writers:
            writers.append(threading.Thread(target=lambda: teller.tell(deposit)))
            writers[0].start()

    log.audit.rebuild(write)
    writers[0].join()
    teller.bot.close()
    assert log.audit.cut().size == log.story.events + 1
    assert log.audit.diff().differences == []
    assert log.audit.verify().findings == []


def test_commands_go_on_after_a_rebuild(log: Log) -> None:
    teller = Teller(log.url, log.story.ends, seed="afterwards")
    with teller.bot:
        deposit = Deposit(
            owner_id=log.story.alice, portfolio_id=log.story.portfolio, amount=Money("1", "USD")
        )
        teller.tell(deposit)
        log.audit.rebuild()
        teller.tell(deposit)
        teller.fill(log.story.bots_order, "45", "105")
    assert log.audit.diff().differences == []


def test_a_log_that_cannot_be_folded_changes_no_row(log: Log) -> None:
    vandalise(log)
    before = contents(log)
    stream = f"order-{log.story.bought}"
    log.rewrite(stream, 4, lambda body: body.replace(b'"fill"', b'"phil"'))
    with pytest.raises(CorruptHistoryError):
        log.audit.rebuild()
    assert contents(log) == before


def test_rebuild_needs_an_engine_that_may_write(log: Log) -> None:
    LogAudit(log.reading, log.reading, EventCodec()).rebuild()  # nothing differs
    vandalise(log)
    before = contents(log)
    with pytest.raises(DatabaseUnavailableError):
        LogAudit(log.reading, log.reading, EventCodec()).rebuild()
    assert contents(log) == before
