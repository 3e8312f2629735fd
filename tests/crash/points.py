"""Where a life may end: every boundary between us, the database and the venue, by name.

The program has no hooks for this. Its ports are wrapped, and the wrapper kills the process, as
`kill -9` does, the n-th time the named boundary is reached.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from threading import Lock, Timer
from typing import Any, Final

from traderbot.application.commands.cancel_order import CancelOrder
from traderbot.application.commands.place_order import PlaceOrder
from traderbot.application.commands.record_fill import RecordFill
from traderbot.application.commands.venue_answers import BeginSubmission, RecordVenueAnswer

POINTS: Final = (
    "order: written, not committed",
    "order: committed, not answered",
    "intent: written, not committed",
    "intent: committed, not sent",
    "submission: on its way, not answered",
    "submission: answered, not recorded",
    "answer: written, not committed",
    "answer: committed",
    "fill: written, not committed",
    "fill: committed",
    "cancel wish: written, not committed",
    "cancel wish: committed",
    "cancel: not sent yet",
    "cancel: answered, not recorded",
    "cancel answer: written, not committed",
    "cancel answer: committed",
    "reconciliation: listed, not compared",
    "question: answered, not recorded",
    "trades: shown, not booked",
)
_COMMANDS: Final = {
    PlaceOrder: "order",
    BeginSubmission: "intent",
    RecordFill: "fill",
    CancelOrder: "cancel wish",
}


class Reaper:
    """Ends this process at the n-th time one point is reached; never, where the point is None."""

    def __init__(self, point: str | None, nth: int = 1) -> None:
        self.point = point
        self._left = nth
        self._lock = Lock()
        self._writing = ""  # what kind of command the writer has in hand

    def reach(self, point: str) -> None:
        with self._lock:
            if point != self.point:
                return
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def before_commit(self, _transaction: Any) -> None:
        self.reach(f"{self._writing}: written, not committed")

    def begin(self, command: object) -> str:
        self._writing = kind_of(command)
        return self._writing


def kind_of(command: object) -> str:
    if isinstance(command, RecordVenueAnswer):
        return "cancel answer" if command.call in {"cancel", "list"} else "answer"
    return _COMMANDS.get(type(command), "other")


class Watched:
    """A command executor with boundaries around every commit."""

    def __init__(self, executor: Any, reaper: Reaper) -> None:
        self._executor = executor
        self._reaper = reaper

    def run(self, command: Any, origin: Any) -> Any:
        kind = self._reaper.begin(command)
        answer = self._executor.run(command, origin)
        ended = "committed, not answered" if kind == "order" else "committed"
        if kind == "intent":
            ended = "committed, not sent"
        self._reaper.reach(f"{kind}: {ended}")
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._executor, name)


class WatchedVenue:
    """A venue with boundaries around every call."""

    def __init__(self, venue: Any, reaper: Reaper, hold: Callable[[], None]) -> None:
        """`hold` has the venue keep its next answer to a submission back."""
        self._venue = venue
        self._reaper = reaper
        self._hold = hold

    def submit(self, order: Any) -> Any:
        if self._reaper.point == "submission: on its way, not answered":
            self._hold()
            Timer(0.3, self._reaper.reach, [self._reaper.point]).start()
        answer = self._venue.submit(order)
        self._reaper.reach("submission: answered, not recorded")
        return answer

    def cancel(self, order: Any) -> Any:
        self._reaper.reach("cancel: not sent yet")
        answer = self._venue.cancel(order)
        self._reaper.reach("cancel: answered, not recorded")
        return answer

    def find(self, order: Any) -> Any:
        answer = self._venue.find(order)
        self._reaper.reach("question: answered, not recorded")
        return answer

    def open_orders(self) -> Any:
        listed = self._venue.open_orders()
        self._reaper.reach("reconciliation: listed, not compared")
        return listed

    def trades(self, symbol: Any, since: Any = None) -> Any:
        shown = self._venue.trades(symbol, since)
        if shown:
            self._reaper.reach("trades: shown, not booked")
        return shown

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)
