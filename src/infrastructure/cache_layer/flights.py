"""One load for all who ask at the same time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, Self, TypeVar

from traderbot.infrastructure.cache_layer.values import Copier, own_copy

T = TypeVar("T")


class _AbandonedError(Exception):
    """Who loaded was cancelled or interrupted: somebody else has to."""


class _Flight:
    """A load under way."""

    __slots__ = ("future", "owner")

    def __init__(self) -> None:
        self.future: Future[Any] = Future()
        self.owner: tuple[int, int | None] = _here()


class Flights:
    """The loads under way, by key, for threads and coroutines alike."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._flights: dict[str, _Flight] = {}

    def load(self, key: str, load: Callable[[], T]) -> T:
        """Return what `load` returns: to all who wait, or its error to all of them.

        Raises:
            RuntimeError: `load` asks for its own key.
        """
        while True:
            flight, mine = self._board(key)
            if mine:
                with _Landing(self, key, flight) as landing:
                    return landing.with_(load())
            try:
                return _copy_of(flight.future.result())  # type: ignore[no-any-return]
            except _AbandonedError:
                continue

    async def load_async(self, key: str, load: Callable[[], Awaitable[T]]) -> T:
        """Do the same without holding up the event loop."""
        while True:
            flight, mine = self._board(key)
            if mine:
                with _Landing(self, key, flight) as landing:
                    return landing.with_(await load())
            try:
                # Shielded: whoever stops waiting does not end the load of the others.
                shared = await asyncio.shield(asyncio.wrap_future(flight.future))
                return _copy_of(shared)  # type: ignore[no-any-return]
            except _AbandonedError:
                continue

    def divert(self, *keys: str) -> None:
        """Have whoever asks from now on begin a load of their own."""
        if self._flights:
            with self._lock:
                for key in keys:
                    self._flights.pop(key, None)

    def divert_all(self) -> None:
        """Do so for every key."""
        with self._lock:
            self._flights.clear()

    def _board(self, key: str) -> tuple[_Flight, bool]:
        with self._lock:
            flight = self._flights.get(key)
            if flight is None:
                flight = self._flights[key] = _Flight()
                return flight, True
        if flight.owner == _here():
            msg = f"the load of {key!r} asks for itself"
            raise RuntimeError(msg)
        return flight, False

    def land(self, key: str, flight: _Flight) -> None:
        """Forget a flight that has ended."""
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]


class _Landing:
    """Tells the others how a load ended, whichever way it did."""

    def __init__(self, flights: Flights, key: str, flight: _Flight) -> None:
        self._flights = flights
        self._key = key
        self._flight = flight

    def __enter__(self) -> Self:
        return self

    def with_(self, value: T) -> T:
        # A copy for the others: whoever loaded may do with their own what they like.
        self._flight.future.set_result(own_copy(value))
        return value

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._flights.land(self._key, self._flight)
        future = self._flight.future
        if not future.done():
            future.set_exception(error if isinstance(error, Exception) else _AbandonedError())


def _copy_of(shared: tuple[Any, Copier | None]) -> Any:  # noqa: ANN401 - any value
    value, copier = shared
    return value if copier is None else copier(value)


def _here() -> tuple[int, int | None]:
    """Return who runs: a thread, and its task if it has one."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return threading.get_ident(), None if task is None else id(task)
