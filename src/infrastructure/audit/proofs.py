"""Where events stand in the sealed log, and whether the newest checkpoint includes them."""

from __future__ import annotations

from collections.abc import Sequence

from traderbot.application.ports.audit import Inclusion
from traderbot.infrastructure.event_store.log_reader import LogReader
from traderbot.infrastructure.sealing.stored_tree import newest_checkpoint, stored_tree
from traderbot.infrastructure.sealing.tiles import TreeDamagedError, verify_inclusion


class Proofs:
    """Answers for a few events, from the stored tree."""

    def __init__(self, reader: LogReader) -> None:
        """Take the newest checkpoint there is."""
        self._reader = reader
        self._tree = stored_tree(reader)
        self._checkpoint = newest_checkpoint(reader)

    def indexes(self, positions: Sequence[int]) -> dict[int, int]:
        """Return the index of each event that has one, by position."""
        if self._reader.dense:
            return {position: position - 1 for position in positions}
        if not positions:
            return {}
        marks = ", ".join(["?"] * len(positions))
        sql = f"SELECT position, log_index FROM log WHERE position IN ({marks})"  # noqa: S608 - marks
        return dict(self._reader.rows(sql, *positions))

    def inclusion(self, index: int, leaf_hash: bytes) -> Inclusion | None:
        """Return how the newest checkpoint includes an event; None if it does not reach so far."""
        checkpoint = self._checkpoint
        if checkpoint is None or index >= checkpoint.size:
            return None
        try:
            proof = self._tree.inclusion_proof(index, checkpoint.size)
        except TreeDamagedError:
            proof = []
        size, root = checkpoint.size, checkpoint.root
        return Inclusion(
            checkpoint=size,
            root=root.hex(),
            hashes=len(proof),
            proven=verify_inclusion(leaf_hash, index, size, proof, root),
        )
