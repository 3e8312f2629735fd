"""What the sealer has stored, as one moment of the database shows it: head, tree, checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from traderbot.infrastructure.event_store.merkle import EMPTY_ROOT
from traderbot.infrastructure.sealing.tiles import Tree

FIRST_EPOCH: Final = 1
_BATCH: Final = 1000


class Reader(Protocol):
    """Asks the database; `LogReader` is one."""

    @property
    def dense(self) -> bool:
        """Whether it is SQLite, where positions have no gaps."""
        ...

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return raw rows. The statement marks its values with `?`."""
        ...

    def instant(self, column: str) -> str:
        """Return the expression that gives an instant as the text bodies hold."""
        ...


@dataclass(frozen=True, slots=True)
class Head:
    """How far the log is sealed."""

    size: int
    root: bytes
    epoch: int
    frontier: bytes = b""  # hashes of the complete subtrees, largest first


NOTHING_SEALED: Final = Head(0, EMPTY_ROOT, FIRST_EPOCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCheckpoint:
    """A size and a root that were signed."""

    size: int
    epoch: int
    root: bytes
    note: str
    key_id: str
    sealed_at: str  # instant as text


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEpoch:
    """From where on, under which name, and why. The first epoch has no row: it just began."""

    epoch: int
    origin: str
    started_at: str  # instant as text
    reason: str
    previous_size: int
    previous_root: bytes


def head(reader: Reader) -> Head:
    """Return how far the log is sealed; of one that never was, the empty tree."""
    size_, epoch_ = (whole(reader, it) for it in ("size", "epoch"))
    root_, frontier_ = (raw(reader, it) for it in ("root", "frontier"))
    found = reader.rows(
        f"SELECT {size_}, {root_}, {epoch_}, {frontier_} FROM log_head WHERE id = 1"  # noqa: S608 - our own names
    )
    if not found:
        return NOTHING_SEALED
    size, root, epoch, frontier = found[0]
    return Head(max(0, _number(size)), _hash(root), _number(epoch), _hash(frontier))


def stored_tree(reader: Reader) -> Tree:
    """Return the tree as its tiles are stored, whether or not they fit the events."""
    return Tree(stored_tiles(reader))


def stored_tiles(reader: Reader) -> Callable[[int, int], bytes]:
    """Return what reads a stored tile: its hashes one after another, or nothing."""
    sql = f"SELECT {raw(reader, 'hashes')} FROM log_tiles WHERE level = ? AND tile = ?"  # noqa: S608 - our own names

    def read(level: int, tile: int) -> bytes:
        found = reader.rows(sql, level, tile)
        return _hash(found[0][0]) if found else b""

    return read


def checkpoints(reader: Reader, *, after_size: int = -1) -> Iterator[StoredCheckpoint]:
    """Yield the checkpoints of logs longer than `after_size`, the shortest first."""
    sql = (
        _select_checkpoints(reader)
        + " WHERE (tree_size, epoch) > (?, ?) ORDER BY tree_size, epoch LIMIT ?"
    )
    after = (after_size, 2**62)
    while found := reader.rows(sql, *after, _BATCH):
        for row in found:
            yield _checkpoint(row)
        last = found[-1][:2]
        if None in last:  # it sorts behind every number, and so do those that may follow
            return
        after = last


def newest_checkpoint(reader: Reader) -> StoredCheckpoint | None:
    """Return the newest checkpoint: of the newest epoch that has one, that of the longest log."""
    found = reader.rows(
        _select_checkpoints(reader)  # noqa: S608 - our own names
        + " WHERE epoch = (SELECT max(epoch) FROM log_checkpoints) ORDER BY tree_size DESC LIMIT 1"
    )
    return _checkpoint(found[0]) if found else None


def newest_of_epoch(reader: Reader, epoch: int) -> StoredCheckpoint | None:
    """Return the checkpoint of the longest log within an epoch."""
    sql = _select_checkpoints(reader) + " WHERE epoch = ? ORDER BY tree_size DESC LIMIT 1"
    found = reader.rows(sql, epoch)
    return _checkpoint(found[0]) if found else None


def epochs(reader: Reader) -> list[StoredEpoch]:
    """Return every epoch but the first, oldest first."""
    sql = (
        f"SELECT {whole(reader, 'epoch')}, {_coded(reader, 'origin')}, "  # noqa: S608 - our own names
        f"{reader.instant('started_at')}, {_coded(reader, 'reason')}, "
        f"{whole(reader, 'previous_size')}, {raw(reader, 'previous_root')} "
        "FROM log_epochs ORDER BY epoch"
    )
    return [
        StoredEpoch(
            epoch=_number(epoch),
            origin=_text(origin),
            started_at=started_at,
            reason=_text(reason),
            previous_size=_number(size),
            previous_root=_hash(root),
        )
        for epoch, origin, started_at, reason, size, root in reader.rows(sql)
    ]


def _select_checkpoints(reader: Reader) -> str:
    return (
        f"SELECT {whole(reader, 'tree_size')}, {whole(reader, 'epoch')}, {raw(reader, 'root')}, "  # noqa: S608 - our own names
        f"{_coded(reader, 'note')}, {_coded(reader, 'key_id')}, {reader.instant('sealed_at')} "
        "FROM log_checkpoints"
    )


def _checkpoint(row: tuple[Any, ...]) -> StoredCheckpoint:
    size, epoch, root, note, key_id, sealed_at = row
    return StoredCheckpoint(
        size=_number(size),
        epoch=_number(epoch),
        root=_hash(root),
        note=_text(note),
        key_id=_text(key_id),
        sealed_at=sealed_at,
    )


# SQLite lets anybody who edits the file put anything into any column. What cannot be meant is read
# as something that fits nothing, so that it is found where it is compared. Text that is not UTF-8
# must not even reach the driver, which would refuse the whole row.


def raw(reader: Reader, column: str) -> str:
    """Return the expression that gives a column's bytes, NULL if it holds something else."""
    return f"CASE typeof({column}) WHEN 'blob' THEN {column} END" if reader.dense else column


def whole(reader: Reader, column: str) -> str:
    """Return the expression that gives a column's whole number, NULL if it holds something else."""
    return f"CASE typeof({column}) WHEN 'integer' THEN {column} END" if reader.dense else column


def _coded(reader: Reader, column: str) -> str:
    """Return the expression that gives a column's text, in SQLite undecoded."""
    return f"CAST({column} AS BLOB)" if reader.dense else column


def _text(value: object) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return ""
    return value if isinstance(value, str) else ""


def _hash(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else b""


def _number(value: object) -> int:
    return value if isinstance(value, int) else -1
