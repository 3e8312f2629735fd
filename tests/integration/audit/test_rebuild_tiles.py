"""Damaged tiles are made again from the events, and never for events that were not signed."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.integration.audit.sealed import (
    ANCHORED,
    ORIGIN,
    SIGNER,
    SIZES,
    STRANGER,
    SealedLog,
    begin_epoch,
    regrow,
    sealer_of,
)
from traderbot.application.errors import NoCheckpointError
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError
from traderbot.infrastructure.audit.log_audit import LogAudit
from traderbot.infrastructure.audit.witnesses import Trust
from traderbot.infrastructure.event_store.codec import EventCodec

SEALED = SIZES[-1]
TRADER, ADMIN = b'"role":"trader"', b'"role":"admin"'


def tiles(log: SealedLog) -> list[tuple[int, int, bytes]]:
    sql = "SELECT level, tile, hashes FROM log_tiles ORDER BY 1, 2"
    return [(row["level"], row["tile"], bytes(row["hashes"])) for row in log.rows(sql)]


def heads(log: SealedLog) -> list[tuple[int, bytes, bytes]]:
    sql = "SELECT size, root, frontier FROM log_head"
    return [(row["size"], bytes(row["root"]), bytes(row["frontier"])) for row in log.rows(sql)]


DAMAGES = [
    "UPDATE log_tiles SET hashes = :x WHERE level = 0 AND tile = 1",
    "UPDATE log_tiles SET hashes = :x",
    "UPDATE log_tiles SET hashes = :x WHERE level = 1",
    "DELETE FROM log_tiles WHERE level = 0 AND tile = 2",
    "DELETE FROM log_tiles",
    "INSERT INTO log_tiles VALUES (0, 3, :x)",
    "INSERT INTO log_tiles VALUES (5, 0, :x)",
    "UPDATE log_head SET root = :x",
    "UPDATE log_head SET frontier = :x",
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_becomes_what_it_was(sealed: SealedLog, damage: str) -> None:
    before = (tiles(sealed), heads(sealed))
    values = {"x": random.Random(1).randbytes(64)} if ":x" in damage else {}  # noqa: S311
    assert sealed.change(damage, **values)
    assert sealed.verify().findings
    report = sealed.audit.rebuild_tiles()
    assert (report.events, report.vouched, report.root) == (
        SEALED,
        SEALED,
        heads(sealed)[0][1].hex(),
    )
    assert (tiles(sealed), heads(sealed)) == before
    assert sealed.verify().findings == []
    sealer = sealer_of(sealed.writing, sealed.anchors)
    sealer.seal()  # and it goes on from there
    sealer.close()
    assert sealed.verify().findings == []


def test_a_log_that_is_not_damaged_is_left_as_it_is(sealed: SealedLog) -> None:
    before = (tiles(sealed), heads(sealed))
    seen: list[tuple[int, int]] = []
    report = sealed.audit.rebuild_tiles(lambda done, total: seen.append((done, total)))
    assert (report.tiles, report.stray) == (0, 0)
    assert (tiles(sealed), heads(sealed)) == before
    assert seen[-1] == (SEALED, SEALED)


def test_text_that_is_not_utf8_is_no_hindrance(sqlite_sealed: SealedLog) -> None:
    before = tiles(sqlite_sealed)
    sqlite_sealed.change("UPDATE log_tiles SET hashes = CAST(x'fffe' AS TEXT) WHERE level = 0")
    assert sqlite_sealed.audit.rebuild_tiles().tiles == 3
    assert tiles(sqlite_sealed) == before


def _rewrite(log: SealedLog) -> None:
    log.rewrite_at(555, TRADER, ADMIN)


def _rewrite_and_regrow(log: SealedLog) -> None:
    log.rewrite_at(555, TRADER, ADMIN)
    regrow(log, SEALED)


def _rewrite_and_sign(log: SealedLog) -> None:
    log.rewrite_at(555, TRADER, ADMIN)
    log.seal_again(STRANGER)


def _cut_off(log: SealedLog) -> None:
    position = log.events()[590]["position"]
    log.change("DELETE FROM events WHERE position >= :p", p=position)


@pytest.mark.parametrize("tamper", [_rewrite, _rewrite_and_regrow, _rewrite_and_sign, _cut_off])
def test_events_that_were_not_signed_get_no_tiles(
    sealed: SealedLog, tamper: Callable[[SealedLog], None]
) -> None:
    tamper(sealed)
    sealed.change("DELETE FROM log_tiles WHERE level = 0 AND tile = 0")
    before = (tiles(sealed), heads(sealed))
    with pytest.raises((CorruptHistoryError, NoCheckpointError)):
        sealed.audit.rebuild_tiles()
    assert (tiles(sealed), heads(sealed)) == before


def test_the_key_alone_is_not_enough_where_anchors_say_otherwise(sealed: SealedLog) -> None:
    sealed.rewrite_at(555, TRADER, ADMIN)
    sealed.seal_again(SIGNER)
    assert SEALED in ANCHORED
    with pytest.raises(CorruptHistoryError, match="not the events that were sealed"):
        sealed.audit.rebuild_tiles()


def test_what_no_checkpoint_covers_must_have_the_root_of_the_head(sealed: SealedLog) -> None:
    sealer = sealer_of(sealed.writing, sealed.anchors)
    sealer.seal()
    sealer.close()
    sealed.change("DELETE FROM log_tiles WHERE level = 0 AND tile = 2")
    report = sealed.audit.rebuild_tiles()
    assert (report.events - report.vouched, report.tiles) == (10, 1)
    assert sealed.verify().findings == []
    sealed.change("UPDATE log_head SET root = :x", x=bytes(32))
    with pytest.raises(CorruptHistoryError, match="another root than the sealed head"):
        sealed.audit.rebuild_tiles()


def test_a_later_epoch_has_tiles_too(sealed: SealedLog) -> None:
    begin_epoch(sealed)
    before = tiles(sealed)
    sealed.change("DELETE FROM log_tiles")
    sealed.audit.rebuild_tiles()
    assert tiles(sealed) == before


def test_somebody_must_vouch_for_it(sealed: SealedLog) -> None:
    with pytest.raises(InvalidValueError, match="a key is needed"):
        LogAudit(sealed.reading, sealed.writing, EventCodec()).rebuild_tiles()
    trust = Trust(origin=ORIGIN, key=STRANGER.vkey)
    with pytest.raises(NoCheckpointError):
        LogAudit(sealed.reading, sealed.writing, EventCodec(), lambda: trust).rebuild_tiles()
