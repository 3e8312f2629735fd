"""Rows that wait in memory are, to whoever asks, as if they had been written at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.pool import StaticPool

from traderbot.infrastructure.following.pending_rows import (
    find_row,
    put_row,
    remembered,
    remove_row,
    write_rows,
)

_META = MetaData()
ROWS = Table(
    "rows", _META, Column("a", Text, primary_key=True), Column("b", Integer, primary_key=True),
    Column("amount", Integer),
)  # fmt: skip
OTHERS = Table("others", _META, Column("a", Text, primary_key=True), Column("amount", Integer))

KEYS = st.tuples(st.sampled_from("xyz"), st.integers(0, 1))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.integers(-9, 9)),
        st.tuples(st.sampled_from(["find", "remove", "write", "commit", "rollback"]), KEYS),
    ),
    max_size=40,
)


def database() -> Any:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    _META.create_all(engine)
    return engine


def stored(connection: Connection) -> dict[Any, int]:
    return {(row.a, row.b): row.amount for row in connection.execute(select(ROWS))}


@given(steps=STEPS)
def test_whatever_is_done_the_table_ends_as_if_it_had_been_done_at_once(
    steps: list[tuple[Any, ...]],
) -> None:
    engine = database()
    with engine.connect() as connection:
        committed: dict[Any, int] = {}
        now: dict[Any, int] = {}
        for step, (a, b), *amount in steps:
            key = {"a": a, "b": b}
            if step == "put":
                now[a, b] = amount[0]
                put_row(connection, ROWS, {**key, "amount": amount[0]})
            elif step == "find":
                found = find_row(connection, ROWS, key)
                assert (found and found["amount"]) == now.get((a, b))
            elif step == "remove":
                now.pop((a, b), None)
                remove_row(connection, ROWS, key)
            elif step == "write":
                write_rows(connection, ROWS)
                assert stored(connection) == now
            elif step == "commit":
                connection.commit()
                committed = dict(now)
            else:
                connection.rollback()
                now = dict(committed)
        connection.commit()
        assert stored(connection) == now
    engine.dispose()


def test_a_row_that_was_found_is_changed_by_putting_it_back_only() -> None:
    with database().begin() as connection:
        put_row(connection, ROWS, {"a": "x", "b": 1, "amount": 1})
        row = find_row(connection, ROWS, {"a": "x", "b": 1})
        assert row is not None
        row["amount"] = 2
        assert find_row(connection, ROWS, {"a": "x", "b": 1}) == {"a": "x", "b": 1, "amount": 1}


def test_many_changes_of_a_row_are_one_statement() -> None:
    engine, asked = database(), list[str]()
    event.listen(engine, "before_cursor_execute", lambda *it: asked.append(it[2]))
    with engine.begin() as connection:
        for amount in range(100):
            row = find_row(connection, OTHERS, {"a": "x"}) or {"a": "x"}
            put_row(connection, OTHERS, {**row, "amount": amount})
    assert [it.split()[0] for it in asked] == ["SELECT", "INSERT"]


def test_what_fails_is_not_written_and_is_forgotten() -> None:
    engine = database()

    def fail() -> None:
        with engine.begin() as connection:
            put_row(connection, OTHERS, {"a": "x", "amount": 1})
            msg = "no room"
            raise ValueError(msg)

    with pytest.raises(ValueError, match="no room"):
        fail()
    with engine.begin() as connection:
        assert find_row(connection, OTHERS, {"a": "x"}) is None


def test_an_answer_is_remembered_until_a_row_it_comes_from_is_put() -> None:
    with database().begin() as connection:
        asked = 0

        def total() -> int:
            nonlocal asked
            asked += 1
            return int(connection.execute(select(func.sum(OTHERS.c.amount))).scalar() or 0)

        def ask() -> int:
            return remembered(connection, "total", (OTHERS,), total)

        assert (ask(), ask(), asked) == (0, 0, 1)
        put_row(connection, ROWS, {"a": "x", "b": 1, "amount": 7})  # of another table
        assert (ask(), asked) == (0, 1)
        put_row(connection, OTHERS, {"a": "x", "amount": 7})
        assert (ask(), asked) == (7, 2)
        remove_row(connection, OTHERS, {"a": "x"})
        assert (ask(), asked) == (0, 3)
