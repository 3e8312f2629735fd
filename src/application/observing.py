"""Showing a strategy the bars of one run, bar after bar, and writing down what it says of each.

A live bot and a question about what might have been look through the same eyes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import sha256

from traderbot.domain.bots.bot_run import Observation
from traderbot.domain.market.bars import Bar
from traderbot.domain.shared.ids import BotRunId, UserId
from traderbot.domain.strategies.answers import StrategyContext
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.domain.strategies.watching import Watcher, row_of


class Observer:
    """The bars of one run as its strategy may look at them, and never more of them.

    A run that goes on after a restart is shown its bars again, from the first one on.
    """

    def __init__(
        self, run_id: BotRunId, owner_id: UserId, timeframe: str, strategy: BaseStrategy
    ) -> None:
        """Begin before the first bar of a run."""
        self._strategy = strategy
        self._context: StrategyContext = {
            "timeframe": timeframe,
            "user_id": owner_id,
            "bot_run_id": run_id,
        }
        self._watcher: Watcher | None = None
        self._heard: list[tuple[str, int, Sequence[float]]] = []
        self._digest = first_digest(run_id)

    def look(self, bar: Bar) -> Observation:
        """Return what the strategy says of a closed bar; the bar is not kept yet.

        Raises:
            StrategyAnswerError: the strategy gave something that is no answer.
            ValueError: the strategy gave a number that is not finite.
        """
        result, explanation = self._eyes(bar).look(row_of(bar))
        return Observation(
            bar_at=bar.at,
            closes_at=bar.closes_at,
            close=bar.close,
            input_digest=next_digest(self._digest, bar).hex(),
            signal=result["signal"],
            confidence=_text_of(result["confidence"]),
            reason=result["reason"],
            indicators={name: _text_of(value) for name, value in explanation.indicators.items()},
            rules=dict(explanation.rules),
        )

    def keep(self, bar: Bar) -> None:
        """Go on to the next bar: this one has been decided on."""
        self._eyes(bar).keep(row_of(bar))
        self._digest = next_digest(self._digest, bar)

    def hear(self, name: str, known_at: int, values: Sequence[float]) -> None:
        """Take in a row of a further series the strategy wants; see `Watcher.hear`."""
        if self._watcher is None:
            self._heard.append((name, known_at, values))
        else:
            self._watcher.hear(name, known_at, values)

    def _eyes(self, bar: Bar) -> Watcher:
        # The first bar says whose bars these are.
        if self._watcher is None:
            self._watcher = self._strategy.watch(bar.symbol.code, self._context)
            for name, known_at, values in self._heard:
                self._watcher.hear(name, known_at, values)
        return self._watcher


def first_digest(run_id: BotRunId) -> bytes:
    """Return where the chain over the bars of a run begins: SHA-256 of its id."""
    return sha256(run_id.encode()).digest()


def next_digest(before: bytes, bar: Bar) -> bytes:
    """Return the chain with one more bar: SHA-256 of the link before and `at|open|high|…`."""
    fields = (bar.at.isoformat(), bar.open, bar.high, bar.low, bar.close, bar.volume)
    return sha256(before + "|".join(str(field) for field in fields).encode()).digest()


def _text_of(value: float) -> str:
    """Return the shortest text that reads back to the same float."""
    if not math.isfinite(value):
        msg = f"a strategy gave {value!r}: only finite numbers can be recorded"
        raise ValueError(msg)
    return repr(float(value))
