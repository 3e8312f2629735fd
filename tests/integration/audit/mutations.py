"""What can be done to a log by somebody who has every right to its database, drawn at random.

Each mutation returns where it begins: the index of the first event that is not what it was.
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, NamedTuple

from sqlalchemy import Connection

from tests.guards import lift_guards
from tests.integration.audit.sealed import SIZES, SealedLog
from traderbot.infrastructure.event_store.body import encode_json, leaf_hash

SEALED = SIZES[-1]
TABLE_OF = {
    "user": ("users", "user_id"),
    "portfolio": ("portfolios", "portfolio_id"),
    "order": ("orders", "order_id"),
    "bot": ("bot_runs", "bot_run_id"),
}
_LETTERS = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
# Where each column of `events` is in a body.
_COLUMNS = {
    "event_id": ("id",),
    "stream_id": ("stream",),
    "version": ("version",),
    "type": ("type",),
    "schema": ("schema",),
    "occurred_at": ("occurred_at",),
    "recorded_at": ("recorded_at",),
    "command_id": ("command_id",),
    "correlation_id": ("correlation_id",),
    "causation_id": ("causation_id",),
    "actor_type": ("actor", "type"),
    "actor_id": ("actor", "id"),
}


class Event(NamedTuple):
    """An event as it is stored, as far as it is needed to change it."""

    position: int
    stream: str
    version: int
    body: bytes


class Insider:
    """Somebody in the middle of a transaction that nothing keeps from anything."""

    def __init__(self, log: SealedLog, connection: Connection) -> None:
        self.sqlite = log.dialect == "sqlite"
        self.to_seal = 0  # how many events to seal when the transaction is over
        self._connection = connection
        order = "events e ORDER BY position"
        if not self.sqlite:
            order = "events e LEFT JOIN log l USING (position) ORDER BY log_index, position"
        self.events = [
            Event(position, stream, version, bytes(body))
            for position, stream, version, body in self.rows(
                f"SELECT position, stream_id, version, body FROM {order}"  # noqa: S608
            )
        ]

    def rows(self, sql: str, *values: object) -> list[Any]:
        if not self.sqlite:
            sql = sql.replace("?", "%s")
        result = self._connection.exec_driver_sql(sql, values)
        return [*result] if result.returns_rows else []

    def write(self, event: Event, body: bytes, *, hash_too: bool, columns_too: bool) -> None:
        """Put another body in an event's place."""
        self.rows("UPDATE events SET body = ? WHERE position = ?", body, event.position)
        if hash_too:
            sql = "UPDATE events SET leaf_hash = ? WHERE position = ?"
            self.rows(sql, leaf_hash(body), event.position)
        if columns_too:
            values = columns_of(body)
            pairs = ", ".join(f"{name} = ?" for name in values)
            sql = f"UPDATE events SET {pairs} WHERE position = ?"  # noqa: S608
            self.rows(sql, *values.values(), event.position)

    def insert_at(self, index: int, body: bytes) -> None:
        """Add an event at an index of the log; everything from there on moves up by one."""
        if self.sqlite:
            self.rows("UPDATE events SET position = -position - 1 WHERE position > ?", index)
            self.rows("UPDATE events SET position = -position WHERE position < 0")
            self._insert(index + 1, body)
            return
        self.rows("UPDATE log SET log_index = -log_index - 1 WHERE log_index >= ?", index)
        self.rows("UPDATE log SET log_index = -log_index WHERE log_index < 0")
        position = max(event.position for event in self.events) + 1
        self.rows("INSERT INTO log VALUES (?, ?, ?)", index, position, leaf_hash(body))
        self._insert(position, body)

    def unseal_from(self, size: int) -> None:
        """Take the seal off, and with it every checkpoint of more than `size` events."""
        self.rows("DELETE FROM log_head")
        self.rows("DELETE FROM log_tiles")
        self.rows("DELETE FROM log_checkpoints WHERE tree_size > ?", size)
        if not self.sqlite:
            self.rows("INSERT INTO log_queue SELECT position FROM log")
            self.rows("DELETE FROM log")

    def cut(self, size: int) -> None:
        """Leave nothing of what followed the first `size` events, state rows included."""
        kept: dict[str, int] = {}
        for event in self.events[:size]:
            kept[event.stream] = event.version
        for event in self.events[size:]:
            self.rows("DELETE FROM events WHERE position = ?", event.position)
            if not self.sqlite:
                self.rows("DELETE FROM log WHERE position = ?", event.position)
                self.rows("DELETE FROM log_queue WHERE position = ?", event.position)
        for stream in {event.stream for event in self.events[size:]}:
            self._end(stream, kept.get(stream))

    def end_streams(self) -> None:
        """Have `streams` say what the events do."""
        self.rows(
            "UPDATE streams SET head_hash = (SELECT e.leaf_hash FROM events e WHERE "
            "e.stream_id = streams.stream_id AND e.version = streams.version)"
        )

    def _insert(self, position: int, body: bytes) -> None:
        values = {**columns_of(body), "body": body, "leaf_hash": leaf_hash(body)}
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        sql = f"INSERT INTO events (position, {names}) VALUES (?, {marks})"  # noqa: S608
        self.rows(sql, position, *values.values())

    def _end(self, stream: str, version: int | None) -> None:
        category, _, id_ = stream.partition("-")
        table, key = TABLE_OF[category]
        if version is None:
            self.rows("DELETE FROM streams WHERE stream_id = ?", stream)
            self.rows(f"DELETE FROM {table} WHERE {key} = ?", id_)  # noqa: S608
            return
        self.rows(
            "UPDATE streams SET version = ?, head_hash = (SELECT leaf_hash FROM events "
            "WHERE stream_id = ? AND version = ?) WHERE stream_id = ?",
            *(version, stream, version, stream),
        )
        self.rows(f"UPDATE {table} SET stream_version = ? WHERE {key} = ?", version, id_)  # noqa: S608


@contextmanager
def inside(log: SealedLog) -> Iterator[Insider]:
    """Be inside the database for one block."""
    with log.writing.begin() as connection:
        lift_guards(connection)
        yield Insider(log, connection)


def columns_of(body: bytes) -> dict[str, Any]:
    """Return what the columns must say beside a body."""
    said = json.loads(body)
    found = {}
    for column, path in _COLUMNS.items():
        value = said
        for key in path:
            value = value[key]
        found[column] = value
    return found


def edited(body: bytes, rng: Random, *keys: str) -> bytes:
    """Return a canonical body in which one letter of one text is another of its kind.

    One of the named fields, or any text in its data if none is named.
    """
    said = json.loads(body)
    texts = [(said, key) for key in keys] or [*_texts(said["data"])]
    holder, key = rng.choice(texts)
    holder[key] = _other(holder[key], rng)
    return encode_json(said)


def _texts(value: Any) -> Iterator[tuple[Any, Any]]:
    for key, it in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(it, dict | list):
            yield from _texts(it)
        elif isinstance(it, str) and any(letter in _kind for letter in it for _kind in _LETTERS):
            yield value, key


def _other(text: str, rng: Random) -> str:
    places = [n for n, it in enumerate(text) if any(it in kind for kind in _LETTERS)]
    # Of an instant only the microseconds, so that it remains one.
    place = rng.choice(places if not text.endswith("Z") else places[-7:-1])
    kind = next(it for it in _LETTERS if text[place] in it)
    letter = rng.choice([it for it in kind if it != text[place]])
    return text[:place] + letter + text[place + 1 :]


def _any(rng: Random, most: int = SEALED) -> int:
    """Return the index of an event; half of the time of the story, where streams are long."""
    return rng.randrange(49 if rng.random() < 0.5 else most)


# --- the mutations ----------------------------------------------------------------------------


def a_byte(insider: Insider, rng: Random) -> int:
    index = _any(rng)
    event = insider.events[index]
    place = rng.randrange(len(event.body))
    other = event.body[place] ^ rng.randrange(1, 256)
    body = event.body[:place] + bytes([other]) + event.body[place + 1 :]
    insider.write(event, body, hash_too=rng.random() < 0.3, columns_too=False)
    return index


def a_payload_with_its_hash(insider: Insider, rng: Random) -> int:
    index = _any(rng)
    event = insider.events[index]
    insider.write(event, edited(event.body, rng), hash_too=True, columns_too=True)
    return index


def the_time(insider: Insider, rng: Random) -> int:
    index = _any(rng)
    event = insider.events[index]
    column = rng.choice(["recorded_at", "occurred_at"])
    body = edited(event.body, rng, column)
    if rng.random() < 0.5:
        sql = f"UPDATE events SET {column} = ? WHERE position = ?"  # noqa: S608
        insider.rows(sql, columns_of(body)[column], event.position)
    else:
        insider.write(event, body, hash_too=True, columns_too=True)
    return index


def the_actor(insider: Insider, rng: Random) -> int:
    index = _any(rng)
    event = insider.events[index]
    said = json.loads(event.body)
    key = rng.choice(["id", "type", "via"])
    said["actor"][key] = _other(said["actor"][key], rng)
    if key != "via" and rng.random() < 0.5:
        sql = f"UPDATE events SET actor_{key} = ? WHERE position = ?"  # noqa: S608
        insider.rows(sql, said["actor"][key], event.position)
    else:
        insider.write(event, encode_json(said), hash_too=True, columns_too=True)
    return index


def a_deletion(insider: Insider, rng: Random) -> int:
    index = _any(rng)
    position = insider.events[index].position
    insider.rows("DELETE FROM events WHERE position = ?", position)
    if not insider.sqlite and rng.random() < 0.5:
        insider.rows("DELETE FROM log WHERE position = ?", position)
    elif insider.sqlite and rng.random() < 0.5:  # and everything behind it moves up
        insider.rows("UPDATE events SET position = -position WHERE position > ?", position)
        insider.rows("UPDATE events SET position = -position - 1 WHERE position < 0")
    return index


def a_swap(insider: Insider, rng: Random) -> int:
    first, second = sorted(rng.sample(range(49 if rng.random() < 0.5 else SEALED), 2))
    one, other = insider.events[first].position, insider.events[second].position
    for of, to in ((one, -1), (other, one), (-1, other)):
        insider.rows("UPDATE events SET position = ? WHERE position = ?", to, of)
    return first


def an_insertion(insider: Insider, rng: Random) -> int:
    """An event that follows, as well forged as can be, the newest one of some stream."""
    index = 1 + _any(rng, SEALED - 1)
    last = rng.choice(insider.events[:index])
    last = [it for it in insider.events[:index] if it.stream == last.stream][-1]
    said = json.loads(last.body)
    said["id"] = f"0192f0c1-0000-7000-8000-{rng.randrange(16**12):012x}"
    said["prev"] = leaf_hash(last.body).hex()
    said["version"] += 1
    following = [it for it in insider.events if it.stream == last.stream][last.version :]
    for it in reversed(following):  # room for its version
        sql = "UPDATE events SET version = version + 1 WHERE position = ?"
        insider.rows(sql, it.position)
    insider.insert_at(index, encode_json(said))
    return index


def a_duplicate(insider: Insider, rng: Random) -> int:
    """A copy to the last bit, behind its original; no index forbids it any more."""
    index = _any(rng, SEALED - 1)
    event = insider.events[index]
    if insider.sqlite:
        for sql in (
            "DROP VIEW log",
            "CREATE TABLE copied AS SELECT * FROM events",
            "DROP TABLE events",
            "ALTER TABLE copied RENAME TO events",
            "CREATE INDEX by_position ON events (position)",
            "CREATE INDEX by_stream ON events (stream_id, version)",
            "CREATE VIEW log AS SELECT position - 1 AS log_index, position, leaf_hash FROM events",
        ):
            insider.rows(sql)
    else:
        insider.rows("ALTER TABLE events DROP CONSTRAINT uq_events_event_id")
        insider.rows("ALTER TABLE events DROP CONSTRAINT uq_events_stream_id_version")
    place = rng.randrange(index + 1, SEALED)
    insider.insert_at(place, event.body)
    return place


def a_cut_tail(insider: Insider, rng: Random) -> int:
    """The events alone; or with all that the database says of them; or sealed again, too."""
    size = rng.randrange(SEALED)
    how = rng.randrange(3)
    if how:
        insider.cut(size)
        if how > 1:
            insider.unseal_from(size)
            insider.to_seal = size
        return size
    for event in insider.events[size:]:
        insider.rows("DELETE FROM events WHERE position = ?", event.position)
        insider.rows("DELETE FROM log_queue WHERE position = ?", event.position)
    return size


def rewrite(insider: Insider, rng: Random, index: int) -> None:
    """Change the payload of an event and everything that follows from it, up to `streams`."""
    links: dict[str, bytes] = {}
    for n, event in enumerate(insider.events[index:], index):
        body = edited(event.body, rng) if n == index else event.body
        if event.stream in links:
            said = json.loads(body)
            said["prev"] = links[event.stream].hex()
            body = encode_json(said)
        if body != event.body:
            insider.write(event, body, hash_too=True, columns_too=True)
            links[event.stream] = leaf_hash(body)
    insider.end_streams()
