"""Trials in a file of their own: one line of JSON each, on the disk before the next begins."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.research.search import Trial


class FileBook:
    """A book that survives the program. One process writes to it.

    A line that was cut off when the machine stopped is thrown away: that trial is made again.
    Floats are written as the shortest text that reads back as the same float.
    """

    def __init__(self, path: Path) -> None:
        """Read what is there, or begin a new book.

        Raises:
            InvalidValueError: the file is no book; it names the line.
        """
        self._path = path
        self._trials: dict[int, Trial] = {}
        if path.exists():
            self._read()

    def __len__(self) -> int:
        return len(self._trials)

    def find(self, number: int) -> Trial | None:
        """Return the trial of this number, or None if it was not made yet."""
        return self._trials.get(number)

    def keep(self, trial: Trial) -> None:
        """Write a trial to the disk. It is there when this returns."""
        line = json.dumps(
            {
                "number": trial.number,
                "parameters": dict(trial.parameters),
                "figures": dict(trial.figures),
            },
            allow_nan=False,
        )
        with self._path.open("ab") as file:
            file.write(f"{line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        self._trials[trial.number] = trial

    def _read(self) -> None:
        whole, _, torn = self._path.read_bytes().rpartition(b"\n")
        for place, line in enumerate(whole.splitlines(), 1):
            try:
                trial = _trial(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise InvalidValueError(
                    f"{self._path}, line {place}, is no trial: {error}"
                ) from error
            self._trials[trial.number] = trial
        if torn:
            with self._path.open("r+b") as file:
                file.truncate(len(whole) + 1 if whole else 0)


def _trial(told: Any) -> Trial:  # noqa: ANN401  # whatever the file has
    return Trial(
        number=int(told["number"]),
        parameters=dict(told["parameters"].items()),
        figures=dict(told["figures"].items()),
    )
