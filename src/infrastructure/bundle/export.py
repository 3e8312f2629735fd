"""A whole log as a folder that anybody can check: see docs/verify.md for what is in it."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from traderbot.application.ports.bundle import ExportReport, Progress
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError
from traderbot.infrastructure.bundle.signed import SignedLog, body_of, signed_log
from traderbot.infrastructure.bundle.tile_writer import TileWriter
from traderbot.infrastructure.event_store.body import encode_json
from traderbot.infrastructure.event_store.log_reader import LogReader
from traderbot.infrastructure.sealing.anchors import Anchor
from traderbot.infrastructure.sealing.errors import RollbackDetectedError
from traderbot.infrastructure.sealing.signed_note import Verifier, read_note
from traderbot.infrastructure.sealing.stored_tree import FIRST_EPOCH
from traderbot.infrastructure.sealing.tiles import TILE_WIDTH

# What lies beside this file and goes into each bundle as it is.
SHIPPED: Final = ("README.txt", "verify.py", "verify.mjs", "verify_proof.py", "verify_proof.mjs")
_HERE: Final = Path(__file__).parent
_IN_EPOCH: Final = re.compile(r"(.+)/epoch-([1-9][0-9]{0,8})", re.ASCII)


def export(
    reader: LogReader,
    vkey: str,
    published: Sequence[Anchor],
    folder: Path,
    progress: Progress | None,
) -> ExportReport:
    """Write a log as its newest checkpoint has it, with what was `published` of it by then.

    The anchors must have been read before the reader's moment: then each is of a checkpoint that
    the database has to know.

    Raises:
        NoCheckpointError: nothing is signed yet, or not with this key.
        CorruptHistoryError: the events do not lead to the checkpoint's root.
        RollbackDetectedError: they do not lead to what was published.
        InvalidValueError: there is something in the folder already.
        OSError: the folder cannot be written.
    """
    log = signed_log(reader, vkey)
    anchors, others = _of_log(published, log, Verifier(vkey))
    with _appearing(folder) as draft:
        _write_log(reader, log, anchors, draft, progress)
        (draft / "checkpoint").write_bytes(log.note.encode())
        (draft / "log.vkey").write_bytes(f"{vkey}\n".encode())
        (draft / "anchors").mkdir()
        (draft / "anchors" / "anchors.jsonl").write_bytes(
            b"".join(encode_json({"note": it.note}) + b"\n" for it in anchors)
        )
        for name in SHIPPED:
            (draft / name).write_bytes((_HERE / name).read_bytes())
    return ExportReport(
        folder=str(folder),
        origin=log.origin,
        epoch=log.epoch,
        events=log.size,
        root=log.root.hex(),
        anchors=len(anchors),
        key=vkey,
        unsealed=reader.size() - log.size,
        anchors_of_other_keys=others,
    )


def _write_log(
    reader: LogReader,
    log: SignedLog,
    anchors: Sequence[Anchor],
    folder: Path,
    progress: Progress | None,
) -> None:
    published = {it.size: it.root for it in anchors}
    found: dict[int, bytes] = {}  # what the events lead to, at these sizes
    with TileWriter(folder) as tiles:
        found[0] = tiles.frontier.root()
        while (done := tiles.frontier.size) < log.size:
            until = min(log.size, done + TILE_WIDTH)
            events = reader.sealed_bodies(done, until - done)
            for index, it in enumerate(events, done):
                if it.log_index != index:
                    raise _missing(index)
                tiles.add([body_of(it)])
                if index + 1 in published:
                    found[index + 1] = tiles.frontier.root()
            if len(events) < until - done:
                raise _missing(done + len(events))
            if progress is not None:
                progress(until, log.size)
        if tiles.frontier.root() != log.root:
            msg = (
                f"the first {log.size} events do not lead to the root that was signed; "
                "`traderbot audit verify` names what is wrong"
            )
            raise CorruptHistoryError(msg)
    # The events are those that this database has signed: if they are not those that were published,
    # it is the database that is another one.
    for size, root in published.items():
        if found[size].hex() != root:
            raise RollbackDetectedError(
                origin=log.origin,
                size=size,
                root=found[size],
                published_size=size,
                published_root=root,
            )


def _missing(index: int) -> CorruptHistoryError:
    msg = f"event {index} of the log is missing; `traderbot audit verify` tells more"
    return CorruptHistoryError(msg)


def _of_log(
    published: Sequence[Anchor], log: SignedLog, verifier: Verifier
) -> tuple[list[Anchor], int]:
    """Return the anchors of this log that its key signed, and the number of the others."""
    here = _taken_apart(log.origin)
    of_log = [it for it in published if it.origin == log.origin]
    ours = [it for it in of_log if verifier.key_id in {s.key_id for s in read_note(it.note)[1]}]
    later = [it for it in published if _is_later(_taken_apart(it.origin), here)]
    longer = [it for it in ours if it.size > log.size]
    newest = max(later or longer, key=lambda it: it.size, default=None)
    if newest is not None:
        raise RollbackDetectedError(
            origin=newest.origin,
            size=log.size,
            root=log.root,
            published_size=newest.size,
            published_root=newest.root,
        )
    return ours, len(of_log) - len(ours)


def _is_later(one: tuple[str, int], other: tuple[str, int]) -> bool:
    return one[0] == other[0] and one[1] > other[1]


def _taken_apart(origin: str) -> tuple[str, int]:
    """Return the name a log began under, and its epoch: as signed, not as a column says."""
    found = _IN_EPOCH.fullmatch(origin)
    return (origin, FIRST_EPOCH) if found is None else (found[1], int(found[2]))


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """Yield a folder to write into, which gets its name when all of it is there."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        msg = f"{folder} is there already and not empty; name a new folder"
        raise InvalidValueError(msg)
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.parent / f".{folder.name}.{secrets.token_hex(8)}"
    draft.mkdir()
    try:
        yield draft
        if folder.exists():
            folder.rmdir()  # only an empty one goes; Windows would not rename over it
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
