"""The RSI cross that every peer was given: Wilder's average, up through 30 buys, down through 70.

Written apart from the program's own RSI, so that the golden figures stand on two feet.
"""

from __future__ import annotations

from typing import Literal

from traderbot.domain.strategies.answers import (
    Explanation,
    Signal,
    StrategyContext,
    StrategyResult,
)
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.domain.strategies.watching import Row, Seen

PERIOD = 14


class PeersRsi(BaseStrategy):
    """Buys when RSI(14) crosses up through 30, sells when it crosses down through 70."""

    name = "PEERS_RSI"
    description = "RSI(14) cross of 30 and 70"

    def __init__(self, seeding: Literal["mean", "first"] = "mean") -> None:
        self.seeding = seeding

    def watch(self, symbol: str, context: StrategyContext) -> _Eyes:
        del symbol, context
        return _Eyes(self.seeding)


class _Eyes:
    def __init__(self, seeding: str) -> None:
        self._from_the_first = seeding == "first"
        self._closes: list[float] = []
        self._gain = self._loss = 0.0
        self._rsi: float | None = None

    def signal(self, row: Row) -> Signal:
        after, before = self._after(row)[2], self._rsi
        if before is None or after is None:
            return "HOLD"
        if before <= 30 < after:
            return "BUY"
        return "SELL" if before >= 70 > after else "HOLD"

    def look(self, row: Row) -> Seen:
        rsi = self._after(row)[2]
        signal = self.signal(row)
        result: StrategyResult = {"signal": signal, "confidence": 0.5, "reason": f"RSI {rsi}"}
        return Seen(result, Explanation({} if rsi is None else {"rsi": rsi}, {"known": bool(rsi)}))

    def keep(self, row: Row) -> None:
        self._gain, self._loss, self._rsi = self._after(row)
        self._closes.append(row.close)

    def hear(self, name: str, known_at: int, values: object) -> None:
        raise AssertionError((name, known_at, values))

    def _after(self, row: Row) -> tuple[float, float, float | None]:
        changes = len(self._closes)  # with this bar, as many changes as there were bars before
        if not changes:
            return 0.0, 0.0, None
        change = row.close - self._closes[-1]
        up, down = max(change, 0.0), max(-change, 0.0)
        gain, loss = self._gain, self._loss
        if self._from_the_first:
            gain = up if changes == 1 else (gain * (PERIOD - 1) + up) / PERIOD
            loss = down if changes == 1 else (loss * (PERIOD - 1) + down) / PERIOD
        elif changes <= PERIOD:
            gain, loss = gain + up / PERIOD, loss + down / PERIOD
        else:
            gain = (gain * (PERIOD - 1) + up) / PERIOD
            loss = (loss * (PERIOD - 1) + down) / PERIOD
        if changes < PERIOD:
            return gain, loss, None
        return gain, loss, 100.0 if not loss else 100.0 - 100.0 / (1.0 + gain / loss)
