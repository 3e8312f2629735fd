"""Snapshots of all states at a size of the log: a cache, and nothing an answer may rest on.

A snapshot is read only if it was written by a program that folds as this one does (its stamp), if
the log has the root it had then, and if its bytes are those that were written: its first part names
the hashes of the others, and is itself authenticated with a key that is not in the database. Else
it is ignored, and counted. It is written in short transactions, its first part last: without that
part there is no snapshot.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from traderbot.infrastructure.audit.book import Book, Packed
from traderbot.infrastructure.audit.folding import no_collecting
from traderbot.infrastructure.audit.roots import root_at
from traderbot.infrastructure.event_store.event_types import EVENT_TYPES
from traderbot.infrastructure.event_store.log_reader import LogReader
from traderbot.infrastructure.event_store.upcasters import UPCASTERS

FOLD_VERSION: Final = 1  # to be raised when folding changes in a way its sources do not show
KEPT: Final = 8  # snapshots; the smallest ones go first
_STREAMS_PER_PART: Final = 5_000
_FOLDING: Final = (  # beside the domain, what states and their digests are made with
    "traderbot.infrastructure.audit.book",
    "traderbot.infrastructure.audit.folding",
    "traderbot.infrastructure.audit.state_codec",
    "traderbot.infrastructure.event_store.codec",
    "traderbot.infrastructure.event_store.upcasters",
    "traderbot.infrastructure.event_store.wire",
    "traderbot.infrastructure.persistence.state_rows",
    "traderbot.infrastructure.persistence.tables",
)

_log = logging.getLogger(__name__)


class Manifest(msgspec.Struct, frozen=True):
    """The first part of a snapshot."""

    size: int
    newest_recorded_at: str  # of all its events, as text
    parts: list[bytes]  # SHA-256 of each that follows


class _Part(msgspec.Struct, frozen=True, array_like=True, gc=False):
    stream_ids: list[str]
    owner_ids: list[str | None]
    digests: list[bytes]
    data: list[bytes]


@dataclass(slots=True)
class SnapshotCounts:
    """What became of snapshots since the program started."""

    used: int = 0
    ignored: int = 0  # stale, damaged, or of another log
    written: int = 0


class Snapshots:
    """The snapshots of one database."""

    def __init__(self, writing: Engine, key: Callable[[], bytes | None]) -> None:
        """Write through this engine; without a key, write and believe nothing."""
        self.counts = SnapshotCounts()
        self._writing = writing
        self._key_of = key

    def nearest(self, reader: LogReader, size: int) -> tuple[int, Book]:
        """Return the largest snapshot of at most `size` events; nothing, if none can be used."""
        for found in self._sizes(reader, size):
            try:
                with no_collecting():
                    book = self._read(reader, found)
            except (ValueError, msgspec.MsgspecError) as error:
                self._ignore(found, str(error))
                continue
            self.counts.used += 1
            return found, book
        return 0, Book()

    def recorded_by(self, reader: LogReader, limit: str) -> int:
        """Return a size up to which nothing was recorded later than an instant, given as text."""
        for size in self._sizes(reader, 2**62):
            try:
                manifest = self._manifest(reader, size)
            except (ValueError, msgspec.MsgspecError) as error:
                self._ignore(size, str(error))
                continue
            if manifest.newest_recorded_at <= limit:
                return size
        return 0

    def write(self, reader: LogReader, size: int, root: bytes, book: Book) -> None:
        """Keep the states at a size. If the database does not take them, that is all right."""
        if self._key is None:
            return
        manifest = Manifest(size, _newest_recorded_at(reader, size), [])
        try:
            self._drop(size)
            for number, part in enumerate(_parts(book), 1):
                manifest.parts.append(self._put(size, number, root, part))
            first = msgspec.msgpack.encode(manifest)
            self._put(size, 0, root, first, self._authenticated(root, first))
        except SQLAlchemyError as error:
            _log.warning("no snapshot of %d events was written: %s", size, error)
            return
        self.counts.written += 1

    def _sizes(self, reader: LogReader, most: int) -> Iterator[int]:
        """Yield the sizes of snapshots this program may use, the largest first."""
        if self._key is None:
            return
        sql = (
            "SELECT size, fingerprint FROM snapshots WHERE part = 0 AND size <= ? "
            "ORDER BY size DESC"
        )
        for size, fingerprint in reader.rows(sql, most):
            if fingerprint == stamp():
                yield size
            else:
                self._ignore(size, "another version of the program wrote it")

    def _ignore(self, size: int, why: str) -> None:
        self.counts.ignored += 1
        _log.warning("the snapshot of %d events is ignored: %s", size, why)

    def _read(self, reader: LogReader, size: int) -> Book:
        manifest = self._manifest(reader, size)
        packed: dict[str, Packed] = {}
        for number, digest in enumerate(manifest.parts, 1):
            part = _read_part.decode(_bytes_of(reader, size, number, digest))
            values = zip(part.owner_ids, part.digests, part.data, strict=True)
            packed.update(zip(part.stream_ids, map(Packed._make, values), strict=True))
        return Book(packed)

    @property
    def _key(self) -> bytes | None:
        return self._key_of()

    def _authenticated(self, root: bytes, first: bytes) -> bytes:
        """Return what only a holder of the key can write beside the first part."""
        return hmac.digest(self._key or b"", root + first, "sha256")

    def _manifest(self, reader: LogReader, size: int) -> Manifest:
        """Return the first part. Raises ValueError if this is no snapshot of this log."""
        sql = "SELECT states, digest, root FROM snapshots WHERE size = ? AND part = 0"
        found = reader.rows(sql, size)
        if not found or not all(isinstance(it, bytes) for it in found[0]):
            msg = "its first part is missing"
            raise ValueError(msg)
        first, digest, root = found[0]
        if not hmac.compare_digest(digest, self._authenticated(root, first)):
            msg = "nobody who has the key wrote it"
            raise ValueError(msg)
        manifest = _read_manifest.decode(first)
        if manifest.size != size or size > reader.size() or root_at(reader, size) != root:
            msg = "the log had another root then"
            raise ValueError(msg)
        return manifest

    def _put(
        self, size: int, part: int, root: bytes, states: bytes, digest: bytes | None = None
    ) -> bytes:
        digest = digest or sha256(states).digest()
        with self._writing.begin() as connection:
            connection.exec_driver_sql(
                _marked(
                    connection.dialect.name,
                    "INSERT INTO snapshots (size, part, fingerprint, root, states, digest) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                ),
                (size, part, stamp(), root, states, digest),
            )
        return digest

    def _drop(self, size: int) -> None:
        """Make room: what is stale goes, and the smallest of too many."""
        with self._writing.begin() as connection:
            name = connection.dialect.name
            connection.exec_driver_sql(
                _marked(name, "DELETE FROM snapshots WHERE size = ? OR fingerprint <> ?"),
                (size, stamp()),
            )
            connection.exec_driver_sql(
                _marked(
                    name,
                    "DELETE FROM snapshots WHERE size NOT IN (SELECT size FROM snapshots "
                    "WHERE part = 0 ORDER BY size DESC LIMIT ?)",
                ),
                (KEPT - 1,),
            )


@cache
def stamp() -> str:
    """Return a hash over all that decides what folding makes of a log, and how it is kept."""
    hashed = sha256(f"{FOLD_VERSION} {sorted(UPCASTERS)}".encode())
    hashed.update(str([(name, schema) for name, (_, schema) in EVENT_TYPES.items()]).encode())
    domain = Path(str(import_module("traderbot.domain").__file__)).parent
    sources = [*sorted(domain.rglob("*.py")), *(_source_of(name) for name in _FOLDING)]
    for path in sources:
        hashed.update(path.read_bytes())
    return hashed.hexdigest()


def _source_of(module: str) -> Path:
    return Path(str(import_module(module).__file__))


def _bytes_of(reader: LogReader, size: int, part: int, digest: bytes) -> bytes:
    found = reader.rows(
        "SELECT states, digest FROM snapshots WHERE size = ? AND part = ?", size, part
    )
    if not found or not all(isinstance(it, bytes) for it in found[0]):
        msg = f"part {part} is missing"
        raise ValueError(msg)
    states, stored = found[0]
    if not sha256(states).digest() == stored == digest:
        msg = f"part {part} is damaged"
        raise ValueError(msg)
    return bytes(states)


def _parts(book: Book) -> Iterator[bytes]:
    packed = book.pack()
    while some := list(islice(packed, _STREAMS_PER_PART)):
        ids, states = zip(*some, strict=True)
        owners, digests, data = (list(it) for it in zip(*states, strict=True))
        yield msgspec.msgpack.encode(_Part(list(ids), owners, digests, data))


def _newest_recorded_at(reader: LogReader, size: int) -> str:
    column = reader.instant("max(e.recorded_at)")
    condition = "e.position <= ?" if reader.dense else "l.log_index < ?"
    sql = f"SELECT {column} FROM {reader.placed_events} WHERE {condition}"  # noqa: S608 - our own names
    return str(reader.rows(sql, size)[0][0])


def _marked(dialect: str, sql: str) -> str:
    return sql.replace("?", "%s") if dialect == "postgresql" else sql


_read_manifest = msgspec.msgpack.Decoder(Manifest)
_read_part = msgspec.msgpack.Decoder(_Part)
