"""What a venue says by itself, taken in one after another by a thread of its own.

News is a hint, the books are the truth: whatever cannot be taken in, or was missed, is found by
comparing the books again, which is asked for at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Final

from traderbot.application.errors import ExternalError
from traderbot.application.ports.venue import (
    Connected,
    Disconnected,
    Stream,
    VenueNews,
    VenueOrder,
    VenueTrade,
)
from traderbot.application.trading.booking import Booking

_log = logging.getLogger(__name__)
_MOST: Final = 10_000
_SOON: Final = 1.0
_CLOSE: Final = 1.0


class Newsroom:
    """Hears one venue. `compare` asks for the books to be compared in so many seconds."""

    def __init__(self, booking: Booking, *, compare: Callable[[float], None]) -> None:
        """Begin without news."""
        self._booking = booking
        self._venue = booking.hearing.venue
        self._compare = compare
        self._waiting: Queue[VenueNews] = Queue(_MOST)
        self._closing = Event()
        self._stream: Stream | None = None

    @property
    def stream(self) -> Stream | None:
        """The venue's stream while it is listened to, None if it has none."""
        return self._stream

    @contextmanager
    def open(self) -> Iterator[None]:
        """Listen, and take in what is said, until the block ends."""
        with ExitStack() as open_:
            taking_in = Thread(target=self._keep_taking_in, name="venue-news", daemon=True)
            taking_in.start()
            open_.callback(taking_in.join, _CLOSE)  # a venue that hangs is not waited for
            open_.callback(self._closing.set)
            if self._venue.abilities.stream:
                self._stream = open_.enter_context(self._venue.follow(self.hear))
            yield
        self._stream = None

    def hear(self, news: VenueNews) -> None:
        """Keep news for later. Where there is no room for it, the books are compared instead."""
        try:
            self._waiting.put_nowait(news)
        except Full:
            self._compare(0.0)

    def take_in_waiting(self) -> None:
        """Take in all that waits, in this thread."""
        while True:
            try:
                news = self._waiting.get_nowait()
            except Empty:
                return
            self._take_in(news)

    def _keep_taking_in(self) -> None:
        while not self._closing.is_set():
            try:
                news = self._waiting.get(timeout=0.2)
            except Empty:
                continue
            self._take_in(news)

    def _take_in(self, news: VenueNews) -> None:
        try:
            match news:
                case VenueOrder():
                    self._booking.take(news, "stream")
                case VenueTrade():
                    if not self._booking.hearing.take_trade(news, "stream"):
                        self._compare(_SOON)
                case Connected() | Disconnected():
                    self._compare(0.0)
        except ExternalError as error:
            self._compare(_SOON)
            _log.warning("%s: news was not recorded: %s", self._venue.name, error)
        except Exception:  # noqa: BLE001 - it is told, and the books are compared
            self._compare(_SOON)
            _log.exception("%s: news could not be taken in", self._venue.name)
