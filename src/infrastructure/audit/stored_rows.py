"""State rows as they stand in the tables, as the same canonical values the log makes.

SQLite stores amounts and instants as canonical text. PostgreSQL is asked for the same text, so that
rows are compared without building a single Decimal or datetime.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any, Final, TypeVar

from sqlalchemy import Column, Table

from traderbot.infrastructure.event_store.log_reader import BATCH, LogReader
from traderbot.infrastructure.persistence.state_rows import (
    BALANCES,
    BOT_RUNS,
    LEDGER,
    ORDERS,
    PORTFOLIOS,
    POSITIONS,
    TRADES,
    USERS,
)
from traderbot.infrastructure.persistence.statements import Row
from traderbot.infrastructure.persistence.types import ExactDecimal, UtcInstant

# Which stream a row belongs to: the stream's category, and the column that holds its id.
OWNER: Final = {
    USERS: ("user", "user_id"),
    PORTFOLIOS: ("portfolio", "portfolio_id"),
    BALANCES: ("portfolio", "portfolio_id"),
    POSITIONS: ("portfolio", "portfolio_id"),
    ORDERS: ("order", "order_id"),
    TRADES: ("portfolio", "portfolio_id"),
    LEDGER: ("portfolio", "portfolio_id"),
    BOT_RUNS: ("bot", "bot_run_id"),
}
K = TypeVar("K")
_ASKED = 400  # keys in one question


class StoredRows:
    """One table's rows, columns in the table's order.

    Every method raises DatabaseUnavailableError if the database does not answer.
    """

    def __init__(self, reader: LogReader, table: Table) -> None:
        """Read through `reader`, at its moment."""
        self._reader = reader
        self.table = table
        self._category, self._owner = OWNER[table]
        self._key = [column.name for column in table.primary_key]
        self._columns = ", ".join(_canonical(reader, column) for column in table.columns)
        self.columns = [column.name for column in table.columns]
        # From a row to its primary key: the value itself if there is one, a tuple if more.
        self.key_of: Callable[[Row], Any] = itemgetter(*map(self.columns.index, self._key))

    def named(self, row: Row) -> str:
        """Return the primary key as a person writes it."""
        return "/".join(str(row[self.columns.index(name)]) for name in self._key)

    def stream_of(self, row: Row) -> str:
        """Return the stream whose events made the row."""
        return f"{self._category}-{row[self.columns.index(self._owner)]}"

    def count(self) -> int:
        """Return how many rows there are."""
        return int(self._reader.rows(f"SELECT count(*) FROM {self.table.name}")[0][0])  # noqa: S608 - our own names

    def of_owners(self, ids: Sequence[str]) -> Iterator[Row]:
        """Yield every row of these users, portfolios, orders or bot runs."""
        for asked in _portions(ids):
            marks = ", ".join(["?"] * len(asked))
            yield from self._select(f"t.{self._owner} IN ({marks})", *asked)

    def of_versions(self, id_: str, first: int, last: int | None) -> Iterator[Row]:
        """Yield the rows of one stream's events from `first` to `last`; to its end if None."""
        yield from self._select(
            f"t.{self._owner} = ? AND t.stream_version >= ?"
            + ("" if last is None else " AND t.stream_version <= ?"),
            *((id_, first) if last is None else (id_, first, last)),
        )

    def of_keys(self, keys: Sequence[Row]) -> Iterator[Row]:
        """Yield the rows with these primary keys."""
        one = f"({', '.join(['?'] * len(self._key))})"
        for asked in _portions(keys):
            marks = ", ".join([one] * len(asked))
            names = ", ".join(f"t.{name}" for name in self._key)
            values = [value for key in asked for value in key]
            yield from self._select(f"({names}) IN (VALUES {marks})", *values)

    def without_stream(self) -> Iterator[Row]:
        """Yield rows of which the log knows nothing."""
        yield from self._select(
            "NOT EXISTS (SELECT 1 FROM events e WHERE e.stream_id = "  # noqa: S608 - our own names
            f"'{self._category}-' || t.{self._owner})"
        )

    def all_with_bodies(self) -> Iterator[Row]:
        """Yield every row, and behind its columns the body of the event it says it comes from."""
        names = ", ".join(f"t.{name}" for name in self._key)
        marks = ", ".join(["?"] * len(self._key))
        sql = (
            f"SELECT {self._columns}, e.body FROM {self.table.name} t LEFT JOIN events e "  # noqa: S608 - our own names
            f"ON e.stream_id = '{self._category}-' || t.{self._owner} "
            f"AND e.version = t.stream_version WHERE ({names}) > ({marks}) ORDER BY {names} LIMIT ?"
        )
        after: Row = ("",) * len(self._key)
        while rows := self._reader.rows(sql, *after, BATCH):
            yield from rows
            after = tuple(rows[-1][self.columns.index(name)] for name in self._key)

    def _select(self, condition: str, *values: object) -> list[Row]:
        sql = f"SELECT {self._columns} FROM {self.table.name} t WHERE {condition}"  # noqa: S608 - our own names
        return self._reader.rows(sql, *values)


def _canonical(reader: LogReader, column: Column[Any]) -> str:
    name = f't."{column.name}"'
    if reader.connection.dialect.name == "postgresql":
        if isinstance(column.type, ExactDecimal):
            return f"trim_scale({name})::text"
        if isinstance(column.type, UtcInstant):
            return reader.instant(name)
    return name


def _portions(keys: Sequence[K]) -> Iterator[Sequence[K]]:
    for start in range(0, len(keys), _ASKED):
        yield keys[start : start + _ASKED]
