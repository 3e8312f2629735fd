"""The part of a log that is signed: what a stranger can be shown."""

from __future__ import annotations

from dataclasses import dataclass

from traderbot.application.errors import NoCheckpointError
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.infrastructure.event_store.body import MAX_BODY
from traderbot.infrastructure.event_store.log_reader import LogReader, StoredBody
from traderbot.infrastructure.sealing.signed_note import (
    NoteError,
    Verifier,
    parse_checkpoint,
    read_note,
)
from traderbot.infrastructure.sealing.stored_tree import newest_checkpoint


@dataclass(frozen=True, slots=True)
class SignedLog:
    """The newest checkpoint, taken apart."""

    note: str
    origin: str
    epoch: int
    size: int
    root: bytes


def signed_log(reader: LogReader, vkey: str) -> SignedLog:
    """Return the newest checkpoint, which the key has signed.

    Raises:
        NoCheckpointError: there is none, or another key signed it.
        CorruptHistoryError: it says that the key signed it, and it did not.
    """
    newest = newest_checkpoint(reader)
    if newest is None:
        raise NoCheckpointError("nothing of the log is signed yet")
    verifier = Verifier(vkey)
    try:
        signers = {it.key_id for it in read_note(newest.note)[1]}
        if verifier.key_id not in signers:
            msg = (
                f"the newest checkpoint was signed by key {newest.key_id}, and the settings hold "
                f"{verifier.key_id}: set TRADERBOT_AUDIT__SIGNING_KEY to the key it was, or"
            )
            raise NoCheckpointError(msg)
        said = parse_checkpoint(verifier.verify(newest.note))
    except NoteError as error:
        msg = f"the newest checkpoint cannot be trusted: {error}"
        raise CorruptHistoryError(msg) from error
    return SignedLog(newest.note, said.origin, newest.epoch, said.size, said.root)


def body_of(stored: StoredBody) -> bytes:
    """Return an event's bytes.

    Raises:
        CorruptHistoryError: they are none, or more than an event can have.
    """
    body: object = stored.body  # SQLite may hold text where bytes belong
    if not isinstance(body, bytes) or len(body) > MAX_BODY:
        msg = (
            f"the event at position {stored.position} is not what was written; "
            "`traderbot audit verify` tells more"
        )
        raise CorruptHistoryError(msg)
    return body
