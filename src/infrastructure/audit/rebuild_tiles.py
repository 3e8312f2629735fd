"""Making the stored tiles again from the events, if these are what was signed.

Tiles follow from the events, so a damaged disk or a careless hand need not be the end of a log. But
whoever changed an event would like nothing better than tiles that fit it: so the tree that the
events make must first have the root of the newest checkpoint that our key has signed, and of every
anchor that binds it. What lies behind that checkpoint must have the root of the sealed head.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from sqlalchemy import Engine

from traderbot.application.errors import (
    DatabaseRefusedError,
    NoCheckpointError,
    StaleAggregateError,
)
from traderbot.application.ports.audit import Progress, TilesReport
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError
from traderbot.infrastructure.audit.tile_check import tiles_of
from traderbot.infrastructure.audit.witnesses import Witnesses
from traderbot.infrastructure.event_store.log_reader import LogReader, snapshot
from traderbot.infrastructure.event_store.merkle import Frontier
from traderbot.infrastructure.sealing.anchors import is_epoch_of
from traderbot.infrastructure.sealing.log_store import LogStore
from traderbot.infrastructure.sealing.log_stores import log_store
from traderbot.infrastructure.sealing.signed_note import CheckpointBody
from traderbot.infrastructure.sealing.stored_tree import (
    FIRST_EPOCH,
    Head,
    checkpoints,
    epochs,
    head,
    whole,
)
from traderbot.infrastructure.sealing.tiles import TILE_HEIGHT, TILE_WIDTH, tile_widths

_ROUNDS: Final = 5
_FULL: Final = 32 * TILE_WIDTH
_PUT_TILE: Final = (
    "INSERT INTO log_tiles (level, tile, hashes) VALUES (?, ?, ?) "
    "ON CONFLICT (level, tile) DO UPDATE SET hashes = excluded.hashes"
)


@dataclass(slots=True)
class _Found:
    """What the events make, where it is not what is stored."""

    head: Head
    vouched: int  # events that a signature of ours stands for
    root: bytes = b""
    frontier: bytes = b""
    tiles: dict[tuple[int, int], bytes] = field(default_factory=dict)
    stray: list[tuple[int, int]] = field(default_factory=list)


def rebuild_tiles(
    reading: Engine, writing: Engine, witnesses: Witnesses, progress: Progress | None
) -> TilesReport:
    """Compute every tile from the events' own bytes, and put right those that differ.

    Raises:
        InvalidValueError: no key is known to check signatures with.
        NoCheckpointError: none of the stored checkpoints is signed by it.
        CorruptHistoryError: the events are not those that were signed; nothing was changed.
        StaleAggregateError: the log grew while its end was to be put right.
    """
    began = time.perf_counter()
    store = log_store(writing)
    count = stray = 0
    try:
        for _ in range(_ROUNDS):
            with snapshot(reading) as reader:
                found = _compared(reader, witnesses, progress)
            written, is_all = _put(store, found)
            count += written
            if is_all:
                stray = _drop(store, found.stray)
                return TilesReport(
                    events=found.head.size,
                    vouched=found.vouched,
                    root=found.root.hex(),
                    tiles=count,
                    stray=stray,
                    seconds=time.perf_counter() - began,
                )
    finally:
        store.close()
    msg = "the log grows all the time: stop the program that seals it, and ask again"
    raise StaleAggregateError(msg)


def _compared(reader: LogReader, witnesses: Witnesses, progress: Progress | None) -> _Found:
    now = head(reader)
    signed = _signed(reader, witnesses, now)
    found = _Found(now, max(signed))
    tree = _Regrown(_comparing(reader, found))
    for size in sorted({*signed, now.size}):
        _grow(tree, reader, size, now.size, progress)
        for root in signed.get(size, ()):
            if tree.root() != root:
                msg = (
                    f"the first {size} events make root {tree.root().hex()}, and {root.hex()} was "
                    "signed: these are not the events that were sealed. Nothing was changed; "
                    "`traderbot audit verify` tells more"
                )
                raise CorruptHistoryError(msg)
    found.root, found.frontier = tree.root(), b"".join(tree.peaks)
    if found.root != now.root and found.vouched != now.size:
        msg = (
            f"of {now.size} sealed events {found.vouched} are under a checkpoint, and all of them "
            f"make another root than the sealed head has: nothing was changed"
        )
        raise CorruptHistoryError(msg)
    tree.close()
    _find_stray(reader, found)
    return found


def _grow(
    tree: _Regrown, reader: LogReader, to: int, total: int, progress: Progress | None
) -> None:
    if tree.size == to:
        return
    for rows in reader.bodies(tree.size):
        bodies = [body for _, _, body in rows[: to - tree.size]]
        try:
            tree.extend([sha256(b"\x00" + body).digest() for body in bodies])
        except TypeError as error:
            msg = "the body of an event is stored as something else than bytes"
            raise CorruptHistoryError(msg) from error
        if progress is not None:
            progress(tree.size, total)
        if tree.size == to:
            return
    msg = f"{total} events were sealed, there are {tree.size}"
    raise CorruptHistoryError(msg)


def _signed(reader: LogReader, witnesses: Witnesses, now: Head) -> dict[int, list[bytes]]:
    """Return the roots that the newest checkpoint and the anchors of this epoch say, by size."""
    if witnesses.verifier is None:
        msg = "tiles are made again for a signature that vouches for the events: a key is needed"
        raise InvalidValueError(msg)
    newest = _newest(reader, witnesses, now)
    roots = {newest.size: [newest.root]}
    for size, root in _published(witnesses, now):
        roots.setdefault(size, []).append(root)
    return roots


def _newest(reader: LogReader, witnesses: Witnesses, now: Head) -> CheckpointBody:
    """Return the newest checkpoint of this epoch that is signed by the key in use."""
    origin = witnesses.origin
    if now.epoch != FIRST_EPOCH:
        origin = next((it.origin for it in epochs(reader) if it.epoch == now.epoch), None)
    newest = None
    for each in checkpoints(reader):
        if each.epoch == now.epoch and each.size <= now.size and witnesses.is_current(each.note):
            said = witnesses.verify(each.note)
            newest = said if said.origin == (origin or said.origin) else newest
    if newest is None:
        msg = "no stored checkpoint of this log is signed by the key in use"
        raise NoCheckpointError(msg)
    return newest


def _published(witnesses: Witnesses, now: Head) -> Iterator[tuple[int, bytes]]:
    """Yield size and root of what was published of this log in its epoch."""
    if witnesses.anchors is not None and witnesses.anchors.damaged:
        msg = "the anchor file is damaged: restore it from a copy first"
        raise CorruptHistoryError(msg)
    for anchor in witnesses.anchors.anchors if witnesses.anchors else ():
        if witnesses.origin is not None and not is_epoch_of(anchor.origin, witnesses.origin):
            continue
        if (anchor.epoch, anchor.size) > (now.epoch, now.size):
            msg = (
                f"{anchor.size} events of epoch {anchor.epoch} were published, and this log has "
                f"{now.size} of epoch {now.epoch}: it is an older copy"
            )
            raise CorruptHistoryError(msg)
        if anchor.epoch == now.epoch:
            yield anchor.size, bytes.fromhex(anchor.root)


class _Regrown(Frontier):
    """A growing tree that hands out its tiles: each once it is full, the others at the end."""

    def __init__(self, tell: Callable[[int, int, bytes], None]) -> None:
        super().__init__()
        self._tell = tell
        self._rows: list[list[bytes]] = []  # hashes of the tile that is not full yet, by level
        self._numbers: list[int] = []  # which tile that is

    def close(self) -> None:
        for level, row in enumerate(self._rows):
            if row:
                self._tell(level, self._numbers[level], b"".join(row))

    def _grown(self, level: int, roots: Sequence[bytes]) -> None:
        tiles, inside = divmod(level, TILE_HEIGHT)
        if inside or not roots:
            return
        while len(self._rows) <= tiles:
            self._rows.append([])
            self._numbers.append(0)
        row = self._rows[tiles]
        row.extend(roots)
        while len(row) >= TILE_WIDTH:
            self._tell(tiles, self._numbers[tiles], b"".join(row[:TILE_WIDTH]))
            del row[:TILE_WIDTH]
            self._numbers[tiles] += 1


def _comparing(reader: LogReader, found: _Found) -> Callable[[int, int, bytes], None]:
    read = tiles_of(reader)

    def compare(level: int, tile: int, hashes: bytes) -> None:
        if read(level, tile) != hashes:
            found.tiles[level, tile] = hashes

    return compare


def _find_stray(reader: LogReader, found: _Found) -> None:
    widths = {level: full + bool(rest) for level, full, rest in tile_widths(found.head.size)}
    names = ", ".join(whole(reader, it) for it in ("level", "tile"))
    for level, tile in reader.rows(f"SELECT {names} FROM log_tiles"):  # noqa: S608 - our own names
        if level is not None and tile is not None and not 0 <= tile < widths.get(level, 0):
            found.stray.append((level, tile))


def _put(store: LogStore, found: _Found) -> tuple[int, bool]:
    """Write what differs; return how many tiles, and whether that is all.

    A full tile is right for ever. The last one of a level is right only for the log that was read.
    """
    with store.writing() as transaction:
        lock = "" if transaction.dense else " FOR UPDATE"
        size = transaction.rows(f"SELECT size FROM log_head WHERE id = 1{lock}")[0][0]  # noqa: S608 - our own words
        is_same = size == found.head.size
        put = {key: it for key, it in found.tiles.items() if is_same or len(it) == _FULL}
        for (level, tile), hashes in put.items():
            transaction.rows(_PUT_TILE, level, tile, hashes)
        if is_same and (found.root, found.frontier) != (found.head.root, found.head.frontier):
            transaction.rows(
                "UPDATE log_head SET root = ?, frontier = ? WHERE id = 1",
                found.root,
                found.frontier,
            )
    return len(put), len(put) == len(found.tiles) and (is_same or not found.stray)


def _drop(store: LogStore, stray: Sequence[tuple[int, int]]) -> int:
    """Delete tiles the log does not have; nobody reads them, and not every role may."""
    if not stray:
        return 0
    try:
        with store.writing() as transaction:
            for key in stray:
                transaction.rows("DELETE FROM log_tiles WHERE level = ? AND tile = ?", *key)
    except DatabaseRefusedError:
        return 0
    return len(stray)
