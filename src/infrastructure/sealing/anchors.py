"""Checkpoints kept outside the database: a file that only grows, best on another volume.

An old copy of the database is a perfect log; only what was published since can tell that it is
old. One line per anchor, canonical JSON. A line counts once its line break is written: a power cut
may leave a piece of one behind, which was promised to nobody.
"""

from __future__ import annotations

import io
import os
import re
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from traderbot.application.errors import ExternalError
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.infrastructure.event_store.body import encode_json
from traderbot.infrastructure.sealing.signed_note import NoteError, parse_checkpoint, read_note

if sys.platform != "win32":
    import fcntl

_LONGEST_LINE: Final = 65_536
_EPOCH: Final = re.compile(r"/epoch-[1-9][0-9]*", re.ASCII)


class AnchorFileError(ExternalError):
    """The anchor file cannot be read or written."""

    code: ClassVar[str] = "ANCHOR_FILE"


class AnchorDamagedError(CorruptHistoryError):
    """Lines of the anchor file are not what this program wrote."""

    code: ClassVar[str] = "ANCHOR_DAMAGED"

    def __init__(self, path: Path, lines: tuple[int, ...]) -> None:
        named = ", ".join(str(line) for line in lines[:10]) + (" …" if len(lines) > 10 else "")  # noqa: PLR2004 - what fits on a line
        super().__init__(
            f"{path} is damaged in line {named}: restore it from a copy, "
            "or move it away and keep it for the person who finds out why"
        )
        self.path = path
        self.lines = lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """One checkpoint, published."""

    at: str  # instant as text
    epoch: int
    note: str
    origin: str
    root: str  # hex
    size: int


@dataclass(frozen=True, slots=True)
class AnchorLines:
    """What a file holds: anchors, oldest first, and the numbers of the lines that are none."""

    anchors: tuple[Anchor, ...]
    damaged: tuple[int, ...]


class AnchorFile:
    """Anchors in a file; it is made with the first one. Threads and processes may share it.

    What was read once is remembered, and only what is new is read again.
    """

    def __init__(self, path: Path) -> None:
        """Touch nothing yet."""
        self.path = path
        self._reading = threading.Lock()
        self._forget()

    def append(self, anchor: Anchor) -> None:
        """Write an anchor and sync it to the disk.

        Raises:
            AnchorFileError: it cannot be written.
        """
        line = encode_json(anchor) + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b", buffering=0) as file, _alone(file.fileno()):
                _drop_the_torn(file)
                if (written := file.write(line)) != len(line):
                    msg = f"the anchor file {self.path} took {written} of {len(line)} bytes"
                    raise AnchorFileError(msg)
                os.fsync(file.fileno())
            _sync_folder(self.path.parent)
        except OSError as error:
            msg = f"the anchor file {self.path} cannot be written: {error.strerror}"
            raise AnchorFileError(msg) from error

    def lines(self) -> AnchorLines:
        """Return what is in the file; nothing if there is none.

        Raises:
            AnchorFileError: it cannot be read.
        """
        try:
            found = self.path.read_bytes()
        except FileNotFoundError:
            return AnchorLines((), ())
        except OSError as error:
            raise _unreadable(self.path, error) from error
        anchors, damaged = [], []
        for number, line in enumerate(found.split(b"\n")[:-1], 1):
            anchor = _read(line)
            if anchor is None:
                damaged.append(number)
            else:
                anchors.append(anchor)
        return AnchorLines(tuple(anchors), tuple(damaged))

    def all(self) -> tuple[Anchor, ...]:
        """Return every anchor, oldest first.

        Raises:
            AnchorDamagedError: a line is not what was written.
            AnchorFileError: the file cannot be read.
        """
        found = self.lines()
        if found.damaged:
            raise AnchorDamagedError(self.path, found.damaged)
        return found.anchors

    def newest(self, origin: str | None = None) -> Anchor | None:
        """Return the anchor of the longest log: of one origin, or of the newest epoch.

        Raises:
            AnchorDamagedError: a line is not what was written.
            AnchorFileError: the file cannot be read.
        """
        newest = self.newest_by_origin()
        return newest_of(newest.values()) if origin is None else newest.get(origin)

    def newest_of_log(self, origin: str) -> Anchor | None:
        """Return the newest anchor of the log that began under this origin, whatever its epoch.

        Raises as `newest`.
        """
        newest = self.newest_by_origin()
        return newest_of(it for name, it in newest.items() if is_epoch_of(name, origin))

    def newest_by_origin(self) -> dict[str, Anchor]:
        """Return the anchor of the longest log for each origin. Raises as `newest`."""
        with self._reading:
            try:
                self._read_on()
            except FileNotFoundError:
                self._forget()
            except OSError as error:
                raise _unreadable(self.path, error) from error
            if self._damaged:
                raise AnchorDamagedError(self.path, tuple(self._damaged))
            return dict(self._newest)

    def _forget(self) -> None:
        self._identity: tuple[int, int] | None = None  # device and number of the file
        self._read_up_to = 0
        self._lines = 0
        self._damaged: list[int] = []
        self._newest: dict[str, Anchor] = {}

    def _read_on(self) -> None:
        """Read what was added. A file that was replaced or cut is read from its beginning."""
        with self.path.open("rb") as file:
            now = os.fstat(file.fileno())
            if (now.st_dev, now.st_ino) != self._identity or now.st_size < self._read_up_to:
                self._forget()
                self._identity = (now.st_dev, now.st_ino)
            file.seek(self._read_up_to)
            found = file.read()
        whole = found[: found.rfind(b"\n") + 1]
        self._read_up_to += len(whole)
        for line in whole.split(b"\n")[:-1]:
            self._lines += 1
            anchor = _read(line)
            if anchor is None:
                self._damaged.append(self._lines)
                continue
            known = self._newest.get(anchor.origin)
            if known is None or anchor.size >= known.size:
                self._newest[anchor.origin] = anchor


_decode = msgspec.json.Decoder(Anchor).decode


def epoch_origin(origin: str, epoch: int) -> str:
    """Return under which name a log that began as `origin` is signed in its n-th epoch."""
    return origin if epoch == 1 else f"{origin}/epoch-{epoch}"


def is_epoch_of(name: str, origin: str) -> bool:
    """Tell whether a checkpoint's origin is that of a log, in any of its epochs."""
    return name == origin or _EPOCH.fullmatch(name.removeprefix(origin)) is not None


def newest_of(anchors: Iterable[Anchor]) -> Anchor | None:
    """Return the anchor of the newest epoch, and within it of the longest log."""
    return max(anchors, key=lambda it: (it.epoch, it.size), default=None)


def _read(line: bytes) -> Anchor | None:
    """Return the anchor, or None if the line is not one, or contradicts the note within it."""
    try:
        anchor = _decode(line)
        if encode_json(anchor) != line:
            return None
        checkpoint = parse_checkpoint(read_note(anchor.note)[0])
    except (msgspec.MsgspecError, NoteError, UnicodeError):
        return None
    said = (anchor.origin, anchor.size, anchor.root)
    return anchor if said == (checkpoint.origin, checkpoint.size, checkpoint.root.hex()) else None


def _unreadable(path: Path, error: OSError) -> AnchorFileError:
    return AnchorFileError(f"the anchor file {path} cannot be read: {error.strerror}")


def _drop_the_torn(file: io.FileIO) -> None:
    """Cut off the piece of a line that a power cut left behind."""
    end = file.seek(0, os.SEEK_END)
    start = max(0, end - _LONGEST_LINE)
    file.seek(start)
    whole = start + file.read(end - start).rfind(b"\n") + 1
    if whole > start or start == 0:
        file.truncate(whole)
    else:  # nothing that this program writes is that long: leave it, as a line of its own
        file.write(b"\n")


@contextmanager
def _alone(descriptor: int) -> Iterator[None]:
    """Keep other processes from writing meanwhile."""
    if sys.platform != "win32":
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if sys.platform != "win32":
            fcntl.flock(descriptor, fcntl.LOCK_UN)


def _sync_folder(folder: Path) -> None:
    """Make sure that the file's name is on the disk, too."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
