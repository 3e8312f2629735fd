"""Whether the state rows are what the log makes, column by column; none missing, none extra."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Boolean, Table

from traderbot.application.ports.audit import Difference, DiffReport, Progress
from traderbot.domain.portfolio.events import FillBooked
from traderbot.infrastructure.audit.books import Books
from traderbot.infrastructure.audit.findings import Bounded, short
from traderbot.infrastructure.audit.folding import Chapter, fold_streams
from traderbot.infrastructure.audit.stored_rows import OWNER, StoredRows
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import LogReader
from traderbot.infrastructure.persistence.state_rows import (
    BALANCES,
    LEDGER,
    POSITIONS,
    STATE_TABLES,
    TRADES,
    Rows,
    rows_of,
)
from traderbot.infrastructure.persistence.statements import Row

LISTED = 1_000
_LINES = frozenset({LEDGER, TRADES})  # rows of events; all others are rows of states
_PARTS = frozenset({BALANCES, POSITIONS})


def rows_of_chapter(chapter: Chapter) -> Rows:
    """Return the rows a chapter makes: its events' lines and, after the last event, the state's."""
    if chapter.complete:
        return rows_of(None, chapter.after, chapter.events)
    # From a state to itself: what is asked for are only the lines of the events.
    rows = rows_of(chapter.after, chapter.after, chapter.events)
    return {table: lines for table, lines in rows.items() if table in _LINES}


class Mender(Protocol):
    """Somebody who puts right what differs."""

    def wrong(self, table: Table, stored: Row | None, computed: Row | None) -> None:
        """Hear of a row that is not as it must be: missing if None is stored, extra if computed."""
        ...

    def settle(self) -> None:
        """Put right what was heard of since the last time."""
        ...


def diff(
    reader: LogReader,
    codec: EventCodec,
    progress: Progress | None,
    mender: Mender | None = None,
) -> DiffReport:
    """Fold every stream and compare. Memory holds a batch of events and their rows.

    Raises:
        CorruptHistoryError: the log cannot be folded; `verify` tells why.
    """
    comparison = _Comparison(reader, codec, mender)
    total, done = reader.size(), 0
    for chapters in fold_streams(reader, codec):
        comparison.compare(chapters)
        if mender is not None:
            mender.settle()
        done += sum(len(chapter.events) for chapter in chapters)
        if progress is not None:
            progress(done, total)
    comparison.find_strays()
    if mender is not None:
        mender.settle()
    return DiffReport(
        events=done,
        rows=comparison.rows,
        differences=comparison.differences.listed,
        ledger_imbalances=comparison.books.imbalances.listed,
        unlisted=comparison.differences.unlisted + comparison.books.imbalances.unlisted,
    )


class _Comparison:
    def __init__(self, reader: LogReader, codec: EventCodec, mender: Mender | None) -> None:
        self._mender = mender
        self.rows = 0
        self.differences: Bounded[Difference] = Bounded(LISTED)
        self.books = Books()
        self._reader = reader
        self._codec = codec
        self._stored = {table: StoredRows(reader, table) for table in STATE_TABLES}
        self._trades = 0  # stored, and known to the log
        self._wrong_trades: set[Any] = set()

    def compare(self, chapters: Sequence[Chapter]) -> None:
        computed: defaultdict[Table, dict[Any, Row]] = defaultdict(dict)
        for chapter in chapters:
            for table, rows in rows_of_chapter(chapter).items():
                key_of = self._stored[table].key_of
                computed[table].update((key_of(row), row) for row in rows)
        found: dict[Table, list[Row]] = {}
        for table in STATE_TABLES:
            found[table] = self._find(table, chapters, computed[table])
            self._compare_table(table, found[table], computed[table])
        self.books.add_entries(found[LEDGER])
        self._close_books(chapters, found[BALANCES], found[POSITIONS])

    def find_strays(self) -> None:
        """Find rows of streams the log does not know, and trades that never were."""
        for table, stored in self._stored.items():
            if table is not TRADES:
                for row in stored.without_stream():
                    self._extra(table, row)
        trades = self._stored[TRADES]
        if trades.count() == self._trades:
            return
        for *columns, body in trades.all_with_bodies():
            row = tuple(columns)
            event = None if body is None else self._codec.event_of(body)
            booked = isinstance(event, FillBooked) and (event.order_id, event.fill_id)
            if booked != trades.key_of(row) and trades.key_of(row) not in self._wrong_trades:
                self._extra(TRADES, row)

    def _find(
        self, table: Table, chapters: Sequence[Chapter], computed: Mapping[Any, Row]
    ) -> list[Row]:
        """Return every stored row that these chapters could have made."""
        stored = self._stored[table]
        category, _ = OWNER[table]
        mine = [it for it in chapters if it.stream_id.startswith(f"{category}-")]
        if table is TRADES:
            return list(stored.of_keys(list(computed)))
        if table is not LEDGER:
            return list(stored.of_owners([it.key for it in mine if it.complete]))
        whole = [it.key for it in mine if it.complete and it.before is None]
        rows = list(stored.of_owners(whole))
        for part in mine:
            if not part.complete or part.before is not None:
                last = None if part.complete else part.events[-1][0]
                rows += stored.of_versions(part.key, part.events[0][0], last)
        return rows

    def _compare_table(
        self, table: Table, found: Sequence[Row], computed: Mapping[Any, Row]
    ) -> None:
        stored = self._stored[table]
        missing = dict(computed)
        for row in found:
            key = stored.key_of(row)
            wanted = missing.pop(key, None)
            if wanted is None:
                self._extra(table, row)
                continue
            self.rows += 1
            self._trades += table is TRADES
            if row != wanted:
                self._different(table, row, wanted)
        for row in missing.values():
            self._add(table, row, None, None, "a row")
            self._tell(table, None, row)

    def _different(self, table: Table, row: Row, wanted: Row) -> None:
        if table is TRADES:
            self._wrong_trades.add(self._stored[TRADES].key_of(row))
        differs = False
        for column, is_, ought in zip(table.columns, row, wanted, strict=True):
            if is_ != ought and not _is_older(table, column.name, is_, ought):
                differs = True
                boolean = isinstance(column.type, Boolean)
                self._add(table, wanted, column.name, _text(is_, boolean), _text(ought, boolean))
        if differs:
            self._tell(table, row, wanted)

    def _extra(self, table: Table, row: Row) -> None:
        self.rows += 1
        self._add(table, row, None, "a row", None)
        self._tell(table, row, None)

    def _tell(self, table: Table, stored: Row | None, computed: Row | None) -> None:
        if self._mender is not None:
            self._mender.wrong(table, stored, computed)

    def _add(
        self, table: Table, row: Row, column: str | None, stored: str | None, computed: str | None
    ) -> None:
        kind = self._stored[table]
        self.differences.add(
            Difference(
                table=table.name,
                key=kind.named(row),
                column=column,
                stored=stored,
                computed=computed,
                last_event=self._reader.newest_of(kind.stream_of(row)),
            )
        )

    def _close_books(
        self, chapters: Sequence[Chapter], balances: Iterable[Row], positions: Iterable[Row]
    ) -> None:
        cash: defaultdict[str, list[Row]] = defaultdict(list)
        held: defaultdict[str, list[Row]] = defaultdict(list)
        for rows, by_owner in ((balances, cash), (positions, held)):
            for row in rows:
                by_owner[row[0]].append(row)
        for chapter in chapters:
            if chapter.complete and chapter.stream_id.startswith("portfolio-"):
                self.books.close(chapter.key, cash[chapter.key], held[chapter.key])


def _is_older(table: Table, column: str, stored: object, computed: object) -> bool:
    """Whether it is the version of a part of a portfolio that its newest events left alone.

    Only balances and positions that changed are written, with the version of that time. It guards
    the row against older writes, so it may be lower than the stream's version but never higher.
    """
    if table not in _PARTS or column != "stream_version":
        return False
    return isinstance(stored, int) and isinstance(computed, int) and 0 < stored < computed


def _text(value: object, boolean: bool) -> str | None:  # noqa: FBT001
    if boolean and value in (0, 1):  # SQLite has numbers for them
        return "true" if value else "false"
    return None if value is None else short(value, 1_000)
