"""A recording as a file of lines: one JSON object for each bar that was seen, synced to disk."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from traderbot.application.errors import FeedUnavailableError
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.sightings import Sighting
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.instants import instant, instant_text
from traderbot.domain.shared.values import Price, Quantity, symbol

_ENDING = ".jsonl"
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)  # for a file's name, somewhere


class RecordingFile:
    """`Recording` in one file, written by one process."""

    def __init__(self, path: Path) -> None:
        """Go on with that file, or begin it. A line that a power cut left half is taken off.

        Raises:
            FeedUnavailableError: the file cannot be opened.
        """
        self._path = path
        self._here = Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _take_off_half_a_line(path)
        except OSError as error:
            raise _unwritable(path, error) from error

    def note(self, sightings: Sequence[Sighting]) -> None:
        """Keep these; when it returns, they are durable. Raises FeedUnavailableError."""
        if not sightings:
            return
        text = "".join(f"{_line(each)}\n" for each in sightings)
        try:
            with self._here, self._path.open("ab") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def sightings(self) -> Sequence[Sighting]:
        """Return everything that was noted, in that order. Raises FeedUnavailableError."""
        try:
            with self._here:
                lines = self._path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            msg = f"the recording {self._path} cannot be read: {error}"
            raise FeedUnavailableError(msg) from error
        return [_sighting(line, self._path, number) for number, line in enumerate(lines, start=1)]


def recording_path(folder: Path, name: str) -> Path:
    """Return where the recording of that name, such as a process's, is kept."""
    return folder / "recordings" / f"{_UNFIT.sub('-', name)}{_ENDING}"


def _line(of: Sighting) -> str:
    bar = of.bar
    return json.dumps(
        {
            "known_at": instant_text(of.known_at),
            "source": of.source,
            "symbol": bar.symbol.code,
            "timeframe": bar.timeframe.value,
            "at": instant_text(bar.at),
            "open": str(bar.open),
            "high": str(bar.high),
            "low": str(bar.low),
            "close": str(bar.close),
            "volume": str(bar.volume),
        },
        separators=(",", ":"),
    )


def _sighting(line: str, path: Path, number: int) -> Sighting:
    try:
        told: dict[str, Any] = json.loads(line)
        return Sighting(
            known_at=instant(told["known_at"]),
            source=told["source"],
            bar=Bar(
                symbol=symbol(told["symbol"]),
                timeframe=Timeframe(told["timeframe"]),
                at=instant(told["at"]),
                open=Price(told["open"]),
                high=Price(told["high"]),
                low=Price(told["low"]),
                close=Price(told["close"]),
                volume=Quantity(told["volume"]),
            ),
        )
    except (ValueError, KeyError, TypeError, InvalidValueError) as error:
        msg = f"line {number} of the recording {path} is damaged: {error}"
        raise FeedUnavailableError(msg) from error


def _take_off_half_a_line(path: Path) -> None:
    with path.open("ab+") as file:
        file.seek(0)
        whole = file.read()
        end = whole.rfind(b"\n") + 1
        if end < len(whole):
            file.truncate(end)
            os.fsync(file.fileno())


def _unwritable(path: Path, error: OSError) -> FeedUnavailableError:
    return FeedUnavailableError(f"the recording {path} cannot be written: {error.strerror}")
