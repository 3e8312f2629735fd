"""Bars in a SQL database, SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby, islice
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Engine,
    Insert,
    Row,
    Select,
    func,
    select,
    union_all,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from traderbot.application.errors import (
    DatabaseRefusedError,
    DatabaseUnavailableError,
    ExternalError,
)
from traderbot.application.ports.market_data import BarStore, ConflictingBarError, SeriesSummary
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Symbol, symbol, trusted_price, trusted_quantity
from traderbot.infrastructure.persistence.bar_table import bars as table

_CHUNK = 5_000  # bars in memory twice at a time, however long the import

_Key = tuple[str, Timeframe, datetime]


class SqlBarStore(BarStore):
    """`BarStore` in a database that has the table `bars`; every call is its own transaction."""

    def __init__(self, engine: Engine, reader: Engine | None = None) -> None:
        """Write through `engine`, and ask through `reader` where reading has its own connections.

        A connection that begins every transaction as a writer makes questions wait for writers.
        """
        self._writer = engine
        self._reader = reader or engine
        self._insert = _insert_new(engine.dialect.name)

    def add(self, bars: Sequence[Bar], source: str = "") -> int:
        """Keep these bars, all or none; return how many were new. Raises ConflictingBarError."""
        del source  # the log, in the same database, says it
        wanted = _distinct(bars)
        # Sorted, two imports at once take their locks in the same order and cannot deadlock.
        wanted.sort(key=_key)
        with _our_errors(), self._writer.begin() as connection:
            return sum(
                self._add_chunk(connection, chunk)
                for _, series in groupby(wanted, lambda bar: (bar.symbol, bar.timeframe))
                for chunk in _chunks(series)
            )

    def bars(
        self,
        symbol: Symbol,
        timeframe: Timeframe,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> list[Bar]:
        """Return the bars within [start, end), the last `limit` of them, oldest first."""
        query = _of_series(symbol, timeframe)
        if start is not None:
            query = query.where(table.c.at >= _aware(start))
        if end is not None:
            query = query.where(table.c.at < _aware(end))
        if limit is not None:
            limit = _not_negative(limit)
        # Newest first, so that the limit keeps the newest; turned round below.
        query = query.order_by(table.c.at.desc()).limit(limit)
        found = self._asked(query)
        found.reverse()
        return found

    def following(
        self, symbol: Symbol, timeframe: Timeframe, after: datetime | None, limit: int
    ) -> list[Bar]:
        """Return the first `limit` bars that open after `after`, oldest first."""
        query = _of_series(symbol, timeframe)
        if after is not None:
            query = query.where(table.c.at > _aware(after))
        return self._asked(query.order_by(table.c.at).limit(_not_negative(limit)))

    def latest(self, symbol: Symbol) -> Bar | None:
        """Return the bar that closes last, over all timeframes; of several, the shortest."""
        # One step to the end of each series in the key's index, instead of reading the symbol.
        newest = (
            _of_series(symbol, timeframe).order_by(table.c.at.desc()).limit(1).subquery()
            for timeframe in Timeframe
        )
        query = union_all(*(select(each) for each in newest))
        found = self._asked(query)
        return max(found, key=lambda bar: (bar.closes_at, -bar.timeframe.duration), default=None)

    def series(self) -> list[SeriesSummary]:
        """Return what is stored, by symbol and then from the shortest timeframe to the longest."""
        query = select(
            table.c.symbol,
            table.c.timeframe,
            func.min(table.c.at),
            func.max(table.c.at),
            func.count(),
        ).group_by(table.c.symbol, table.c.timeframe)
        with _our_errors(), self._reader.connect() as connection:
            found = [
                SeriesSummary(
                    symbol=symbol(code),
                    timeframe=Timeframe(timeframe),
                    first=first,
                    last=last,
                    count=count,
                )
                for code, timeframe, first, last, count in connection.execute(query)
            ]
        # Sorted here: databases disagree about the order of texts.
        return sorted(found, key=lambda each: (each.symbol, each.timeframe.duration))

    def _asked(self, query: CompoundSelect[Any] | Select[Any]) -> list[Bar]:
        with _our_errors(), self._reader.connect() as connection:
            return [_bar(row) for row in connection.execute(query)]

    def _add_chunk(self, connection: Connection, chunk: list[Bar]) -> int:
        """Insert what is new of one series, then compare the rest with what is there.

        In this order no other writer can slip in between: the insert waits for rows that others
        have not committed yet, and the comparison then sees them.
        """
        new = len(connection.execute(self._insert, [_row(bar) for bar in chunk]).all())
        if new < len(chunk):
            stored = _of_series(chunk[0].symbol, chunk[0].timeframe).where(
                table.c.at.between(chunk[0].at, chunk[-1].at)
            )
            known = {bar.at: bar for bar in map(_bar, connection.execute(stored))}
            for bar in chunk:
                if known[bar.at] != bar:
                    raise ConflictingBarError(known[bar.at], bar)
        return new


def _insert_new(dialect: str) -> Insert:
    """Return the statement that inserts what is not there yet and returns what it inserted."""
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing().returning(table.c.at)
    return sqlite.insert(table).on_conflict_do_nothing().returning(table.c.at)


def _of_series(symbol: Symbol, timeframe: Timeframe) -> Select[Any]:
    return select(table).where(table.c.symbol == symbol.code, table.c.timeframe == timeframe.value)


def _distinct(bars: Iterable[Bar]) -> list[Bar]:
    """Return each bar once. Raises ConflictingBarError if two of one instant differ."""
    by_key: dict[_Key, Bar] = {}
    for bar in bars:
        first = by_key.setdefault(_key(bar), bar)
        if first != bar:
            raise ConflictingBarError(first, bar)
    return list(by_key.values())


def _key(bar: Bar) -> _Key:
    return (bar.symbol.code, bar.timeframe, bar.at)


def _chunks(bars: Iterable[Bar]) -> Iterator[list[Bar]]:
    rest = iter(bars)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk


@contextmanager
def _our_errors() -> Iterator[None]:
    """Say in our words what a driver says in its own."""
    try:
        yield
    except SQLAlchemyError as error:
        told: object = error.orig if isinstance(error, DBAPIError) else error
        first = (str(told).splitlines() or [""])[0]
        refused = isinstance(error, DataError | IntegrityError)
        kind: type[ExternalError] = DatabaseRefusedError if refused else DatabaseUnavailableError
        msg = f"bars cannot be kept or asked for: {first}"
        raise kind(msg) from error


def _not_negative(limit: int) -> int:
    if limit < 0:
        msg = f"a limit is not negative: {limit}"
        raise InvalidValueError(msg)
    return limit


def _aware(at: datetime) -> datetime:
    if at.utcoffset() is None:
        msg = f"an instant has a time zone; {at.isoformat()} has none"
        raise InvalidValueError(msg)
    return at


def _row(bar: Bar) -> dict[str, object]:
    return {
        "symbol": bar.symbol.code,
        "timeframe": bar.timeframe.value,
        "at": bar.at,
        "open": bar.open.value,
        "high": bar.high.value,
        "low": bar.low.value,
        "close": bar.close.value,
        "volume": bar.volume.value,
    }


def _bar(row: Row[*tuple[Any, ...]]) -> Bar:
    code, timeframe, at, open_, high, low, close, volume = row
    return Bar(
        symbol=symbol(code),
        timeframe=Timeframe(timeframe),
        at=at,
        open=trusted_price(open_),
        high=trusted_price(high),
        low=trusted_price(low),
        close=trusted_price(close),
        volume=trusted_quantity(volume),
    )
