"""A log's bodies, entries and tiles as files, written in one pass and in constant memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from traderbot.infrastructure.event_store.body import leaf_hash
from traderbot.infrastructure.event_store.merkle import Frontier
from traderbot.infrastructure.sealing.tiles import (
    TILE_WIDTH,
    entries_path,
    tile_path,
    tile_root,
)

EVENTS: Final = "events.jsonl"
_LENGTH_BYTES: Final = 2


class TileWriter:
    """Writes `events.jsonl` and `tile/` below a folder.

    Source:
        C2SP tlog-tiles, https://c2sp.org/tlog-tiles: an entry is its length, two bytes big-endian,
        and its bytes.
    """

    def __init__(self, folder: Path) -> None:
        """Begin with an empty log. Use it in a `with` statement, which writes the last tiles."""
        self.frontier = Frontier()
        self._folder = folder
        self._lines = (folder / EVENTS).open("wb")
        self._bodies: list[bytes] = []
        self._levels: list[bytearray] = [bytearray()]  # of each level, the hashes of its last tile
        self._written = [0]  # and how many tiles are before that

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lines.close()
        if kind is None:
            self._write_entries()
            for level, hashes in enumerate(self._levels):
                if hashes:
                    self._write_tile(level)

    def add(self, bodies: Sequence[bytes]) -> None:
        """Write bodies, in the order of the log."""
        leaf_hashes = [leaf_hash(body) for body in bodies]
        self._lines.writelines(part for body in bodies for part in (body, b"\n"))
        for body, leaf in zip(bodies, leaf_hashes, strict=True):
            self._bodies.append(body)
            self._levels[0] += leaf
            if len(self._bodies) == TILE_WIDTH:
                self._write_entries()
                self._close_tile(0)
        self.frontier.extend(leaf_hashes)

    def _close_tile(self, level: int) -> None:
        """Write a full tile, and its root one level higher, which may fill a tile there."""
        tile = self._write_tile(level)
        if len(self._levels) == level + 1:
            self._levels.append(bytearray())
            self._written.append(0)
        self._levels[level + 1] += tile_root(tile)
        if len(self._levels[level + 1]) == len(tile):
            self._close_tile(level + 1)

    def _write_tile(self, level: int) -> bytes:
        tile = bytes(self._levels[level])
        width = len(tile) // _HASH_BYTES
        _write(self._folder / tile_path(level, self._written[level], width), tile)
        self._written[level] += 1
        self._levels[level].clear()
        return tile

    def _write_entries(self) -> None:
        if self._bodies:
            entries = b"".join(
                len(body).to_bytes(_LENGTH_BYTES, "big") + body for body in self._bodies
            )
            path = entries_path(self._written[0], len(self._bodies))
            _write(self._folder / path, entries)
            self._bodies.clear()


_HASH_BYTES: Final = 32


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
