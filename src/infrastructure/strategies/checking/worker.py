"""The process a strategy is checked in: it may hang, print, or remember, and harms nobody.

A question comes as one JSON document on stdin; lines of JSON go out: progress, and at last the
report. What the strategy prints goes to stderr.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from pathlib import Path
from typing import Any

from traderbot.domain.shared.errors import TraderbotError
from traderbot.domain.strategies.errors import InvalidParameterError
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.infrastructure.compute.columns import PRICES, Columns
from traderbot.infrastructure.strategies.checking.also import further_of
from traderbot.infrastructure.strategies.checking.examination import Examination, Report
from traderbot.infrastructure.strategies.checking.findings import as_plain, line_of
from traderbot.infrastructure.strategies.known import know_strategies


def main() -> None:
    """Answer one question, and end."""
    question = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(**document: Any) -> None:  # noqa: ANN401 - JSON
        out.write(json.dumps(document) + "\n")
        out.flush()

    try:
        name, report = _report(question, lambda done, total: say(progress=[done, total]))
    except TraderbotError as error:
        say(error={"code": error.code, "message": str(error)})
    else:
        faulthandler.cancel_dump_traceback_later()
        say(report={"strategy": name, **_plain(report)})


def _report(question: dict[str, Any], on_progress: Any) -> tuple[str, Report]:  # noqa: ANN401 - a callback
    texts, limit = question["parameters"], float(question["seconds"])

    def on_call() -> None:
        faulthandler.dump_traceback_later(limit, exit=True)

    on_call()  # a file may hang while it is loaded, or the strategy when it is made
    brought = know_strategies([Path(each) for each in question["sources"]])
    name = question["strategy"] or _only(brought)
    strategy = _made(name, texts)
    bars = Columns(*(question["bars"][column] for column in ("at", *PRICES)))
    symbol, timeframe = question["symbol"], question["timeframe"]
    examination = Examination(
        make=lambda: StrategyRegistry.create(name, texts),
        bars=bars,
        symbol=symbol,
        timeframe=timeframe,
        also=further_of(strategy.also, bars, symbol, timeframe),
        files=_files(type(strategy)),
        on_progress=on_progress,
        on_call=on_call,
    )
    report = examination.answers() if question["once"] else examination.whole()
    report.unknown = [
        each for each, further in examination.also.items() if not len(further.known_at)
    ]
    return name, report


def _only(brought: list[str]) -> str:
    if len(brought) == 1:
        return brought[0]
    told = f"these: {', '.join(brought)}" if brought else "no class with a name"
    raise InvalidParameterError("strategy", f"name one; the file holds {told}")


def _made(name: str, texts: dict[str, str]) -> BaseStrategy:
    try:
        return StrategyRegistry.create(name, texts)
    except TraderbotError:
        raise
    except Exception as error:
        files = _files(StrategyRegistry.get(name) or BaseStrategy)
        where = line_of(error, files)
        said = f"{type(error).__name__}: {error}"
        raise InvalidParameterError(name, f"{where}: {said}" if where else said) from error


def _files(kind: type) -> tuple[str, ...]:
    modules = (sys.modules.get(each.__module__) for each in kind.__mro__)
    files = (getattr(module, "__file__", None) for module in modules)
    return tuple({str(each) for each in files if each})


def _plain(report: Report) -> dict[str, Any]:
    return {
        "findings": [as_plain(each) for each in report.findings],
        "later": [as_plain(each) for each in report.later],
        "digests": report.digests,
        "buys": report.buys,
        "sells": report.sells,
        "cut": report.cut,
        "unknown": report.unknown,
    }


if __name__ == "__main__":
    main()
