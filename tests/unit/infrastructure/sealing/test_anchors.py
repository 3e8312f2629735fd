"""The anchor file: it grows, it is read on, and damage is told by line."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from traderbot.application.errors import ExternalError
from traderbot.infrastructure.sealing.anchors import (
    Anchor,
    AnchorDamagedError,
    AnchorFile,
    AnchorFileError,
)
from traderbot.infrastructure.sealing.signed_note import Signer, checkpoint_text

SIGNER = Signer("log", bytes(32))


def an_anchor(size: int, *, origin: str = "log", epoch: int = 1, root: bytes = bytes(32)) -> Anchor:
    return Anchor(
        at="2026-11-21T12:00:00.000000Z",
        epoch=epoch,
        note=SIGNER.sign(checkpoint_text(origin, size, root)),
        origin=origin,
        root=root.hex(),
        size=size,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "elsewhere" / "anchors.jsonl"


def filled(path: Path, *sizes: int) -> AnchorFile:
    file = AnchorFile(path)
    for size in sizes:
        file.append(an_anchor(size))
    return file


def test_what_is_appended_is_read_again(path: Path) -> None:
    file = filled(path, 1, 5)
    assert file.all() == (an_anchor(1), an_anchor(5))
    assert file.newest() == file.newest("log") == an_anchor(5)
    assert AnchorFile(path).newest() == an_anchor(5)


def test_no_file_is_no_anchor(path: Path) -> None:
    assert AnchorFile(path).all() == ()
    assert AnchorFile(path).newest() is None


def test_a_line_is_canonical_json(path: Path) -> None:
    filled(path, 3)
    line = path.read_text(encoding="utf-8")
    assert (
        line
        == json.dumps(json.loads(line), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        + "\n"
    )
    assert list(json.loads(line)) == ["at", "epoch", "note", "origin", "root", "size"]


def test_the_newest_is_of_the_longest_log_of_its_origin(path: Path) -> None:
    file = AnchorFile(path)
    for anchor in (
        an_anchor(9),
        an_anchor(7),
        an_anchor(4, origin="log/epoch-2", epoch=2),
        an_anchor(99, origin="another"),
    ):
        file.append(anchor)
    assert file.newest("log") == an_anchor(9)
    assert file.newest("log/epoch-2") == an_anchor(4, origin="log/epoch-2", epoch=2)
    assert file.newest() == an_anchor(4, origin="log/epoch-2", epoch=2)
    assert file.newest("nobody") is None


def test_what_another_process_appends_is_seen(path: Path) -> None:
    here, there = AnchorFile(path), AnchorFile(path)
    here.append(an_anchor(1))
    assert there.newest() == an_anchor(1)
    here.append(an_anchor(2))
    assert there.newest() == an_anchor(2)


def test_a_file_that_was_replaced_cut_or_removed_is_read_anew(path: Path) -> None:
    file = filled(path, 1, 2, 3)
    assert file.newest() == an_anchor(3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]))
    assert file.newest() == an_anchor(2)
    path.rename(path.with_name("moved"))
    assert file.newest() is None
    filled(path, 8)
    assert file.newest() == an_anchor(8)


@pytest.mark.parametrize("cut", [1, 20, 300])
def test_the_torn_end_that_a_power_cut_leaves_is_no_anchor_and_no_damage(
    path: Path, cut: int
) -> None:
    file = filled(path, 1, 2)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert AnchorFile(path).all() == (an_anchor(1),)
    assert file.newest() == an_anchor(1)
    file.append(an_anchor(3))
    assert file.all() == (an_anchor(1), an_anchor(3))
    assert file.newest() == an_anchor(3)


def test_a_torn_first_line_is_replaced(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'{"at"')
    file = filled(path, 1)
    assert file.all() == (an_anchor(1),)


def test_an_end_that_is_not_ours_is_left_alone_and_told(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"x" * 100_000)
    file = filled(path, 1)
    assert file.lines().damaged == (1,)
    assert file.lines().anchors == (an_anchor(1),)


@pytest.mark.parametrize(
    "change",
    [
        lambda _: b"",
        lambda _: b"{}",
        lambda _: b"[]",
        lambda _: b"\xff",
        lambda line: line.replace(b'"size":2', b'"size":7'),
        lambda line: line.replace(b'"size":2', b'"size": 2'),
        lambda line: line.replace(b'"size":2', b'"size":"2"'),
        lambda line: line.replace(b'"origin":"log"', b'"origin":"other"'),
        lambda line: line.replace(b'"root":"00', b'"root":"01'),
        lambda line: line.replace(b"\\n2\\n", b"\\n3\\n"),
        lambda line: line + b" ",
        lambda line: line[:-1] + b',"more":1}',
    ],
)
def test_damage_is_told_by_line(path: Path, change: object) -> None:
    filled(path, 1, 2, 3)
    lines = path.read_bytes().split(b"\n")
    lines[1] = change(lines[1])  # type: ignore[operator]
    path.write_bytes(b"\n".join(lines))
    file = AnchorFile(path)
    assert file.lines().damaged == (2,)
    assert file.lines().anchors == (an_anchor(1), an_anchor(3))
    for ask in (file.all, file.newest, file.newest):
        with pytest.raises(AnchorDamagedError, match=r"damaged in line 2\b") as caught:
            ask()
        assert caught.value.lines == (2,)


def test_many_writers_lose_no_line(path: Path) -> None:
    def write(first: int) -> None:
        for size in range(first, first + 10):
            AnchorFile(path).append(an_anchor(size))

    threads = [threading.Thread(target=write, args=(10 * n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(it.size for it in AnchorFile(path).all()) == list(range(60))


def test_a_place_that_cannot_be_written_is_told_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "anchors.jsonl"
    with pytest.raises(AnchorFileError, match="cannot be written") as caught:
        AnchorFile(path).append(an_anchor(1))
    assert str(path) in str(caught.value)
    assert isinstance(caught.value, ExternalError)
    folder = tmp_path / "folder"
    folder.mkdir()
    for ask in (AnchorFile(folder).all, AnchorFile(folder).newest):
        with pytest.raises(AnchorFileError, match="cannot be read"):
            ask()


def test_an_anchor_is_on_the_disk_before_it_counts(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    sync = os.fsync

    def counted(descriptor: int) -> None:
        synced.append(descriptor)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", counted)
    filled(path, 1)
    assert len(synced) == 2  # the file, and the folder that names it
