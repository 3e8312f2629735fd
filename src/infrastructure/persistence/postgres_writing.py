"""The one statement that writes a batch to PostgreSQL.

Its parts run in the order their data depends on each other: the streams decided upon are locked, in
the order of their ids; whether they are where they were expected is settled; and only then, if they
are, anything is written. The answer tells that, and how many rows each part has written.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from sqlalchemy import Table

from traderbot.domain.shared.instants import instant_text
from traderbot.infrastructure.persistence.statements import (
    MANY,
    Row,
    columns_of,
    parameters_of,
    postgres_insert,
    postgres_upsert,
)
from traderbot.infrastructure.persistence.storage import GUARDING, Changes
from traderbot.infrastructure.persistence.tables import (
    AnswerRow,
    Base,
    EventRow,
    ProfileRow,
    StreamRow,
)

# Up to so many rows in all, about what one command writes, each value is a parameter of its own:
# setting up arrays costs more than storing one row. Beyond that every table gets whole columns, for
# each number of rows would be another statement to prepare.
_FEW: Final = 16
_LOCKED: Final = (
    "locked AS (SELECT stream_id, version FROM streams WHERE stream_id = ANY(%s::text[]) "
    "ORDER BY stream_id FOR UPDATE), "
    "fits AS (SELECT count(*) = %s::bigint AS ok FROM locked "
    "JOIN unnest(%s::text[], %s::bigint[]) AS t(stream_id, expected) USING (stream_id) "
    "WHERE locked.version = t.expected)"
)
_NOTHING_KNOWN: Final = "fits AS (SELECT true AS ok)"
# Streams of the risk gate: every order reads them, so readers share the lock and only a halt waits
# for all of them. They come first, for everybody, and those that do not exist must not by now.
_GUARDED: Final = (
    "guarded AS (SELECT stream_id, version FROM streams WHERE stream_id = ANY(%s::text[]) "
    "ORDER BY stream_id FOR SHARE), "
    "safe AS (SELECT (SELECT count(*) FROM guarded "
    "JOIN unnest(%s::text[], %s::bigint[]) AS t(stream_id, expected) USING (stream_id) "
    "WHERE guarded.version = t.expected) = %s::bigint AND NOT EXISTS "
    "(SELECT 1 FROM streams WHERE stream_id = ANY(%s::text[])) AS ok)"
)
_FITS: Final = "(SELECT ok FROM fits)"
_SAFE: Final = "(SELECT ok FROM safe) AND "
_MOVED: Final = (
    "UPDATE streams s SET version = t.version, head_hash = t.head_hash "  # noqa: S608 - our own names
    "FROM unnest(%s::text[], %s::bigint[], %s::bytea[]) AS t(stream_id, version, head_hash) "
    f"WHERE s.stream_id = t.stream_id AND {_FITS} RETURNING 1"
)
# The queue is what the sealer drains: never follow `events` by position.
_QUEUED: Final = "queued AS (INSERT INTO log_queue (position) SELECT position FROM events_part)"


class Part(NamedTuple):
    """What is done to one table, and for how many rows the statement is made."""

    table: Table
    how: str  # insert, upsert, or move: the one for streams that grew
    rows: int


def writing(changes: Changes) -> tuple[str, list[object], list[int]]:
    """Return the statement, its values, and how many rows each of its parts must write.

    It is for a `psycopg.RawCursor`. Its answer is one row: whether the streams were where they were
    expected, and the counts.
    """
    grown = [it for it in changes.streams if it.expected]
    shared = [it for it in changes.unchanged if it[0].startswith(f"{GUARDING}-")]
    held = [it for it in changes.unchanged if not it[0].startswith(f"{GUARDING}-")]
    known = [(it.stream_id, it.expected) for it in grown] + held
    guarded = bool(shared or changes.absent)
    begun = [
        (it.stream_id, it.category, it.version, it.head_hash, it.created_at)
        for it in changes.streams
        if not it.expected
    ]
    people = [
        (it.user_id, it.email, it.password_hash, instant_text(it.created_at))
        for it in changes.profiles
    ]
    inserted: list[tuple[Table, Sequence[Row]]] = [
        (_ANSWERS, changes.answers),
        (_STREAMS, begun),
        (_EVENTS, changes.events),
        *changes.inserts.items(),
        (_PROFILES, people),
    ]
    work = [(table, "insert", rows) for table, rows in inserted if rows]
    work += [(table, "upsert", rows) for table, rows in changes.upserts.items() if rows]
    few = sum(len(rows) for _, _, rows in work) <= _FEW
    parts: list[Part] = []
    values: list[object] = []
    expected: list[int] = []
    if guarded:
        ids, versions = columns_of(shared) if shared else ("{}", "{}")
        absent = columns_of([(it,) for it in changes.absent])[0] if changes.absent else "{}"
        values += (ids, ids, versions, str(len(shared)), absent)
    if known:
        ids, versions = columns_of(known)
        values += (ids, str(len(known)), ids, versions)
    if grown:
        parts.append(Part(_STREAMS, "move", MANY))
        values += columns_of([(it.stream_id, it.version, it.head_hash) for it in grown])
        expected.append(len(grown))
    for table, how, rows in work:
        parts.append(Part(table, how, len(rows) if few else MANY))
        values += parameters_of(rows) if few else columns_of(rows)
        expected.append(len(rows))
    return _statement(bool(known), guarded, tuple(parts)), values, expected


def _table(model: type[Base]) -> Table:
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - for the type checker: each model has one
    return table


_ANSWERS: Final = _table(AnswerRow)
_STREAMS: Final = _table(StreamRow)
_EVENTS: Final = _table(EventRow)
_PROFILES: Final = _table(ProfileRow)


@lru_cache(maxsize=256)
def _statement(known: bool, guarded: bool, parts: tuple[Part, ...]) -> str:  # noqa: FBT001 - keys of the cache
    named = {_name_of(part): _sql_of(part) for part in parts}
    fits = _LOCKED if known else _NOTHING_KNOWN
    if guarded:
        fits = f"{_GUARDED}, " + fits.replace("fits AS (SELECT ", f"fits AS (SELECT {_SAFE}")
    ctes = [fits]
    ctes += [f"{name} AS ({sql})" for name, sql in named.items()]
    if _name_of(Part(_EVENTS, "insert", 0)) in named:
        ctes.append(_QUEUED)
    counts = ", ".join(f"(SELECT count(*) FROM {name})" for name in named)  # noqa: S608 - our own names
    sql = f"WITH {', '.join(ctes)} SELECT ok, ARRAY[{counts}]::bigint[] FROM fits"  # noqa: S608 - our own names
    # PostgreSQL's own placeholders: the driver would look for its own in the long text each time.
    numbers = itertools.count(1)
    return re.sub("%s", lambda _: f"${next(numbers)}", sql)


def _name_of(part: Part) -> str:
    return f"{part.table.name}_{'moved' if part.how == 'move' else 'part'}"


def _sql_of(part: Part) -> str:
    if part.how == "move":
        return _MOVED
    if part.table is _EVENTS:
        # The stream rows are locked before a position is drawn, so within a stream positions rise
        # with versions.
        sql = postgres_insert(_EVENTS, part.rows, _FITS, without=["position"])
        return f"{sql} RETURNING position"
    made = postgres_insert if part.how == "insert" else postgres_upsert
    return f"{made(part.table, part.rows, _FITS)} RETURNING 1"
