"""From a line of the log to a call of the handler, and the making of the calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, Final

from traderbot.application.ports.subscriptions import DurableHandler
from traderbot.infrastructure.following.hand import ClosingError, Done, Hand, HandlerHangsError
from traderbot.infrastructure.following.log_follower import LogLine, names_of
from traderbot.infrastructure.following.workplace import Workplace

_LEFT_BEHIND: Final = 16  # threads of handlers that hang; with more, the subscription halts


class TooManyHangError(Exception):
    """So many threads were left behind that no further one may be."""


class CallFailedError(Exception):
    """A handler failed within a transaction that must be rolled back; `count` calls were done."""

    def __init__(self, count: int, error: BaseException) -> None:
        super().__init__(str(error))
        self.count = count
        self.error = error


@dataclass(frozen=True, slots=True)
class Task:
    """An event that its handler is to be given."""

    line: LogLine
    key: str
    call: Callable[[Any], Any]  # with a connection or an effect

    @property
    def log_index(self) -> int:
        """Where the event is in the log."""
        return self.line.log_index

    @property
    def event_id(self) -> str:
        """The event's id."""
        return self.line.event_id


class Tasks:
    """What one handler is asked for, and the hand that asks it."""

    def __init__(self, handler: DurableHandler, place: Workplace) -> None:
        """Prepare. Raises ValueError for an event type that is not in the log."""
        self._handler = handler
        self._place = place
        types = handler.event_types
        self._names = None if types is None else names_of(types)
        self._hand = self._new_hand()
        self._left_behind: list[Hand] = []

    @property
    def left_behind(self) -> int:
        """How many calls hang in threads of their own."""
        self._left_behind = [each for each in self._left_behind if each.is_alive]
        return len(self._left_behind)

    def of(self, line: LogLine) -> Task | None:
        """Return what is to be done about an event, None if it is not the handler's business."""
        if self._names is not None and line.type not in self._names:
            return None
        return self.again(line, None)

    def again(self, line: LogLine, key: str | None) -> Task:
        """Return what is to be done about an event whose key is known already."""
        try:
            recorded = self._place.feed.recorded(line)
            key = self._handler.sequence_key(recorded) if key is None else key
        except Exception as error:  # noqa: BLE001 - reading it is part of handling it
            return Task(line, line.stream if key is None else key, partial(_raise, error))
        return Task(line, key, partial(self._handler.handle, recorded))

    def make(self, calls: Sequence[Callable[[], Any]], cut: Callable[[], None]) -> Done:
        """Make the calls in order, as many as fit into the time a transaction may take.

        A call that hangs is left behind and counts as failed; `cut` takes from it what it holds.

        Raises:
            ClosingError: the worker has to end, and a call does not. It was cut as well.
            TooManyHangError: this one hangs like many before it.
        """
        try:
            return self._hand.make(
                calls,
                patience=self._handler.patience,
                until=monotonic() + self._place.pace.lock_seconds,
                ending=lambda: self._place.closing.by,
            )
        except (HandlerHangsError, ClosingError) as error:
            cut()
            self._left_behind.append(self._hand)
            self._hand = self._new_hand()
            if isinstance(error, ClosingError):
                raise
            if self.left_behind >= _LEFT_BEHIND:
                msg = (
                    f"{_LEFT_BEHIND} of its calls hang; restart the program, "
                    f"then: traderbot events resume {self._handler.name}"
                )
                raise TooManyHangError(msg) from error
            return Done(error.args[1], error=HandlerHangsError(error.args[0]))

    def close(self) -> None:
        """End the thread of the hand."""
        self._hand.close()

    def _new_hand(self) -> Hand:
        return Hand(f"traderbot-{self._handler.name}-hand")


def _raise(error: BaseException, _given: object) -> None:
    raise error
