"""Checks a strategy from outside: in processes of its own, with a limit of time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, ClassVar

from traderbot.domain.shared.errors import TraderbotError
from traderbot.infrastructure.compute.columns import PRICES, Columns
from traderbot.infrastructure.strategies.checking.findings import Finding, LaterStart

_WORKER = "traderbot.infrastructure.strategies.checking.worker"
_FRAME = re.compile(r'File "(.+)", line (\d+) in (\S+)')
_TAIL = 2_000  # characters of what the process wrote last
Progress = Callable[[int, int], None]


class StrategyCheckError(TraderbotError):
    """A check could not be made. Says why."""

    code: ClassVar[str] = "STRATEGY_CHECK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check found; nothing found is no proof, but a cheater has to try harder."""

    strategy: str
    bars: int
    buys: int
    sells: int
    cut: int  # at how many decisions the future was cut off
    unknown: tuple[str, ...]  # further series that could not be made of the bars
    findings: tuple[Finding, ...]
    later: tuple[LaterStart, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def check(
    strategy: str,
    bars: Columns,
    *,
    parameters: Mapping[str, str] | None = None,
    sources: Sequence[Path] = (),
    symbol: str = "TEST",
    timeframe: str = "1d",
    seconds: float = 10.0,
    on_progress: Progress = lambda _done, _total: None,
) -> Checked:
    """Ask a strategy in every way that has to give the same answers, and tell where it does not.

    Args:
        strategy: its registered name; empty for the only one of the sources.
        bars: what it is shown.
        parameters: as texts.
        sources: files or folders that bring it.
        symbol: whose bars they are.
        timeframe: how long one lasts.
        seconds: how long one call may take.
        on_progress: called with how much is done and how much there is.

    Raises:
        StrategyCheckError: the strategy is unknown, or cannot be loaded or made.
    """
    question = {
        "strategy": strategy,
        "parameters": dict(parameters or {}),
        "sources": [str(each.absolute()) for each in sources],
        "symbol": symbol,
        "timeframe": timeframe,
        "seconds": seconds,
        "once": False,
        "bars": {name: getattr(bars, name).tolist() for name in ("at", *PRICES)},
    }
    told = _asked(question, "0", on_progress)
    findings = [Finding(**each) for each in told["findings"]]
    if not any(each.kind in {"raises", "hangs", "answer"} for each in findings):
        again = _asked(question | {"once": True}, "20240229", lambda _done, _total: None)
        findings += [Finding(**each) for each in again["findings"]]
        findings += _other(told["digests"], again["digests"])
    return Checked(
        strategy=told["strategy"] or strategy,
        bars=len(bars),
        buys=told["buys"],
        sells=told["sells"],
        cut=told["cut"],
        unknown=tuple(told["unknown"]),
        findings=tuple(findings),
        later=tuple(LaterStart(**each) for each in told["later"]),
    )


def _other(first: Sequence[str], second: Sequence[str]) -> list[Finding]:
    where = [
        place for place, (one, two) in enumerate(zip(first, second, strict=False)) if one != two
    ]
    if not where:
        return []
    message = (
        "another process with another hash seed says something else: it reads a clock, a random "
        "source, the order of a set, or something outside its bars"
    )
    return [Finding(kind="determinism", message=message, bar=where[0], bars=len(where))]


def _asked(question: Mapping[str, Any], seed: str, on_progress: Progress) -> dict[str, Any]:
    """Run one process, and return its report; one that hung or died has one finding."""
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONUNBUFFERED": "1"}
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as told:
        with subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-m", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
            env=environment,
        ) as process:
            assert process.stdin is not None  # noqa: S101 - both are pipes
            assert process.stdout is not None  # noqa: S101
            try:
                # One that is gone already is asked nothing; what it wrote tells why.
                with suppress(BrokenPipeError), process.stdin as stdin:
                    json.dump(question, stdin)
                report = _heard(process.stdout, on_progress)
            finally:
                process.kill()  # what the strategy started there may never end by itself
        if report is not None:
            return report
        told.seek(0)
        found = _ended(told.read(), question)
    return {
        "strategy": question["strategy"],
        "findings": [found],
        "later": [],
        "digests": [],
        "buys": 0,
        "sells": 0,
        "cut": 0,
        "unknown": [],
    }


def _heard(lines: Iterable[str], on_progress: Progress) -> dict[str, Any] | None:
    """Return the report, or None if the process ended without one."""
    for line in lines:
        document = json.loads(line)
        if "progress" in document:
            on_progress(*document["progress"])
        elif "error" in document:
            raise StrategyCheckError(document["error"]["message"])
        else:
            report: dict[str, Any] = document["report"]
            return report
    return None


def _ended(told: str, question: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to be said of a process that ended without a report."""
    sources = tuple(question["sources"])
    frames = [
        (name, line)
        for name, line, _ in _FRAME.findall(told)
        if name.startswith(sources) or "traderbot_strategies" in name
    ]
    line = ":".join(frames[0]) if frames else None
    if "Timeout (" in told:
        message = f"one call took longer than {question['seconds']:g} s and was given up"
        return {"kind": "hangs", "message": message, "bar": None, "bars": 1, "line": line}
    last = told.strip()[-_TAIL:].splitlines()
    message = f"it ended the whole process{f': {last[-1]:.200}' if last else ''}"
    return {"kind": "raises", "message": message, "bar": None, "bars": 1, "line": line}
