"""Whether the rows beside the log end where the log ends: `streams`, and one row per aggregate.

The database compares each row with the newest event of its stream. What was counted while the log
was read tells whether there are streams without a row, and events twice; they are looked for only
then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from traderbot.infrastructure.audit.findings import LISTED, Findings, short
from traderbot.infrastructure.audit.heads import Heads
from traderbot.infrastructure.event_store.log_reader import BATCH, LogReader
from traderbot.infrastructure.persistence.unit import CATEGORIES


class StateTable(NamedTuple):
    """The table that holds one row for each stream of a category."""

    category: str
    name: str
    key: str


STATE_TABLES = (
    StateTable("user", "users", "user_id"),
    StateTable("portfolio", "portfolios", "portfolio_id"),
    StateTable("order", "orders", "order_id"),
    StateTable("bot", "bot_runs", "bot_run_id"),
)


class Totals(NamedTuple):
    """What was counted while all of the log was read."""

    events: int
    begun: Counter[str]  # first events of streams, by category

    @property
    def streams(self) -> int:
        """How many streams there are."""
        return self.begun.total()


def check_streams(
    reader: LogReader, heads: Heads, totals: Totals | None, findings: Findings
) -> int:
    """Compare every row of `streams` with the last event of its stream; return how many.

    Without totals it is not asked whether each stream has a row, and each event is there once.
    """
    rows = None if totals is None else _all_agree(reader, heads, totals)
    return _compare_streams(reader, heads, totals, findings) if rows is None else rows


def _all_agree(reader: LogReader, heads: Heads, totals: Totals) -> int | None:
    """Return how many rows there are, if nothing is wrong with any of them; else None.

    A row agrees if the event of its version has its hash. That there are no events behind it is
    known from the sum: links were checked, so a stream of n versions has n events.
    """
    if heads.pinned:
        return None
    rows = events = 0
    for stream_id, category, version, head_hash, leaf in _keyed(
        reader,
        "streams t LEFT JOIN events e ON e.stream_id = t.stream_id AND e.version = t.version",
        "stream_id",
        "t.category, t.version, t.head_hash, e.leaf_hash",
    ):
        if head_hash != leaf or category != stream_id.partition("-")[0]:
            return None
        rows += 1
        events += version
    known = totals.begun.keys() <= CATEGORIES.keys()
    return rows if known and (rows, events) == (totals.streams, totals.events) else None


def _compare_streams(
    reader: LogReader, heads: Heads, totals: Totals | None, findings: Findings
) -> int:
    known = events = 0
    newest = "SELECT max(m.version) FROM events m WHERE m.stream_id = t.stream_id"
    for stream_id, category, version, head_hash, last, leaf in _keyed(
        reader,
        f"streams t LEFT JOIN events e ON e.stream_id = t.stream_id AND e.version = ({newest})",
        "stream_id",
        "t.category, t.version, t.head_hash, e.version, e.leaf_hash",
    ):
        head = (last, leaf)
        if stream_id in heads.pinned:  # its columns lie, its bodies were read
            head = heads.get(stream_id, (None, None))
        if head[0] is None:
            findings.tell("STREAM_WITHOUT_EVENTS", stream_id, f"streams has it at v{version}")
            continue
        known += 1
        events += head[0]
        if category != stream_id.partition("-")[0] or category not in CATEGORIES:
            findings.tell("STREAM_DIFFERS", stream_id, f"its category is {short(category)}")
        if version != head[0]:
            said = f"streams says v{version}, the last event is v{head[0]}"
            findings.tell("STREAM_DIFFERS", stream_id, said)
        if head_hash != head[1]:
            said = f"streams has head hash {short(head_hash)}, the last event {short(head[1])}"
            findings.tell("STREAM_DIFFERS", stream_id, said)
    if totals is not None and known != totals.streams:
        _find_streams_without_row(reader, heads, findings)
    if totals is not None and events != totals.events:
        _find_duplicates(reader, findings)
    return known


def check_states(reader: LogReader, heads: Heads, totals: Totals | None, findings: Findings) -> int:
    """Compare the version of every aggregate's state row with its stream; return how many.

    Without totals it is not asked whether each stream has its row.
    """
    rows = 0
    expected = Counter[str]() if totals is None else totals.begun.copy()
    for table in STATE_TABLES:
        known = 0
        stream = f"'{table.category}-' || t.{table.key}"
        newest = f"(SELECT max(m.version) FROM events m WHERE m.stream_id = {stream})"  # noqa: S608 - our own names
        for key, version, last in _keyed(
            reader, f"{table.name} t", table.key, f"t.stream_version, {newest}"
        ):
            rows += 1
            stream_id = f"{table.category}-{key}"
            if stream_id in heads.pinned:
                last = heads.get(stream_id, (None, None))[0]  # noqa: PLW2901 - the better one
            if last is None:
                findings.tell("STATE_WITHOUT_STREAM", f"{table.name} {key}", "it has no events")
                continue
            known += 1
            if version != last:
                said = f"the row is at v{version}, its stream at v{last}"
                findings.tell("STATE_DIFFERS", f"{table.name} {key}", said)
        if known != expected.pop(table.category, 0) and totals is not None:
            _find_streams_without_state(reader, table, findings)
    for category in sorted(expected.keys() - CATEGORIES.keys()):  # the others need no rows
        findings.tell("UNKNOWN_CATEGORY", f"streams {category}-…", "no aggregate is called so")
    return rows


def _find_streams_without_row(reader: LogReader, heads: Heads, findings: Findings) -> None:
    sql = (
        "SELECT DISTINCT stream_id FROM events e WHERE NOT EXISTS "
        "(SELECT 1 FROM streams s WHERE s.stream_id = e.stream_id) ORDER BY stream_id LIMIT ?"
    )
    for (stream_id,) in reader.rows(sql, LISTED + 1):
        if stream_id not in heads.pinned:
            findings.tell("STREAM_MISSING", stream_id, "it has events, and no row in streams")


def _find_duplicates(reader: LogReader, findings: Findings) -> None:
    sql = (
        "SELECT stream_id, version, count(*) FROM events GROUP BY stream_id, version "
        "HAVING count(*) > 1 ORDER BY stream_id, version LIMIT ?"
    )
    for stream_id, version, count in reader.rows(sql, LISTED + 1):
        findings.tell("DUPLICATE", f"{stream_id} v{version}", f"it is there {count} times")


def _find_streams_without_state(reader: LogReader, table: StateTable, findings: Findings) -> None:
    sql = (
        "SELECT DISTINCT stream_id FROM events e WHERE stream_id LIKE ? "  # noqa: S608 - our own names
        f"AND NOT EXISTS (SELECT 1 FROM {table.name} t "
        f"WHERE e.stream_id = '{table.category}-' || t.{table.key}) ORDER BY stream_id LIMIT ?"
    )
    for (stream_id,) in reader.rows(sql, f"{table.category}-%", LISTED + 1):
        where = f"{table.name} {stream_id.partition('-')[2]}"
        findings.tell("STATE_MISSING", where, "its stream has no row here")


def _keyed(reader: LogReader, table: str, key: str, columns: str) -> Iterator[tuple[Any, ...]]:
    """Yield the key and the columns of every row of `t`, in portions."""
    sql = f"SELECT t.{key}, {columns} FROM {table} WHERE t.{key} {{}} ? ORDER BY t.{key} LIMIT ?"  # noqa: S608 - our own names
    rows = reader.rows(sql.format(">="), "", BATCH)  # an empty key is one too
    while rows:
        yield from rows
        rows = reader.rows(sql.format(">"), rows[-1][0], BATCH)
