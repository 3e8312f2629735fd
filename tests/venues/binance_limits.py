"""How Binance counts requests: weight a minute, 429 above it, 418 for whoever goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

WEIGHTS: Mapping[tuple[str, str], int] = {
    ("GET", "/api/v3/exchangeInfo"): 20,
    ("GET", "/api/v3/depth"): 5,
    ("GET", "/api/v3/klines"): 2,
    ("GET", "/api/v3/ticker/bookTicker"): 2,
    ("GET", "/api/v3/ticker/24hr"): 2,
    ("GET", "/api/v3/order"): 4,
    ("GET", "/api/v3/openOrders"): 6,
    ("GET", "/api/v3/allOrders"): 20,
    ("GET", "/api/v3/myTrades"): 20,
    ("GET", "/api/v3/account"): 20,
    ("POST", "/api/v3/userDataStream"): 2,
}


class WeightLimit:
    """Counts weight in windows of a minute."""

    def __init__(self, limit: int = 6000, patience: int = 3) -> None:
        """Allow `limit` a minute; ban who is refused more than `patience` times in a row."""
        self.limit, self.patience = limit, patience
        self.used = 0
        self._window = 0
        self._refused = 0
        self._banned_until = 0.0

    def take(self, method: str, path: str) -> tuple[int, int]:
        """Count a request. Return the status, 200, 429 or 418, and how many seconds to wait."""
        now = time.time()
        if now < self._banned_until:
            return 418, math.ceil(self._banned_until - now)
        window = int(now // 60)
        if window != self._window:
            self._window, self.used, self._refused = window, 0, 0
        self.used += WEIGHTS.get((method, path), 1)
        if self.used <= self.limit:
            return 200, 0
        self._refused += 1
        if self._refused > self.patience:
            self._banned_until = now + 120
            return 418, 120
        return 429, 60 - int(now % 60)

    def forgive(self) -> None:
        """Start anew, the ban lifted."""
        self.used = self._refused = 0
        self._banned_until = 0.0
