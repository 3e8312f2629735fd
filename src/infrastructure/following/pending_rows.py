"""Rows a projection has found or put within its transaction: each read once, and written once.

A projection that handles hundreds of events in a transaction touches the same few rows again and
again. They are kept in memory until the transaction ends, and then written together.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Delete, Insert, Select, Table, bindparam, event, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import RootTransaction

T = TypeVar("T")
Row = dict[str, Any]
_Key = tuple[Any, ...]


class _Pending:
    """What one transaction knows of rows; None stands for a row that is not there."""

    def __init__(self) -> None:
        self.known: dict[Table, dict[_Key, Row | None]] = {}
        self.changed: dict[Table, set[_Key]] = {}
        self.answers: dict[Hashable, tuple[Sequence[Table], Any]] = {}

    def put(self, table: Table, key: _Key, row: Row | None) -> None:
        self.known.setdefault(table, {})[key] = row
        self.changed.setdefault(table, set()).add(key)
        for asked in [it for it, (tables, _) in self.answers.items() if table in tables]:
            del self.answers[asked]


_pending: Final[WeakKeyDictionary[RootTransaction, _Pending]] = WeakKeyDictionary()
_NOT_ASKED: Final[Row] = {}


def find_row(connection: Connection, table: Table, key: Mapping[str, object]) -> Row | None:
    """Return the row of a primary key, to be changed and put back, or None."""
    known = _of(connection).known.setdefault(table, {})
    place = _key(table, key)
    row = known.get(place, _NOT_ASKED)
    if row is _NOT_ASKED:
        stored = connection.execute(_select(table), key).mappings().one_or_none()
        row = known[place] = None if stored is None else dict(stored)
    return None if row is None else dict(row)


def put_row(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Have a whole row written, in place of the one with its key if there is one."""
    _of(connection).put(table, _key(table, row), dict(row))


def remove_row(connection: Connection, table: Table, key: Mapping[str, object]) -> None:
    """Have the row of a primary key deleted, if there is one."""
    _of(connection).put(table, _key(table, key), None)


def write_rows(connection: Connection, *tables: Table) -> None:
    """Write what waits, of these tables or of all: before they are read in another way."""
    transaction = connection.get_transaction()
    pending = _pending.get(transaction) if isinstance(transaction, RootTransaction) else None
    if pending is None:
        return
    for table in tables or tuple(pending.changed):
        keys = pending.changed.pop(table, ())
        rows = [(key, pending.known[table][key]) for key in keys]
        gone = [_values(table, key) for key, row in rows if row is None]
        put = [row for _, row in rows if row is not None]
        if gone:
            connection.execute(_delete(table), gone)
        if put:
            connection.execute(_upsert(table, connection.dialect.name), put)


def remembered(
    connection: Connection, question: Hashable, tables: Sequence[Table], ask: Callable[[], T]
) -> T:
    """Return the answer to a question about tables; asked again once a row of theirs was put."""
    answers = _of(connection).answers
    known = answers.get(question)
    if known is None:
        write_rows(connection, *tables)
        known = answers[question] = (tables, ask())
    answer: T = known[1]
    return answer


def _of(connection: Connection) -> _Pending:
    transaction = connection.get_transaction() or connection.begin()
    assert isinstance(transaction, RootTransaction)  # noqa: S101 - the outermost one always is
    pending = _pending.get(transaction)
    if pending is None:
        pending = _pending[transaction] = _Pending()
        # Whoever commits by themselves, and does not know of this, has it written all the same.
        if not event.contains(connection, "commit", write_rows):
            event.listen(connection, "commit", write_rows)
    return pending


def _key(table: Table, values: Mapping[str, object]) -> _Key:
    return tuple(values[column.name] for column in table.primary_key)


def _values(table: Table, key: _Key) -> dict[str, Any]:
    return {f"key_{column.name}": it for column, it in zip(table.primary_key, key, strict=True)}


@lru_cache
def _select(table: Table) -> Select[Any]:
    return select(table).where(*(it == bindparam(it.name) for it in table.primary_key))


@lru_cache
def _delete(table: Table) -> Delete:
    return table.delete().where(*(it == bindparam(f"key_{it.name}") for it in table.primary_key))


@lru_cache
def _upsert(table: Table, dialect: str) -> Insert:
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    keys = list(table.primary_key)
    rest = {column.name: insert.excluded[column.name] for column in table.c if column not in keys}
    return insert.on_conflict_do_update(index_elements=keys, set_=rest)
