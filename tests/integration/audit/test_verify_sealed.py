"""`verify` on a sealed log: the tree, its signatures and its anchors, and what they convict of."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.audit.sealed import (
    ANCHORED,
    EVENTS,
    ORIGIN,
    SIGNER,
    SIZES,
    STRANGER,
    SealedLog,
    Told,
    begin_epoch,
    invent_epoch,
    sealer_of,
)
from tests.reference.merkle import leaf, tree_hash
from traderbot.application.ports.audit import VerifyReport, VerifyScope
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.audit.log_audit import LogAudit
from traderbot.infrastructure.audit.witnesses import Trust
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import snapshot
from traderbot.infrastructure.sealing.signed_note import NoteError, Signer

SEALED = SIZES[-1]
LAST = 555  # a registration, sealed; the only event of its stream
_CHECKPOINT = "UPDATE log_checkpoints SET"
TRADER, ADMIN = b'"role":"trader"', b'"role":"admin"'


# --- an intact log ----------------------------------------------------------------------------


def test_an_intact_sealed_log_is_clean(sealed: SealedLog) -> None:
    report = sealed.verify()
    assert report.findings == []
    assert report.warnings == []
    assert (report.events, report.first_bad_index) == (EVENTS, None)
    tree = report.tree
    assert (tree.size, tree.tail, tree.epoch) == (SEALED, EVENTS - SEALED, 1)
    assert tree.queued == (EVENTS - SEALED if sealed.dialect == "postgresql" else 0)
    assert (tree.checkpoints, tree.signatures) == (len(SIZES), len(SIZES))
    assert (tree.anchors, tree.newest_anchor) == (len(ANCHORED), ANCHORED[-1])
    assert (tree.key, report.last_good_checkpoint) == (SIGNER.key_id, SEALED)
    bodies = [bytes(row["body"]) for row in sealed.events()]
    assert tree.root == tree_hash([leaf(it) for it in bodies[:SEALED]]).hex()
    assert report.root == tree_hash([leaf(it) for it in bodies]).hex()
    recorded = EventCodec().recorded(1, bodies[SEALED], b"").recorded_at
    assert tree.oldest_unsealed == recorded


@pytest.mark.usefixtures("small_portions")
def test_portions_of_any_size_give_the_same(sealed: SealedLog) -> None:
    report = sealed.verify()
    assert (report.findings, report.events) == ([], EVENTS)
    assert report.tree.checkpoints == len(SIZES)
    assert report.streams == len({row["stream_id"] for row in sealed.events()})


def test_the_log_is_read_in_the_order_it_was_sealed(postgres_sealed: SealedLog) -> None:
    log = postgres_sealed
    before = [row["position"] for row in log.events()]
    # As if the event of index 60 had been committed last: its transaction took longer.
    log.unseal()
    log.change("DELETE FROM log_queue WHERE position = :p", p=before[60])
    sealer = sealer_of(log.writing, log.anchors.with_suffix(".new"))
    sealer.seal()
    log.change("INSERT INTO log_queue VALUES (:p)", p=before[60])
    sealer.seal()
    sealer.close()
    with snapshot(log.reading) as reader:
        order = [row[0] for rows in reader.bodies() for row in rows]
    assert order == [*before[:60], *before[61:], before[60]]
    assert log.verify().findings[0].code == "ANCHOR_DIFFERS"


def test_without_a_key_it_says_that_no_signature_was_checked(sealed: SealedLog) -> None:
    audit = LogAudit(sealed.reading, sealed.writing, EventCodec())
    report = audit.verify()
    assert report.findings == []
    assert (report.tree.checkpoints, report.tree.signatures) == (len(SIZES), 0)
    assert "signatures are not checked" in report.warnings[0]
    assert "no anchors" in report.warnings[1]


def test_an_empty_or_missing_anchor_file_is_a_warning(sealed: SealedLog) -> None:
    sealed.anchors.write_text("")
    assert "no anchors" in sealed.verify().warnings[0]
    sealed.anchors.unlink()
    assert "no anchors" in sealed.verify().warnings[0]
    with pytest.raises(InvalidValueError, match="no anchor file"):
        sealed.verify(anchors=str(sealed.anchors))


def test_anchors_of_another_log_in_the_same_file_are_left_alone(sealed: SealedLog) -> None:
    lines = sealed.anchors.read_text()
    other = lines.replace(ORIGIN, "example.org/other")
    sealed.anchors.write_text(lines + other)
    report = sealed.verify()
    assert (report.findings, report.tree.anchors) == ([], len(ANCHORED))


# --- what a thief of the database can do ------------------------------------------------------


def test_a_rewritten_event_is_found_by_what_was_sealed(sealed: SealedLog) -> None:
    sealed.rewrite_at(LAST, TRADER, ADMIN)
    report = sealed.verify()
    found = {it.code: it for it in report.findings}
    named = found["TILE_DIFFERS" if sealed.dialect == "sqlite" else "LEAF_DIFFERS"]
    assert named.index == LAST
    assert found["CHECKPOINT_DIFFERS"].where == "checkpoint of size 600, epoch 1"
    assert found["ANCHOR_DIFFERS"].where.endswith("size 600")
    assert (report.first_bad_index, report.last_good_checkpoint) == (LAST, 520)


def test_a_log_sealed_again_without_the_key_is_not_the_one_that_was_signed(
    sealed: SealedLog,
) -> None:
    sealed.rewrite_at(LAST, TRADER, ADMIN)
    sealed.seal_again(STRANGER)
    report = sealed.verify()
    assert {it.code for it in report.findings} == {"SIGNATURE_BAD", "ANCHOR_DIFFERS"}
    (anchor,) = [it for it in report.findings if it.code == "ANCHOR_DIFFERS"]
    assert anchor.where.endswith("size 600")
    assert report.tree.anchors == 2  # up to 300 events it is the same log


def test_a_log_sealed_again_with_the_key_is_found_by_its_anchors_alone(sealed: SealedLog) -> None:
    sealed.rewrite_at(LAST, TRADER, ADMIN)
    sealed.seal_again(SIGNER)
    assert sealed.codes() == {"ANCHOR_DIFFERS"}
    sealed.anchors.unlink()  # the window that is documented: the key stolen, and no anchor
    assert sealed.codes() == set()


def test_an_older_copy_in_its_place_is_found_by_the_anchors(
    sealed: SealedLog, sealed_file: Told, sealed_database: Told
) -> None:
    sealer = sealer_of(sealed.writing, sealed.anchors)
    sealer.seal()
    sealer.checkpoint(anchor=True)
    sealer.close()
    told = sealed_file if sealed.dialect == "sqlite" else sealed_database
    older = SealedLog(told.url, told, sealed.anchors.with_suffix(".unused"))
    report = older.verify(anchors=str(sealed.anchors))
    older.close()
    (finding,) = report.findings
    assert finding.code == "ROLLED_BACK"
    assert f"published with {EVENTS} events" in finding.message
    assert (report.first_bad_index, report.last_good_checkpoint) == (SEALED, SEALED)


@pytest.mark.parametrize("size", [599, 512, 256, 0])
def test_a_cut_tail_is_found_however_much_was_cut(sealed: SealedLog, size: int) -> None:
    first = sealed.events()[size]["position"]
    sealed.change("DELETE FROM events WHERE position >= :p", p=first)
    sealed.forget_missing()
    report = sealed.verify()
    named = "ROLLED_BACK" if sealed.dialect == "sqlite" else "EVENT_MISSING"
    assert named in {it.code for it in report.findings}
    assert report.first_bad_index == size
    assert report.last_good_checkpoint == max([it for it in SIZES if it <= size], default=None)


def test_an_event_deleted_in_the_middle_is_found_where_it_was(sealed: SealedLog) -> None:
    position = sealed.events()[LAST]["position"]
    sealed.change("DELETE FROM events WHERE position = :p", p=position)
    report = sealed.verify()
    named = "INDEX_GAP" if sealed.dialect == "sqlite" else "EVENT_MISSING"
    (gap,) = [it for it in report.findings if it.code == named]
    assert (gap.where, gap.index) == (f"index {LAST}", LAST)
    assert (report.first_bad_index, report.last_good_checkpoint) == (LAST, 520)


def test_swapped_events_are_found_at_the_first_of_them(sealed: SealedLog) -> None:
    first, second = (sealed.events()[n]["position"] for n in (LAST, LAST + 3))
    for of, to in ((first, 10**6), (second, first), (10**6, second)):
        sealed.change("UPDATE events SET position = :to WHERE position = :of", of=of, to=to)
    report = sealed.verify()
    assert report.first_bad_index == LAST
    assert report.last_good_checkpoint == 520


def test_a_tampered_tile_is_named_with_its_leaf(sealed: SealedLog) -> None:
    hashes = bytes(
        sealed.rows("SELECT hashes FROM log_tiles WHERE level = 0 AND tile = 1")[0]["hashes"]
    )
    forged = hashes[: 32 * 9] + bytes(32) + hashes[32 * 10 :]
    sealed.change("UPDATE log_tiles SET hashes = :h WHERE level = 0 AND tile = 1", h=forged)
    (finding,) = sealed.verify().findings
    assert (finding.code, finding.where, finding.index) == (
        "TILE_DIFFERS",
        "tile 1 of level 0",
        265,
    )
    assert finding.message.startswith("hash 9 is 0000000000000000…, ")


@pytest.mark.parametrize(
    ("statement", "codes"),
    [
        ("UPDATE log_tiles SET hashes = x WHERE level = 1", {"TILE_DIFFERS"}),
        ("DELETE FROM log_tiles WHERE level = 1", {"TILE_DIFFERS"}),
        ("DELETE FROM log_tiles WHERE level = 0 AND tile = 2", {"TILE_DIFFERS"}),
        ("INSERT INTO log_tiles VALUES (0, 3, x)", {"TILE_DIFFERS"}),
        ("UPDATE log_head SET root = x", {"HEAD_DIFFERS"}),
        ("UPDATE log_head SET frontier = x", {"HEAD_DIFFERS"}),
        ("UPDATE log_checkpoints SET root = x WHERE tree_size = 300", {"CHECKPOINT_DIFFERS"}),
        (
            "UPDATE log_checkpoints SET tree_size = 301 WHERE tree_size = 300",
            {"CHECKPOINT_DIFFERS"},
        ),
        (
            "UPDATE log_checkpoints SET tree_size = 900 WHERE tree_size = 300",
            {"CHECKPOINT_DIFFERS"},
        ),
        ("UPDATE log_checkpoints SET note = 'no note' WHERE tree_size = 300", {"SIGNATURE_BAD"}),
        ("DELETE FROM log_head", {"ROLLED_BACK", "TILE_DIFFERS"}),
    ],
)
def test_a_tampered_tree_is_found(sealed: SealedLog, statement: str, codes: set[str]) -> None:
    assert sealed.change(statement.replace("= x", "= :x").replace(" x)", " :x)"), x=bytes(64))
    found = sealed.codes()
    assert codes <= found
    if "log_head" not in statement:
        assert codes == found


def test_a_checkpoint_signed_by_somebody_else_is_a_warning_if_a_longer_one_is_ours(
    sealed: SealedLog,
) -> None:
    text = sealed.note(300).partition("\n\n")[0] + "\n"
    note = STRANGER.sign(text)
    sealed.change("UPDATE log_checkpoints SET note = :n WHERE tree_size = 300", n=note)
    report = sealed.verify()
    assert report.findings == []
    assert (report.tree.checkpoints, report.tree.signatures) == (len(SIZES), len(SIZES) - 1)
    (warning,) = report.warnings
    assert warning.startswith("1 checkpoints and anchors are signed by a key that is not known")
    finding, others = sealed.verify(key=STRANGER.vkey).findings
    assert finding.code == "SIGNATURE_BAD"
    assert finding.where.endswith("size 300")
    assert others.code == "SIGNATURE_BAD"


def test_a_signature_that_claims_to_be_ours_and_is_not_is_found(sealed: SealedLog) -> None:
    good, other = sealed.note(300), sealed.note(256)
    forged = good.rpartition("\n\n")[0] + "\n\n" + other.rpartition("\n\n")[2]
    sealed.change("UPDATE log_checkpoints SET note = :n WHERE tree_size = 300", n=forged)
    (finding,) = sealed.verify().findings
    assert (finding.code, finding.where) == ("SIGNATURE_BAD", "checkpoint of size 300, epoch 1")


def test_a_stranger_s_note_that_is_no_checkpoint_is_found(sealed: SealedLog) -> None:
    note = STRANGER.sign("not a checkpoint\n")
    sealed.change("UPDATE log_checkpoints SET note = :n WHERE tree_size = 300", n=note)
    assert sealed.codes() == {"SIGNATURE_BAD"}


# --- a new key --------------------------------------------------------------------------------

NEW = Signer(ORIGIN, bytes(range(1, 33)))


def with_new_key(log: SealedLog, *former: str) -> VerifyReport:
    trust = Trust(origin=ORIGIN, key=NEW.vkey, former_keys=former, anchors=log.anchors)
    return LogAudit(log.reading, log.writing, EventCodec(), lambda: trust).verify()


def test_after_a_change_of_the_key_what_the_old_one_signed_is_vouched_for_by_the_new_one(
    sealed: SealedLog,
) -> None:
    first, _others = with_new_key(sealed).findings
    assert first.code == "SIGNATURE_BAD"  # so far anybody could have signed all of it
    assert with_new_key(sealed, SIGNER.vkey).findings[0].message.endswith("traderbot audit anchor`")
    sealer = sealer_of(sealed.writing, sealed.anchors, NEW)
    signed = sealer.checkpoint(anchor=True)  # of a size that is signed and published already
    assert signed is not None
    assert signed.is_anchored_now
    again = sealer.checkpoint(anchor=True)
    assert again is not None
    assert not again.is_anchored_now
    report = with_new_key(sealed)
    assert report.findings == []
    assert (
        f"{len(SIZES) + len(ANCHORED)} checkpoints and anchors are signed by a key"
        in (report.warnings[0])
    )
    report = with_new_key(sealed, SIGNER.vkey)
    assert (report.findings, report.warnings) == ([], [])
    assert report.tree.signatures == len(SIZES)
    sealer.seal()
    sealer.checkpoint()
    sealer.close()
    assert with_new_key(sealed).tree.signatures == 1
    assert sealed.codes() == {"SIGNATURE_BAD"}  # whoever has the old key only is told


def test_a_log_rewritten_with_the_old_key_is_not_the_one_of_the_new_key(
    sealed: SealedLog,
) -> None:
    sealer = sealer_of(sealed.writing, sealed.anchors, NEW)
    sealer.seal()
    sealer.checkpoint()
    sealer.close()
    sealed.rewrite_at(LAST, TRADER, ADMIN)
    sealed.seal_again(SIGNER)
    sealed.anchors.unlink()
    report = with_new_key(sealed, SIGNER.vkey)
    assert {it.code for it in report.findings} == {"SIGNATURE_BAD"}


def test_a_new_key_in_a_later_epoch_gives_up_what_was_published_before_it(
    sealed: SealedLog,
) -> None:
    sealed.rewrite_at(LAST, TRADER, ADMIN)
    sealed.seal_again(SIGNER)
    begin_epoch(sealed)
    sealer = sealer_of(sealed.writing, sealed.anchors, NEW)
    sealer.checkpoint(anchor=True)
    sealer.close()
    assert with_new_key(sealed, SIGNER.vkey).findings == []


def test_a_damaged_line_of_the_anchor_file_is_found(sealed: SealedLog) -> None:
    lines = sealed.anchors.read_text().splitlines(keepends=True)
    sealed.anchors.write_text(lines[0] + lines[1].replace('"size":300', '"size":301') + lines[2])
    (finding,) = sealed.verify().findings
    assert (finding.code, finding.where) == ("ANCHOR_DAMAGED", "line 2 of the anchor file")


# --- the order that the sealer gave -----------------------------------------------------------


def _swap(log: SealedLog) -> None:
    for of, to in ((LAST, 10**6), (LAST + 1, LAST), (10**6, LAST + 1)):
        log.change("UPDATE log SET log_index = :to WHERE log_index = :of", of=of, to=to)


def _move(log: SealedLog) -> None:
    log.change("UPDATE log SET log_index = 10000 WHERE log_index = :i", i=LAST)


def _unplace(log: SealedLog) -> None:
    log.change("DELETE FROM log WHERE log_index = :i", i=LAST)


def _queue(log: SealedLog) -> None:
    log.change("INSERT INTO log_queue SELECT position FROM log WHERE log_index = :i", i=LAST)


def _forget(log: SealedLog) -> None:
    log.change("DELETE FROM log_queue")


def _releaf(log: SealedLog) -> None:
    log.change("UPDATE log SET leaf_hash = :h WHERE log_index = :i", h=bytes(32), i=LAST)


@pytest.mark.parametrize(
    ("tamper", "code", "index"),
    [
        (_swap, "TILE_DIFFERS", LAST),
        (_move, "INDEX_GAP", LAST),
        (_unplace, "NOT_IN_LOG", LAST),
        (_queue, "QUEUED_TWICE", None),
        (_forget, "NOT_IN_LOG", None),
        (_releaf, "LEAF_DIFFERS", LAST),
    ],
)
def test_a_tampered_order_is_found(
    postgres_sealed: SealedLog, tamper: Callable[[SealedLog], None], code: str, index: int | None
) -> None:
    tamper(postgres_sealed)
    report = postgres_sealed.verify()
    assert code in {it.code for it in report.findings}
    assert report.first_bad_index == index


# --- only what is new -------------------------------------------------------------------------


@pytest.mark.parametrize("start", [1, 100, 256, 511, SEALED])
def test_reading_can_begin_later(sealed: SealedLog, start: int) -> None:
    report = sealed.verify(start=start)
    assert report.findings == []
    assert (report.events, report.start) == (EVENTS - start, start)
    assert report.root == sealed.verify().root
    assert f"the {start} events before were not read" in report.warnings[0]
    assert report.tree.checkpoints == len([it for it in SIZES if it >= start])


@pytest.mark.parametrize("start", [-1, SEALED + 1])
def test_reading_begins_within_the_sealed_log(sealed: SealedLog, start: int) -> None:
    with pytest.raises(InvalidValueError, match=f"{SEALED} events are sealed"):
        sealed.verify(start=start)


def test_what_follows_a_checkpoint_is_read_and_what_is_before_it_is_trusted(
    sealed: SealedLog,
) -> None:
    note = sealed.note(300)
    assert sealed.verify(since=note).findings == []
    sealed.rewrite_at(LAST, TRADER, ADMIN)
    report = sealed.verify(since=note)
    assert (report.start, report.events) == (300, EVENTS - 300)
    assert (report.first_bad_index, report.last_good_checkpoint) == (LAST, 520)
    later = sealed.verify(since=sealed.note(600))
    assert later.findings == []  # as it says: the events before were not read
    assert "the 600 events before" in later.warnings[0]


def test_a_checkpoint_that_the_tiles_do_not_lead_to_is_not_trusted(sealed: SealedLog) -> None:
    note = sealed.note(300)
    sealed.rewrite_at(200, TRADER, ADMIN)
    sealed.seal_again(SIGNER)
    report = sealed.verify(since=note)
    assert (report.start, report.events) == (0, EVENTS)
    assert report.findings[0].where == "checkpoint of size 300"
    longer = SIGNER.sign(sealed.note(600).partition("\n\n")[0].replace("\n600\n", "\n700\n") + "\n")
    assert "ROLLED_BACK" in sealed.codes(since=longer)


def test_a_checkpoint_is_trusted_for_its_signature_alone(sealed: SealedLog) -> None:
    note = sealed.note(300)
    with pytest.raises(NoteError):
        sealed.verify(since=note.replace("\n300\n", "\n512\n"))
    with pytest.raises(NoteError):
        sealed.verify(since=note, key=STRANGER.vkey)
    keyless = LogAudit(sealed.reading, sealed.writing, EventCodec())
    with pytest.raises(InvalidValueError, match="key"):
        keyless.verify(None, VerifyScope(since=note))


# --- epochs -----------------------------------------------------------------------------------


def test_a_new_epoch_gives_up_what_the_log_does_not_continue(sealed: SealedLog) -> None:
    sealed.rewrite_at(LAST, TRADER, ADMIN)
    sealed.seal_again(SIGNER)
    begin_epoch(sealed)
    report = sealed.verify()
    assert report.findings == []
    assert report.tree.epoch == 2
    assert report.tree.superseded == 1
    assert report.tree.anchors == 3  # two of the first epoch, one of the second
    assert any("restored from a copy" in it for it in report.warnings)
    assert any("1 checkpoints and anchors of earlier epochs" in it for it in report.warnings)


def test_an_epoch_that_nobody_signed_gives_up_nothing(sealed: SealedLog) -> None:
    sealed.rewrite_at(LAST, TRADER, ADMIN)
    sealed.seal_again(STRANGER)
    invent_epoch(sealed)
    assert "ANCHOR_DIFFERS" in sealed.codes()


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ("origin = 'example.org/audited/epoch-9'", "origin"),
        ("reason = 'as agreed'", "reason"),
        ("previous_size = 7", "previous_size"),
        ("previous_root = :x", "previous_root"),
    ],
)
def test_an_epoch_that_is_not_what_was_decided_is_found(
    sealed: SealedLog, change: str, column: str
) -> None:
    begin_epoch(sealed)
    assert sealed.verify().findings == []
    values = {"x": bytes(32)} if ":x" in change else {}
    sealed.change(f"UPDATE log_epochs SET {change}", **values)  # noqa: S608
    found = [it for it in sealed.verify().findings if it.code == "EPOCH_DIFFERS"]
    assert [it.message.partition(" ")[0] for it in found] == [column]


def test_an_epoch_needs_a_decision_and_a_decision_its_epoch(sealed: SealedLog) -> None:
    begin_epoch(sealed)
    sealed.change("DELETE FROM log_epochs")
    assert "EPOCH_DIFFERS" in sealed.codes()
    sealed.change("UPDATE log_head SET epoch = 1")
    sealed.change("DELETE FROM log_checkpoints WHERE epoch = 2")
    assert any("decided upon and is not begun" in it for it in sealed.verify().warnings)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("log_tiles", "hashes"),
        ("log_tiles", "tile"),
        ("log_tiles", "level"),
        ("log_checkpoints", "note"),
        ("log_checkpoints", "root"),
        ("log_checkpoints", "tree_size"),
        ("log_head", "root"),
        ("log_head", "size"),
        ("log_epochs", "reason"),
        ("log_epochs", "origin"),
    ],
)
def test_text_that_is_not_utf8_is_a_finding(
    sqlite_sealed: SealedLog, table: str, column: str
) -> None:
    begin_epoch(sqlite_sealed)
    broken = f"{column} = CAST(x'fffe' AS TEXT) WHERE rowid = (SELECT max(rowid) FROM {table})"  # noqa: S608
    assert sqlite_sealed.change(f"UPDATE {table} SET {broken}") == 1  # noqa: S608
    assert sqlite_sealed.verify().findings
