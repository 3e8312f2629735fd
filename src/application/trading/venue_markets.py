"""What a venue lets trade and what it pays, in memory: asked in the background, answered at once.

The whole list is asked for once a day, and when somebody names a symbol that is not in it. Prices
are asked for symbols that somebody wanted lately. What was heard once stays until something newer
is: how old a quote may be is the gate's to judge, for each bears its instant.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Lock, Thread
from time import monotonic as real_monotonic
from typing import Final

from traderbot.application.errors import ExternalError
from traderbot.application.ports.market_source import MarketSource
from traderbot.application.ports.markets import Markets
from traderbot.domain.risk.exposure import Quote, TradingRules
from traderbot.domain.shared.values import Symbol

_log = logging.getLogger(__name__)
_DAY: Final = 86_400.0
_AGAIN: Final = 60.0  # between two lists, however many unknown symbols are named
_RETRY: Final = 5.0  # after a failure
_WANTED_FOR: Final = 3600.0  # seconds after somebody asked last
_MOST: Final = 200  # symbols whose prices are asked for; the longest unasked goes first
_NEVER: Final = float("-inf")


class VenueMarkets(Markets):
    """`Markets` of one venue. `refresh` is one round of asking, for whoever has the time."""

    def __init__(
        self,
        source: MarketSource,
        *,
        quotes_every: float = 2.0,
        monotonic: Callable[[], float] = real_monotonic,
    ) -> None:
        """Begin knowing nothing; nothing is asked yet. `quotes_every` is in seconds."""
        self._source, self._every, self._monotonic = source, quotes_every, monotonic
        self._listed: Mapping[Symbol, TradingRules] | None = None
        self._quotes: dict[Symbol, Quote] = {}
        self._wanted: dict[Symbol, float] = {}  # when somebody asked last, the newest at the end
        self._lock = Lock()
        self._list_at = _NEVER
        self._listed_at = _NEVER
        self._quote_at = _NEVER
        self._wake, self._closing = Event(), Event()

    def quote(self, symbol: Symbol) -> Quote | None:
        """Return the newest price heard; from now on it is asked for."""
        now = self._monotonic()
        with self._lock:
            new = self._wanted.pop(symbol, None) is None
            self._wanted[symbol] = now
            if len(self._wanted) > _MOST:
                gone = next(iter(self._wanted))
                del self._wanted[gone]
                self._quotes.pop(gone, None)
        if new:
            self._quote_at = _NEVER
            self._wake.set()
        return self._quotes.get(symbol)

    def rules(self, symbol: Symbol) -> TradingRules | None:
        """Return the venue's rules of a symbol, None if they are not known."""
        return None if self._listed is None else self._listed.get(symbol)

    def lists(self, symbol: Symbol) -> bool:
        """Return False if the list is known and has no such symbol; then it is asked for anew."""
        if self._listed is None or symbol in self._listed:
            return True
        soon = self._listed_at + _AGAIN
        if soon < self._list_at:
            self._list_at = soon
            self._wake.set()
        return False

    def refresh(self) -> None:
        """Ask for whatever is due. What fails is asked for again, and what was known stays."""
        now = self._monotonic()
        if now >= self._list_at:
            self._list_at = now + _RETRY
            try:
                self._listed = self._source.listing()
            except ExternalError as error:
                _log.warning("%s did not say what it trades: %s", self._source.name, error)
            else:
                self._listed_at = now
                self._list_at = now + _DAY
        if now >= self._quote_at:
            self._ask_for_quotes(now)

    def _ask_for_quotes(self, now: float) -> None:
        self._quote_at = now + self._every
        with self._lock:
            for symbol in [it for it, at in self._wanted.items() if now - at > _WANTED_FOR]:
                del self._wanted[symbol]
                self._quotes.pop(symbol, None)
            wanted = [it for it in self._wanted if self._listed is None or it in self._listed]
        if not wanted:
            return
        try:
            told = self._source.quotes(wanted)
        except ExternalError as error:
            self._quote_at = now + _RETRY
            _log.warning("%s did not say its prices: %s", self._source.name, error)
            return
        with self._lock:
            for symbol, quote in told.items():
                known = self._quotes.get(symbol)
                if symbol in self._wanted and (known is None or known.at <= quote.at):
                    self._quotes[symbol] = quote

    @contextmanager
    def running(self) -> Iterator[VenueMarkets]:
        """Ask in a thread of its own until the block ends."""
        thread = Thread(target=self._keep_asking, name="venue-markets", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._closing.set()
            self._wake.set()
            thread.join(1)  # a call that hangs is not waited for: nothing depends on it

    def _keep_asking(self) -> None:
        while not self._closing.is_set():
            self._wake.clear()
            try:
                self.refresh()
            except Exception:  # noqa: BLE001 - it is told, and asked again
                _log.exception(
                    "%s: what it said of its markets was not taken in", self._source.name
                )
            due = min(self._list_at, self._quote_at) - self._monotonic()
            self._wake.wait(max(due, 0.05))
