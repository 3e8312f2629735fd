"""A whole database in memory: the same rows the SQL adapters write, in dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from threading import Lock, RLock
from typing import Any, TypeVar, cast

from sqlalchemy import Table

from traderbot.application.ports.unit_of_work import Profile
from traderbot.application.ports.vault import SealedExchangeKey
from traderbot.domain.shared.decimals import canonical
from traderbot.domain.shared.instants import instant
from traderbot.domain.shared.values import Price, Symbol
from traderbot.infrastructure.persistence.state_rows import STATE_TABLES
from traderbot.infrastructure.persistence.statements import Row
from traderbot.infrastructure.persistence.storage import Answer
from traderbot.infrastructure.persistence.tables import Base
from traderbot.infrastructure.persistence.types import ExactDecimal, UtcInstant

Key = tuple[Any, ...]
M = TypeVar("M", bound=Base)


class Memory:
    """What `MemoryStorage` writes and `MemoryViews` reads. It lives as long as it is referred to.

    `writing` is held by the one open transaction; `reading` for a moment, by whoever looks at the
    rows and by a commit that changes them, so that nobody ever sees half of one.
    """

    def __init__(self, latest_close: Callable[[Symbol], Price | None] | None = None) -> None:
        """Start empty; `latest_close` answers what the bars of a database would."""
        self.writing = Lock()
        self.reading = RLock()
        self.latest_close = latest_close or _no_price
        self.commits = 0
        self.events: list[Row] = []  # every column but the position, which is the place here
        self.streams: dict[str, list[Row]] = {}  # the same rows, by the stream they belong to
        self.answers: dict[tuple[str, str], Answer] = {}
        self.profiles: dict[str, Profile] = {}  # by address
        self.vault: dict[str, SealedExchangeKey] = {}  # by the key's id
        self.tables: dict[Table, dict[Key, Row]] = {table: {} for table in STATE_TABLES}

    def rows(self, model: type[M]) -> list[M]:
        """Return all rows of a table, typed as the model they look like."""
        table = table_of(model)
        with self.reading:
            found = list(self.tables[table].values())
        return cast("list[M]", [StoredRow(table, row) for row in found])

    def row(self, model: type[M], *key: str) -> M | None:
        """Return the row with that primary key, None if there is none."""
        table = table_of(model)
        with self.reading:
            row = self.tables[table].get(key)
        return None if row is None else cast("M", StoredRow(table, row))


class StoredRow:
    """A row as the database would give it back: read by column name, text made values again."""

    __slots__ = ("_columns", "_row")

    def __init__(self, table: Table, row: Row) -> None:
        """Look at a row of a table; nothing is converted before it is asked for."""
        self._columns = _COLUMNS[table]
        self._row = row

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the column's own type
        try:
            place, read = self._columns[name]
        except KeyError:
            raise AttributeError(name) from None
        value = self._row[place]
        return value if value is None or read is None else read(value)


def table_of(model: type[Base]) -> Table:
    """Return the table a model describes."""
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - for the type checker: each model has one
    return table


def keyed(table: Table, rows: Iterable[Row]) -> list[tuple[Key, Row]]:
    """Return rows with their primary keys."""
    places = _KEYS[table]
    return [(tuple(row[place] for place in places), row) for row in rows]


def version_of(table: Table, row: Row) -> int:
    """Return the stream version a state row was made at."""
    version: int = row[_COLUMNS[table]["stream_version"][0]]
    return version


_Read = Callable[[Any], Any] | None


def _reading_of(table: Table) -> Mapping[str, tuple[int, _Read]]:
    return {
        column.name: (place, _READ.get(type(column.type)))
        for place, column in enumerate(table.columns)
    }


def _amount(text: str) -> Decimal:
    return canonical(Decimal(text))


def _instant(text: str) -> datetime:
    return instant(text)


def _no_price(_symbol: Symbol) -> None:
    return None


_READ: dict[type, _Read] = {ExactDecimal: _amount, UtcInstant: _instant}
_COLUMNS = {table: _reading_of(table) for table in STATE_TABLES}
_KEYS = {
    table: [place for place, column in enumerate(table.columns) if column.primary_key]
    for table in STATE_TABLES
}
