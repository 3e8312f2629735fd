"""Somebody has the database, all of it, and knows how everything is made; but not the key."""

from __future__ import annotations

import pytest

from tests.integration.audit.sealed import (
    ORIGIN,
    SIGNER,
    STRANGER,
    SealedLog,
    invent_epoch,
    regrow,
    sealer_of,
)
from traderbot.infrastructure.event_store.log_reader import snapshot
from traderbot.infrastructure.sealing.errors import RollbackDetectedError, SealRefusedError
from traderbot.infrastructure.sealing.signed_note import Verifier, checkpoint_text
from traderbot.infrastructure.sealing.stored_tree import head

TRADER, ADMIN = b'"role":"trader"', b'"role":"admin"'
REFUSALS = (RollbackDetectedError, SealRefusedError)


def _rewrite(log: SealedLog) -> int:
    """Make somebody an administrator from the start, and let everything else fit; say the size."""
    size = log.verify().tree.size
    index = next(
        number
        for number, row in enumerate(log.events()[:size])
        if TRADER in bytes(row["body"]) and row["version"] == 1
    )
    log.rewrite_at(index, TRADER, ADMIN)
    regrow(log, size)
    log.change("DELETE FROM log_checkpoints")
    return size


def test_a_history_written_anew_is_not_sealed(sealed: SealedLog) -> None:
    _rewrite(sealed)
    with pytest.raises(REFUSALS):
        sealer_of(sealed.writing, sealed.anchors).checkpoint(anchor=True)


def test_an_epoch_cannot_be_invented_to_have_it_sealed(sealed: SealedLog) -> None:
    _rewrite(sealed)
    invent_epoch(sealed)
    with pytest.raises(REFUSALS):
        sealer_of(sealed.writing, sealed.anchors).checkpoint(anchor=True)
    assert "ANCHOR_DIFFERS" in sealed.codes()


def test_a_running_sealer_signs_one_root_for_one_size(sealed: SealedLog) -> None:
    """Not anchored yet, and every stored checkpoint of it deleted: the sealer still knows."""
    sealer = sealer_of(sealed.writing, sealed.anchors)
    sealer.seal()
    signed = sealer.checkpoint()
    assert signed is not None
    index = signed.size - 1
    body = bytes(sealed.events()[index]["body"])
    sealed.rewrite_at(index, body[-12:-2], b"9" * 10)
    regrow(sealed, signed.size)
    sealed.change("DELETE FROM log_checkpoints WHERE tree_size > 600")
    with pytest.raises(REFUSALS):
        sealer.checkpoint(anchor=True)
    sealer.close()


def test_a_note_that_somebody_else_signed_is_not_published(sealed: SealedLog) -> None:
    sealer = sealer_of(sealed.writing, sealed.anchors)
    sealer.seal()
    with snapshot(sealed.reading) as reader:
        now = head(reader)
    note = STRANGER.sign(checkpoint_text(ORIGIN, now.size, now.root))
    sealed.change(
        "INSERT INTO log_checkpoints (tree_size, epoch, root, note, key_id, sealed_at) "
        "VALUES (:size, 1, :root, :note, :key, '2026-01-01T00:00:00.000000Z')",
        size=now.size,
        root=now.root,
        note=note,
        key=STRANGER.key_id,
    )
    assert sealed.codes() == {"SIGNATURE_BAD"}
    published = sealer.checkpoint(anchor=True)
    sealer.close()
    assert published is not None
    assert Verifier(SIGNER.vkey).verify(published.note) == checkpoint_text(
        ORIGIN, now.size, now.root
    )
    report = sealed.verify()  # what was published is ours, and vouches for what the row says
    assert report.findings == []
    assert "1 checkpoints and anchors are signed by a key" in report.warnings[0]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log_checkpoints SET epoch = 99 WHERE tree_size = 300",
        "UPDATE log_checkpoints SET epoch = 0 WHERE tree_size = 300",
        "UPDATE log_checkpoints SET tree_size = -5 WHERE tree_size = 300",
        "UPDATE log_head SET epoch = 7",
        "UPDATE log_head SET size = -1",
    ],
)
def test_what_cannot_be_is_found(sealed: SealedLog, statement: str) -> None:
    sealed.change(statement)
    assert sealed.verify().findings


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log_checkpoints SET root = 'abc' WHERE tree_size = 300",
        "UPDATE log_checkpoints SET note = x'ff00' WHERE tree_size = 300",
        "UPDATE log_checkpoints SET epoch = 'x' WHERE tree_size = 300",
        "UPDATE log_head SET root = 'abc'",
        "UPDATE log_head SET frontier = 7",
    ],
)
def test_values_of_another_kind_are_findings_and_no_crash(
    sqlite_sealed: SealedLog, statement: str
) -> None:
    sqlite_sealed.change(statement)
    assert sqlite_sealed.verify().findings
