"""That events are in the signed log, as a file: their bodies, and a C2SP tlog-proof of the last.

The bodies stand one to a line; an empty line; then the proof with its checkpoint, unchanged. Each
body but the first names the hash of the one before, so the proof of the last is one of them all.

Source:
    C2SP tlog-proof, https://c2sp.org/tlog-proof.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

from traderbot.application.errors import NoCheckpointError, NotFoundError
from traderbot.application.ports.bundle import Proof
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.domain.shared.ids import OrderId, UserId
from traderbot.infrastructure.bundle.signed import SignedLog, body_of, signed_log
from traderbot.infrastructure.event_store.body import GENESIS, Envelope, leaf_hash
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import LogReader, StoredBody
from traderbot.infrastructure.sealing.stored_tree import stored_tree
from traderbot.infrastructure.sealing.tiles import verify_inclusion

_MAGIC: Final = "c2sp.org/tlog-proof@v1"


def prove_event(
    reader: LogReader, codec: EventCodec, vkey: str, event_id: str, owner_id: UserId | None
) -> Proof:
    """Prove one event.

    Raises:
        NotFoundError: there is no such event, or it is about nothing of that owner's.
        NoCheckpointError: it is not under a checkpoint yet.
        CorruptHistoryError: it does not lead to the root that was signed.
    """
    found = reader.rows(
        "SELECT e.stream_id, e.position, e.body, e.leaf_hash, l.log_index FROM events e "
        "LEFT JOIN log l ON l.position = e.position WHERE e.event_id = ?",
        event_id,
    )
    if not found or owner_id not in (None, _owner(reader, codec, found[0][0])):
        raise NotFoundError("event", event_id)
    log = signed_log(reader, vkey)
    return _proof(reader, codec, log, [StoredBody(*found[0][1:])])


def prove_order(
    reader: LogReader, codec: EventCodec, vkey: str, order_id: OrderId, owner_id: UserId | None
) -> Proof:
    """Prove everything that was recorded of an order and is under a checkpoint.

    Raises:
        NotFoundError: there is no such order, or it is not that owner's.
        NoCheckpointError: nothing of it is under a checkpoint yet.
        CorruptHistoryError: it does not lead to the root that was signed.
    """
    stream = f"order-{order_id}"
    found = reader.stream(stream)
    if not found or owner_id not in (None, _owner(reader, codec, stream)):
        raise NotFoundError("order", order_id)
    return _proof(reader, codec, signed_log(reader, vkey), found)


def _owner(reader: LogReader, codec: EventCodec, stream: str) -> str | None:
    """Return whose stream it is; None for one that is nobody's, such as the operators'."""
    sql = (
        "SELECT position, body, leaf_hash FROM events WHERE stream_id = ? ORDER BY version LIMIT 1"
    )
    position, body, leaf = reader.rows(sql, stream)[0]
    first: Any = codec.recorded(position, body, leaf).event
    return getattr(first, "owner_id", None) or getattr(first, "user_id", None)


def _proof(
    reader: LogReader, codec: EventCodec, log: SignedLog, found: Sequence[StoredBody]
) -> Proof:
    signed = [it for it in found if it.log_index is not None and it.log_index < log.size]
    if not signed:
        msg = f"it was recorded after the newest checkpoint, which is of {log.size} events"
        raise NoCheckpointError(msg)
    bodies = [body_of(it) for it in signed]
    envelopes = [codec.open(body) for body in bodies]
    _check_links(envelopes, bodies)
    index = signed[-1].log_index
    assert index is not None  # noqa: S101 - for the type checker: they were chosen by it
    path = stored_tree(reader).inclusion_proof(index, log.size)
    if not verify_inclusion(leaf_hash(bodies[-1]), index, log.size, path, log.root):
        msg = (
            f"event {index} of the log does not lead to the root that was signed; "
            "`traderbot audit verify` tells more"
        )
        raise CorruptHistoryError(msg)
    hashes = [base64.b64encode(each).decode("ascii") for each in path]
    lines = [body.decode() for body in bodies]
    return Proof(
        text="\n".join([*lines, "", _MAGIC, f"index {index}", *hashes, "", log.note]),
        stream=envelopes[0].stream,
        first_version=envelopes[0].version,
        last_version=envelopes[-1].version,
        index=index,
        size=log.size,
        root=log.root.hex(),
        origin=log.origin,
        left_out=len(found) - len(signed),
    )


def _check_links(envelopes: Sequence[Envelope], bodies: Sequence[bytes]) -> None:
    version, prev = envelopes[0].version, envelopes[0].prev
    if version == 1:
        prev = GENESIS.hex()
    for envelope, body in zip(envelopes, bodies, strict=True):
        if (envelope.version, envelope.prev) != (version, prev):
            msg = (
                f"{envelope.stream} is broken at version {version}; "
                "`traderbot audit verify` tells more"
            )
            raise CorruptHistoryError(msg)
        version, prev = version + 1, leaf_hash(body).hex()
