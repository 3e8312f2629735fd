"""What is exported is the log that was signed, and strangers' programs agree with it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.bundles import (
    VERIFIERS,
    Notary,
    events,
    files_of,
    node_says,
    python_says,
    root_of,
    write_bundle,
)
from tests.integration.bundle.conftest import Told
from traderbot.application.errors import NoCheckpointError
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError
from traderbot.infrastructure.bundle.export import SHIPPED
from traderbot.infrastructure.bundle.tile_writer import TileWriter
from traderbot.infrastructure.sealing.anchors import Anchor, AnchorDamagedError, AnchorFile
from traderbot.infrastructure.sealing.errors import RollbackDetectedError
from traderbot.infrastructure.sealing.signed_note import Signer

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_bundle_is_what_another_program_would_have_made_of_the_log(
    told: Told, tmp_path: Path
) -> None:
    first = told.publish()
    told.go_on()
    size = told.publish()
    seen: list[tuple[int, int]] = []
    report = told.bundles().export(tmp_path / "bundle", lambda *done: seen.append(done))
    bodies = told.bodies()
    assert size == len(bodies) > first
    made = content(write_bundle(tmp_path / "made", bodies, notary=Notary(), anchors=(first, size)))
    found = content(tmp_path / "bundle")
    assert {name: found.pop(name) for name in SHIPPED}
    assert found == made
    assert report.events == size
    assert report.root == root_of(bodies).hex()
    assert (report.anchors, report.unsealed, report.anchors_of_other_keys) == (2, 0, 0)
    assert seen[-1] == (size, size)


@pytest.mark.parametrize("verifier", sorted(VERIFIERS))
def test_the_scripts_in_a_bundle_verify_it(told: Told, tmp_path: Path, verifier: str) -> None:
    told.publish()
    report = told.bundles().export(tmp_path / "bundle")
    known = tmp_path / "known.vkey"
    known.write_text(report.key)
    said = VERIFIERS[verifier](tmp_path / "bundle", known)
    assert said.code == 0, said
    assert said.text.startswith(f"verified: {report.events} events, ")
    assert f"root {report.root}, signed by {report.origin} (" in said.text


def test_the_same_log_and_checkpoint_give_the_same_bytes(told: Told, tmp_path: Path) -> None:
    told.publish()
    told.bundles().export(tmp_path / "one")
    told.bundles().export(tmp_path / "two")
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_a_bundle_ends_where_the_checkpoint_does(told: Told, tmp_path: Path) -> None:
    size = told.publish()
    told.go_on()
    report = told.bundles().export(tmp_path / "bundle")
    assert (report.events, report.unsealed) == (size, 3)
    assert python_says("verify.py", tmp_path / "bundle").code == 0


def test_nothing_signed_is_nothing_to_export(told: Told, tmp_path: Path) -> None:
    for prepare in (lambda: None, told.sealer().seal):
        prepare()
        with pytest.raises(NoCheckpointError):
            told.bundles().export(tmp_path / "bundle")
        assert list(tmp_path.glob("*bundle*")) == []


def test_what_is_there_already_stays(told: Told, tmp_path: Path) -> None:
    told.publish()
    folder = tmp_path / "bundle"
    folder.mkdir()
    told.bundles().export(folder)  # an empty one is as good as none
    before = content(folder)
    with pytest.raises(InvalidValueError, match="not empty"):
        told.bundles().export(folder)
    assert content(folder) == before
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(InvalidValueError, match="there already"):
        told.bundles().export(file)
    assert file.read_text() == "mine"


def test_of_an_export_that_fails_nothing_is_left(told: Told, tmp_path: Path) -> None:
    told.publish()
    folder = tmp_path / "out" / "bundle"

    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        told.bundles().export(folder, stop)
    assert list((tmp_path / "out").iterdir()) == []
    told.bundles().export(folder)
    assert [it.name for it in (tmp_path / "out").iterdir()] == ["bundle"]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE events SET body = {changed} WHERE version = 2",
        "DELETE FROM events WHERE position = (SELECT max(position) FROM events)",
        "DELETE FROM events WHERE position = (SELECT min(position) + 3 FROM events)",
    ],
    ids=["changed", "cut", "gap"],
)
def test_a_log_that_was_tampered_with_is_not_exported(told: Told, tmp_path: Path, sql: str) -> None:
    told.publish()
    is_sqlite = told.reader.dialect.name == "sqlite"
    changed = "CAST(body || ' ' AS BLOB)" if is_sqlite else "body || '\\x20'::bytea"
    told.change(sql.format(changed=changed))
    with pytest.raises(CorruptHistoryError, match="traderbot audit verify"):
        told.bundles().export(tmp_path / "bundle")
    assert list(tmp_path.glob("*bundle*")) == []


def test_a_body_of_another_type_or_length_is_no_event(sqlite_told: Told, tmp_path: Path) -> None:
    sqlite_told.publish()
    for wrong in ("CAST(body AS TEXT)", "zeroblob(65536)"):
        sqlite_told.change(f"UPDATE events SET body = {wrong} WHERE position = 4")  # noqa: S608
        with pytest.raises(CorruptHistoryError, match="position 4"):
            sqlite_told.bundles().export(tmp_path / "bundle")


def test_an_old_copy_of_the_database_is_not_exported(told: Told, tmp_path: Path) -> None:
    told.publish()
    told.go_on()
    size = told.publish()
    told.change("DELETE FROM log_checkpoints WHERE tree_size = :size", size=size)
    with pytest.raises(RollbackDetectedError):
        told.bundles().export(tmp_path / "bundle")


def test_a_history_that_was_written_anew_and_signed_is_not_the_one_that_was_published(
    told: Told, tmp_path: Path
) -> None:
    published = told.publish()
    other = told.bodies()[:-1]
    anchor = Anchor(
        at="2025-01-02T00:00:00.000000Z",
        epoch=1,
        note=Notary().note(published - 1, root_of([*other[:-1], b"{}"])),
        origin=Notary().name,
        root=root_of([*other[:-1], b"{}"]).hex(),
        size=published - 1,
    )
    AnchorFile(told.anchor_path).append(anchor)
    with pytest.raises(RollbackDetectedError):
        told.bundles().export(tmp_path / "bundle")
    assert list(tmp_path.glob("*bundle*")) == []


def test_a_damaged_anchor_file_is_not_passed_on(told: Told, tmp_path: Path) -> None:
    told.publish()
    text = told.anchor_path.read_bytes()
    told.anchor_path.write_bytes(text.replace(b'"size":', b'"size": '))
    with pytest.raises(AnchorDamagedError):
        told.bundles().export(tmp_path / "bundle")


def test_another_key_than_the_one_that_signed_shows_nothing(told: Told, tmp_path: Path) -> None:
    told.publish()
    other = Signer("example.org/log", bytes(32))
    with pytest.raises(NoCheckpointError, match="AUDIT__SIGNING_KEY"):
        told.bundles(other).export(tmp_path / "bundle")


def test_after_a_change_of_keys_the_anchors_of_the_old_one_are_only_counted(
    told: Told, tmp_path: Path
) -> None:
    told.publish()
    told.go_on()
    new = Signer("example.org/log", bytes(32))
    sealer = told.sealer(signer=new)
    sealer.seal()
    sealer.checkpoint(anchor=True)
    report = told.bundles(new).export(tmp_path / "bundle")
    assert (report.anchors, report.anchors_of_other_keys) == (1, 1)
    assert python_says("verify.py", tmp_path / "bundle").code == 0


def test_a_new_epoch_is_another_log_by_the_same_key(told: Told, tmp_path: Path) -> None:
    told.publish()
    sealer = told.sealer()
    sealer.start_epoch(sealer.next_epoch(), "a test")
    told.go_on()
    size = told.publish()
    report = told.bundles().export(tmp_path / "bundle")
    assert (report.epoch, report.events, report.anchors) == (2, size, 1)
    assert report.origin == "example.org/log/epoch-2"
    for verifier in VERIFIERS.values():
        assert verifier(tmp_path / "bundle").code == 0


@pytest.mark.parametrize("pretended", [1, 9])
def test_a_copy_from_before_the_newest_epoch_is_not_exported(
    told: Told, tmp_path: Path, pretended: int
) -> None:
    told.publish()
    sealer = told.sealer()
    sealer.start_epoch(sealer.next_epoch(), "a test")
    told.publish()
    told.change("DELETE FROM log_checkpoints WHERE epoch = 2")
    told.change("UPDATE log_checkpoints SET epoch = :epoch", epoch=pretended)  # nobody signs it
    with pytest.raises(RollbackDetectedError, match="epoch-2 was published"):
        told.bundles().export(tmp_path / "bundle")


def test_a_long_log_has_the_tiles_it_must_have(tmp_path: Path) -> None:
    # 65,537 events: the smallest log with three levels, a full tile above, and a path with x.
    bodies = events(65_537, streams=1_000)
    folder = tmp_path / "bundle"
    folder.mkdir()
    with TileWriter(folder) as tiles:
        for first in range(0, len(bodies), 1_000):
            tiles.add(bodies[first : first + 1_000])
    root = tiles.frontier.root()
    assert root == root_of(bodies)
    expected = files_of(bodies)
    assert {"tile/0/255", "tile/0/256.p/1", "tile/1/000", "tile/2/000.p/1"} <= set(expected)
    assert content(folder) == expected
    notary = Notary()
    (folder / "checkpoint").write_text(notary.note(len(bodies), root))
    (folder / "log.vkey").write_text(f"{notary.vkey}\n")
    (folder / "anchors").mkdir()
    (folder / "anchors/anchors.jsonl").touch()
    assert python_says("verify.py", folder).code == 0
    assert node_says("verify.mjs", folder).code == 0
    path = folder / "tile/1/000"
    tile = path.read_bytes()
    path.write_bytes(tile[:-1] + bytes([tile[-1] ^ 1]))
    for said in (python_says("verify.py", folder), node_says("verify.mjs", folder)):
        assert said.code == 1
        assert said.text.startswith("index 65535: ")


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 513])
def test_tiles_are_written_as_other_code_writes_them(tmp_path: Path, size: int) -> None:
    bodies = events(size)
    for portion in (1, 7, 256, 1_000):
        folder = tmp_path / "bundle"
        folder.mkdir()
        with TileWriter(folder) as tiles:
            for first in range(0, size, portion):
                tiles.add(bodies[first : first + portion])
        assert content(folder) == files_of(bodies)
        assert tiles.frontier.root() == root_of(bodies)
        shutil.rmtree(folder)
