"""Whether the sealed log is what was signed: its tiles, its head, and what was published of it.

The tree is made again from the events. At every size that was signed or published its root is
compared, each once, in one pass over the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from operator import itemgetter

from traderbot.application.ports.audit import TreeReport
from traderbot.domain.shared.instants import instant
from traderbot.infrastructure.audit.findings import Findings, short
from traderbot.infrastructure.audit.published import Mark, Published
from traderbot.infrastructure.audit.tile_check import CheckedTree, tiles_of
from traderbot.infrastructure.audit.witnesses import Witnesses
from traderbot.infrastructure.event_store.log_reader import LogReader
from traderbot.infrastructure.sealing.stored_tree import head, stored_tree, whole
from traderbot.infrastructure.sealing.tiles import tile_widths


class TreeCheck:
    """The sealed log while its events are read, from index `start` on."""

    def __init__(
        self, reader: LogReader, findings: Findings, witnesses: Witnesses, start: int
    ) -> None:
        """Take the tree below `start` from the stored tiles.

        Raises:
            TreeDamagedError: they do not hold it.
        """
        self._reader, self._findings = reader, findings
        self._key = None if witnesses.verifier is None else witnesses.verifier.key_id
        self.head = head(reader)
        self.published = Published(reader, findings, witnesses, self.head)
        self.tree = CheckedTree.of(start, stored_tree(reader).peaks(start))
        self.tree.watch(tiles_of(reader), findings)
        self._marks = merge(
            self.published.stored(start),
            self.published.anchors(start),
            self._sealed(),
            key=itemgetter(0),
        )
        self._next = next(self._marks, None)

    def extend(self, hashes: list[bytes]) -> None:
        """Add leaf hashes, and compare the root at every marked size on the way."""
        while self._next is not None and self._next.size <= self.tree.size + len(hashes):
            here = self._next.size - self.tree.size
            if here:
                self.tree.extend(hashes[:here])
                hashes = hashes[here:]
            self._next.check(self.tree.root())
            self._next = next(self._marks, None)
        if hashes:
            self.tree.extend(hashes)

    def finish(self) -> None:
        """Tell what is left when the log has ended."""
        self.extend([])  # an empty log has marks, too
        head, size = self.head, self.tree.size
        if size < head.size:
            said = f"{head.size} events were sealed, there are {size}"
            self._findings.tell("ROLLED_BACK", "log_head", said, size)
        unread = 0
        while self._next is not None:
            unread += self._next.size > head.size
            self._next = next(self._marks, None)
        self.published.finish(unread)
        self._find_stray_tiles()

    def report(self, queued: int, oldest_unsealed: str | None) -> TreeReport:
        """Return what was seen."""
        head, published = self.head, self.published
        newest = published.newest
        return TreeReport(
            size=head.size,
            root=head.root.hex(),
            epoch=head.epoch,
            tail=max(0, self.tree.size - head.size),
            queued=queued,
            oldest_unsealed=None if oldest_unsealed is None else instant(oldest_unsealed),
            checkpoints=published.checkpoints,
            signatures=published.signatures,
            key=self._key,
            anchors=published.anchored,
            superseded=published.superseded,
            newest_anchor=None if newest is None else newest.size,
            newest_anchor_at=None if newest is None else instant(newest.at),
        )

    def _sealed(self) -> Iterator[Mark]:
        yield Mark(self.head.size, self._check_head)

    def _check_head(self, root: bytes) -> None:
        self.tree.close()
        head = self.head
        if root != head.root:
            said = f"its root is {short(head.root)}, the events make {short(root)}"
            self._findings.tell("HEAD_DIFFERS", "log_head", said)
        elif b"".join(self.tree.peaks) != head.frontier:
            self._findings.tell("HEAD_DIFFERS", "log_head", "its frontier is of another tree")

    def _find_stray_tiles(self) -> None:
        widths = {level: full + bool(rest) for level, full, rest in tile_widths(self.head.size)}
        found = self._reader.rows("SELECT count(*) FROM log_tiles")[0][0]
        if found <= sum(widths.values()):
            return  # missing ones were told of where they belong
        level_, tile_ = (whole(self._reader, it) for it in ("level", "tile"))
        sql = f"SELECT {level_}, {tile_} FROM log_tiles ORDER BY 1, 2"  # noqa: S608 - our own names
        for level, tile in self._reader.rows(sql):
            if level is None or tile is None or not 0 <= tile < widths.get(level, 0):
                where = f"tile {tile} of level {level}"
                self._findings.tell("TILE_DIFFERS", where, "the sealed log has no such tile")
