"""Whether the rows beside the log end where the log ends: `streams`, and one row per aggregate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from traderbot.application.ports.audit import AuditFinding
from traderbot.infrastructure.audit.examine import Head
from traderbot.infrastructure.audit.findings import Bounded, short
from traderbot.infrastructure.event_store.log_reader import BATCH, LogReader
from traderbot.infrastructure.persistence.unit import CATEGORIES

Findings = Bounded[AuditFinding]


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
WITHOUT_ROWS = frozenset({"operations"})  # read from the log alone


def check_streams(reader: LogReader, heads: Mapping[str, Head], findings: Findings) -> None:
    """Compare every row of `streams` with the last event of its stream, and miss none."""
    known = 0
    for stream_id, category, version, head_hash in _keyed(
        reader, "streams", "stream_id", "category, version, head_hash"
    ):
        head = heads.get(stream_id)
        if head is None:
            _add(findings, "STREAM_WITHOUT_EVENTS", stream_id, f"streams has it at v{version}")
            continue
        known += 1
        if category != stream_id.partition("-")[0] or category not in CATEGORIES:
            _add(findings, "STREAM_DIFFERS", stream_id, f"its category is {short(category)}")
        if version != head[0]:
            said = f"streams says v{version}, the last event is v{head[0]}"
            _add(findings, "STREAM_DIFFERS", stream_id, said)
        if head_hash != head[1]:
            said = f"streams has head hash {short(head_hash)}, the last event {short(head[1])}"
            _add(findings, "STREAM_DIFFERS", stream_id, said)
    if known != len(heads):
        found = {row[0] for row in _keyed(reader, "streams", "stream_id", "version")}
        for stream_id in sorted(heads.keys() - found):
            _add(findings, "STREAM_MISSING", stream_id, "it has events, and no row in streams")


def check_states(reader: LogReader, heads: Mapping[str, Head], findings: Findings) -> int:
    """Compare the version of every aggregate's state row with its stream; return how many."""
    expected = Counter(stream_id.partition("-")[0] for stream_id in heads)
    rows = 0
    for table in STATE_TABLES:
        known = 0
        for key, version in _keyed(reader, table.name, table.key, "stream_version"):
            rows += 1
            head = heads.get(f"{table.category}-{key}")
            if head is None:
                _add(findings, "STATE_WITHOUT_STREAM", f"{table.name} {key}", "it has no events")
                continue
            known += 1
            if version != head[0]:
                said = f"the row is at v{version}, its stream at v{head[0]}"
                _add(findings, "STATE_DIFFERS", f"{table.name} {key}", said)
        if known != expected.pop(table.category, 0):
            _name_missing(reader, table, heads, findings)
    for category in expected.keys() - WITHOUT_ROWS:
        _add(findings, "UNKNOWN_CATEGORY", f"streams {category}-…", "no aggregate is called so")
    return rows


def _name_missing(
    reader: LogReader, table: StateTable, heads: Mapping[str, Head], findings: Findings
) -> None:
    found = {row[0] for row in _keyed(reader, table.name, table.key, "stream_version")}
    for stream_id in sorted(heads):
        category, _, key = stream_id.partition("-")
        if category == table.category and key not in found:
            _add(findings, "STATE_MISSING", f"{table.name} {key}", "its stream has no row here")


def _keyed(reader: LogReader, table: str, key: str, columns: str) -> Iterator[tuple[Any, ...]]:
    """Yield the key and the columns of every row, in portions."""
    sql = f"SELECT {key}, {columns} FROM {table} WHERE {key} {{}} ? ORDER BY {key} LIMIT ?"  # noqa: S608 - our own names
    rows = reader.rows(sql.format(">="), "", BATCH)  # an empty key is one too
    while rows:
        yield from rows
        rows = reader.rows(sql.format(">"), rows[-1][0], BATCH)


def _add(findings: Findings, code: str, where: str, message: str) -> None:
    findings.add(AuditFinding(code=code, where=where, message=message))
