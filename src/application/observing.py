"""Showing a strategy the bars of one run, bar after bar, and writing down what it says of each.

A live bot and a question about what might have been look through the same eyes.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from traderbot.domain.bots.bot_run import Observation
from traderbot.domain.market.bars import Bar
from traderbot.domain.shared.ids import BotRunId, UserId
from traderbot.domain.strategies.strategy import BaseStrategy


class Observer:
    """The bars of one run as its strategy may look at them, and never more of them."""

    def __init__(
        self, run_id: BotRunId, owner_id: UserId, timeframe: str, strategy: BaseStrategy
    ) -> None:
        """Begin before the first bar of a run."""
        self._strategy = strategy
        self._context: Any = {
            "timeframe": timeframe,
            "user_id": owner_id,
            "bot_run_id": run_id,
        }
        self._bars: deque[Bar] = deque(maxlen=strategy.window)
        self._digest = first_digest(run_id)

    def look(self, bar: Bar) -> Observation:
        """Return what the strategy says of a closed bar; the bar is not kept yet.

        Raises:
            ValueError: the strategy gave a number that is not finite.
        """
        data: Any = _ticker_data(deque([*self._bars, bar], maxlen=self._bars.maxlen))
        result = self._strategy.execute(data, self._context)
        explanation = self._strategy.explain(data)
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
        self._bars.append(bar)
        self._digest = next_digest(self._digest, bar)


def first_digest(run_id: BotRunId) -> bytes:
    """Return where the chain over the bars of a run begins: SHA-256 of its id."""
    return sha256(run_id.encode()).digest()


def next_digest(before: bytes, bar: Bar) -> bytes:
    """Return the chain with one more bar: SHA-256 of the link before and `at|open|high|…`."""
    fields = (bar.at.isoformat(), bar.open, bar.high, bar.low, bar.close, bar.volume)
    return sha256(before + "|".join(str(field) for field in fields).encode()).digest()


def _ticker_data(bars: Iterable[Bar]) -> dict[str, Any]:
    """Return the document's form of market data, oldest bar first."""
    shown = list(bars)
    return {
        "symbol": shown[-1].symbol.code,
        "opens": [float(bar.open.value) for bar in shown],
        "highs": [float(bar.high.value) for bar in shown],
        "lows": [float(bar.low.value) for bar in shown],
        "closes": [float(bar.close.value) for bar in shown],
        "volumes": [float(bar.volume.value) for bar in shown],
    }


def _text_of(value: float) -> str:
    """Return the shortest text that reads back to the same float."""
    if not math.isfinite(value):
        msg = f"a strategy gave {value!r}: only finite numbers can be recorded"
        raise ValueError(msg)
    return repr(float(value))
