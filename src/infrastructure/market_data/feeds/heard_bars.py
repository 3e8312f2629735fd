"""The newest bars a stream told, as long as nothing is missing between them."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from threading import Lock
from typing import Final

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.risk.exposure import Quote
from traderbot.domain.shared.values import Symbol

_MOST: Final = 500  # bars of each series

_Key = tuple[Symbol, Timeframe]


class HeardBars:
    """Unbroken runs of closed bars, and the newest price of each symbol; used by two threads."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._runs: dict[_Key, deque[Bar]] = {}
        self._quotes: dict[Symbol, Quote] = {}
        self._lock = Lock()

    def take(self, bar: Bar) -> None:
        """Add a closed bar. After a hole, or a bar that was told before, the run begins anew."""
        with self._lock:
            run = self._runs.setdefault((bar.symbol, bar.timeframe), deque(maxlen=_MOST))
            if run and run[-1].closes_at != bar.at:
                run.clear()
            run.append(bar)

    def take_quote(self, symbol: Symbol, quote: Quote) -> None:
        """Note the newest price; an older one changes nothing."""
        with self._lock:
            known = self._quotes.get(symbol)
            if known is None or known.at <= quote.at:
                self._quotes[symbol] = quote

    def forget(self) -> None:
        """Begin anew: something may be missed. Prices stay, each with its instant."""
        with self._lock:
            self._runs.clear()

    def following(self, symbol: Symbol, timeframe: Timeframe, after: datetime) -> list[Bar] | None:
        """Return every bar after `after`, perhaps none; None if that is not known from here."""
        with self._lock:
            run = list(self._runs.get((symbol, timeframe), ()))
        wanted = timeframe.next_opening(after)
        if run and run[-1].closes_at == wanted:
            return []
        found = [bar for bar in run if bar.at >= wanted]
        return found if found and found[0].at == wanted else None

    def quote(self, symbol: Symbol) -> Quote | None:
        """Return the newest price; None if none was told."""
        with self._lock:
            return self._quotes.get(symbol)
