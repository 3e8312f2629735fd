"""A tree that grows with the log and is compared with the stored tiles on the way."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from traderbot.infrastructure.audit.findings import Findings, short
from traderbot.infrastructure.event_store.log_reader import LogReader
from traderbot.infrastructure.event_store.merkle import Frontier
from traderbot.infrastructure.sealing.stored_tree import raw, whole
from traderbot.infrastructure.sealing.tiles import (
    HASH_BYTES,
    TILE_HEIGHT,
    TILE_WIDTH,
    hashes_of,
)

ReadTile = Callable[[int, int], bytes]
_REMEMBERED = 10_000  # leaves that differ
_AHEAD = 32  # tiles of leaf hashes, 8 KiB each


def tiles_of(reader: LogReader) -> ReadTile:
    """Return a function that reads a stored tile: its hashes one after another, or nothing.

    Tiles are asked for in their order, so those that follow are read along.
    """
    ahead: dict[tuple[int, int], object] = {}

    def read(level: int, tile: int) -> bytes:
        if (level, tile) not in ahead:
            ahead.clear()
            sql = (
                f"SELECT {whole(reader, 'tile')}, {raw(reader, 'hashes')} FROM log_tiles "  # noqa: S608 - our own names
                "WHERE level = ? AND tile >= ? ORDER BY tile LIMIT ?"
            )
            found = reader.rows(sql, level, tile, _AHEAD if level == 0 else 1)
            ahead.update(((level, number), hashes) for number, hashes in found)
        hashes = ahead.pop((level, tile), b"")
        return hashes if isinstance(hashes, bytes) else b""

    return read


class CheckedTree(Frontier):
    """A growing tree whose new hashes are held against the stored tiles until `close`."""

    def __init__(self) -> None:
        """Begin with no leaf; `watch` says what to compare with."""
        super().__init__()
        self._read: ReadTile | None = None
        self._rows: list[list[bytes]] = []  # new hashes by level of tiles, of one tile at most
        self._firsts: list[int] = []  # the number of the first of them in its level
        self._bad_leaves: list[int] = []

    def watch(self, read: ReadTile, findings: Findings) -> None:
        """Compare everything from here on."""
        self._read, self._findings = read, findings

    def close(self) -> None:
        """Compare what is left of each level: here the sealed log ends."""
        if self._read is None:
            return
        for level in range(-(-self.size.bit_length() // TILE_HEIGHT)):
            self._level(level)
            self._compare(level)
        self._read = None

    def _grown(self, level: int, roots: Sequence[bytes]) -> None:
        if self._read is None or level % TILE_HEIGHT:
            return
        tiles = level // TILE_HEIGHT
        self._level(tiles, len(roots)).extend(roots)
        while self._firsts[tiles] % TILE_WIDTH + len(self._rows[tiles]) >= TILE_WIDTH:
            self._compare(tiles)  # and what it compared is gone from the row

    def _level(self, level: int, new: int = 0) -> list[bytes]:
        # Heard of in the middle of growing: `size` counts the new leaves already.
        while len(self._rows) <= level:
            height = len(self._rows) * TILE_HEIGHT
            self._firsts.append((self.size >> height) - new)
            self._rows.append([])
        return self._rows[level]

    def _compare(self, level: int) -> None:
        assert self._read is not None  # noqa: S101 - asked by whoever calls
        first, row = self._firsts[level], self._rows[level]
        tile, offset = divmod(first, TILE_WIDTH)
        mine, self._rows[level] = row[: TILE_WIDTH - offset], row[TILE_WIDTH - offset :]
        self._firsts[level] = first + len(mine)
        if not offset and not mine:
            return
        stored = self._read(level, tile)
        if stored[offset * HASH_BYTES :] != b"".join(mine) or len(stored) % HASH_BYTES:
            self._differs(level, tile, offset, mine, hashes_of(stored))

    def _differs(
        self, level: int, tile: int, offset: int, mine: list[bytes], stored: list[bytes]
    ) -> None:
        width = TILE_WIDTH**level
        where = f"tile {tile} of level {level}"
        end = offset + len(mine)
        if len(stored) != end:
            said = f"{where} holds {len(stored)} hashes, {end} are sealed"
            self._findings.tell("TILE_DIFFERS", where, said)
        for place, (is_, ought) in enumerate(zip(stored[offset:], mine, strict=False), offset):
            index = (tile * TILE_WIDTH + place) * width
            if is_ == ought or (level and self._has_bad_leaf(index, width)):
                continue
            said = f"hash {place} is {short(is_)}, the events make {short(ought)}"
            if not level and len(self._bad_leaves) < _REMEMBERED:
                self._bad_leaves.append(index)
            self._findings.tell("TILE_DIFFERS", where, said, None if level else index)

    def _has_bad_leaf(self, index: int, width: int) -> bool:
        """Whether one of these leaves was told of: then the hashes above it cannot agree."""
        found = bisect_left(self._bad_leaves, index)
        return found < len(self._bad_leaves) and self._bad_leaves[found] < index + width
