"""What a check of a strategy found, in words that travel as JSON between two processes."""

from __future__ import annotations

import traceback
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal[
    "look-ahead", "lookback", "state", "context", "determinism", "answer", "raises", "hangs"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that makes a backtest of the strategy worth nothing."""

    kind: Kind
    message: str
    bar: int | None = None  # the first one, counted from 0
    bars: int = 1  # how many are touched
    line: str | None = None  # file:line of the strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterStart:
    """What becomes of the signals if the run begins some bars later: worth knowing, no fault."""

    bars: int  # how much later
    compared: int
    differing: int
    first: int | None  # the first and the last bar that differ, counted from the later start
    last: int | None


def as_plain(each: Finding | LaterStart) -> dict[str, Any]:
    """Return it as JSON has it."""
    return asdict(each)


def line_of(error: BaseException, files: tuple[str, ...]) -> str | None:
    """Return where in the strategy's own files an error came from, `file:line`, the innermost."""
    lines = [
        f"{frame.filename}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename in files
    ]
    return lines[-1] if lines else None
