"""A process that trades in the background until it is killed: `python -m … URL FOLDER SECONDS`.

Its clock is ahead of the machine's by so many seconds. It says `ready`, and then what it runs.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from traderbot.bootstrap import Traderbot
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.strategy import (
    BaseStrategy,
    StrategyContext,
    StrategyResult,
    TickerData,
)
from traderbot.infrastructure.settings import load_settings

_ROOT = Path(__file__).parents[3]
PATIENCE = 60.0


class AheadClock:
    """The machine's clock, and some seconds more."""

    def __init__(self, seconds: float) -> None:
        self._ahead = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead


class Volumes(BaseStrategy):
    """Says what the volume of a bar says: 1 is a BUY, 2 a SELL, 7 an error, 8 nonsense."""

    name = "VOLUMES"
    window = 2

    def execute(self, ticker_data: TickerData, context: StrategyContext) -> StrategyResult:
        volume = ticker_data["volumes"][-1]
        if volume == 7.0:
            msg = "seven"
            raise ArithmeticError(msg)
        while volume == 9.0:
            sleep(0.05)
        words = {1.0: "BUY", 2.0: "SELL", 8.0: "MAYBE"}
        signal: Any = words.get(volume, "HOLD")
        return {"signal": signal, "confidence": 0.5, "reason": context["timeframe"]}


StrategyRegistry.register(Volumes.name, Volumes)


def until(condition: Callable[[], Any], patience: float = PATIENCE) -> None:
    """Wait for it."""
    deadline = monotonic() + patience
    while not condition():
        assert monotonic() < deadline, "waited in vain"
        sleep(0.05)


@contextmanager
def trading(url: str, folder: Path, ahead: float) -> Iterator[subprocess.Popen[str]]:
    """Run the process until the block ends; it is killed, never asked to stop."""
    with (
        (folder / "life.log").open("a", encoding="utf-8") as log,
        subprocess.Popen(
            [sys.executable, "-m", "tests.integration.bots.life", url, str(folder), str(ahead)],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", (folder / "life.log").read_text()
            yield process
        finally:
            process.kill()


def main(url: str, folder: str, ahead: str) -> None:
    """Trade."""
    logging.basicConfig(level=logging.INFO)
    settings = load_settings(arguments={"database": {"url": url}, "data": {"dir": folder}})
    with Traderbot.open(settings, clock=AheadClock(float(ahead))) as bot, bot.background():
        print("ready", flush=True)  # noqa: T201 - to whoever started it
        while True:
            sleep(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
