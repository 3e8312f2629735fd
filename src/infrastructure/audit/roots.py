"""The root of a prefix of the log, from the sealed tree as far as it goes."""

from __future__ import annotations

from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.infrastructure.event_store.log_reader import LogReader
from traderbot.infrastructure.event_store.merkle import Frontier
from traderbot.infrastructure.sealing.stored_tree import head, stored_tree
from traderbot.infrastructure.sealing.tiles import TreeDamagedError


def root_at(reader: LogReader, size: int) -> bytes:
    """Return the RFC 6962 root over the first `size` events of the log, which has so many.

    Below the sealed size it is what the stored tiles say; `verify` holds them against the events.
    Only what is not sealed yet, or all of it if tiles are damaged, is made from leaf hashes.

    Raises:
        CorruptHistoryError: an event is missing, or a leaf hash is no bytes.
    """
    sealed = min(size, head(reader).size)
    try:
        frontier = Frontier.of(sealed, stored_tree(reader).peaks(sealed))
    except TreeDamagedError:
        frontier = Frontier()
    if frontier.size == size:
        return frontier.root()
    for batch in reader.leaves(frontier.size):
        rows = batch[: size - frontier.size]
        try:
            frontier.extend([leaf_hash for _, _, _, _, leaf_hash in rows])
        except TypeError as error:
            msg = "a leaf hash is stored as something else than bytes"
            raise CorruptHistoryError(msg) from error
        if frontier.size == size:
            break
    return frontier.root()
