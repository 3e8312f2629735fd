"""Hearing of what other processes change, and noticing when one would not hear of it.

A thread of its own subscribes to the changes and, between them, asks Redis for a sign of life.
Answers and messages come on one connection in their order: when an answer is here, so is every
change before it. What memory holds is trusted for a moment after each answer, and no longer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from redis.client import PubSub

from traderbot.infrastructure.redis_link.connections import TROUBLE, connect

_log = logging.getLogger(__name__)

LEASE_SECONDS: Final = 0.5
_ASK_SECONDS: Final = 0.1
_RETRY_SECONDS: Final = (0.1, 0.2, 0.5, 1.0)
_STOP_SECONDS: Final = 2.0


class Heard(Protocol):
    """What a listener tells."""

    def on_changed(self, keys: Sequence[str]) -> None:
        """Forget keys that another process changed; `*` is all of them."""
        ...

    def on_up(self, *, again: bool) -> bool:
        """Begin to trust memory; `again` if a connection was lost before. False is: not yet."""
        ...

    def on_down(self) -> None:
        """Stop trusting it."""
        ...

    def on_tick(self) -> None:
        """Do what is due now and then."""
        ...


class Listener:
    """The thread. It begins when it is asked to, and ends with `close` or the process."""

    def __init__(
        self,
        url: str,
        channel: bytes,
        sender: bytes,
        heard: Heard,
        *,
        lease_seconds: float = LEASE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is sent before `begin`."""
        self._url = url
        self._channel = channel
        self._sender = sender
        self._heard = heard
        self._lease = lease_seconds
        self._clock = clock
        self._stopped = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self.trusted_until = float("-inf")  # read without a lock
        self.is_up = False

    def begin(self) -> None:
        """Start the thread, unless it runs."""
        if self._thread is None:
            with self._starting:
                if self._thread is None and not self._stopped.is_set():
                    thread = threading.Thread(
                        target=self._run, name="traderbot-cache-listener", daemon=True
                    )
                    self._thread = thread
                    thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stopped.set()
        with self._starting:
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        lost, failures = False, 0
        while not self._stopped.is_set():
            try:
                lost = self._listen(lost=lost) or lost
                failures = 0
            except TROUBLE as error:
                lost = lost or self.is_up
                _log.debug("the cache does not hear of changes: %s", type(error).__name__)
            except Exception:  # noqa: BLE001 - a thread that died would leave memory unheard for ever
                lost = True
                _log.exception("the cache's listener failed")
            if self.is_up:
                failures = 0
            self._down()
            self._heard.on_tick()
            self._stopped.wait(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)])
            failures += 1

    def _listen(self, *, lost: bool) -> bool:
        """Listen until Redis says nothing for a while; tell whether it had said something."""
        client = connect(self._url, budget_seconds=self._lease, connections=1)
        try:
            with client.pubsub() as subscription:  # type: ignore[no-untyped-call]
                subscription.subscribe(self._channel)
                return self._hear(subscription, lost=lost)
        finally:
            client.close()

    def _hear(self, subscription: PubSub, *, lost: bool) -> bool:
        asked_at = answered_at = self._clock()
        awaiting, silent = False, 0
        subscription.ping()
        awaiting = True
        while not self._stopped.is_set():
            message: Any = subscription.get_message(timeout=_ASK_SECONDS)
            now = self._clock()
            kind = None if message is None else message["type"]
            if kind == "message":
                self._tell(message["data"])
                continue
            if kind == "pong":
                awaiting, silent, answered_at = False, 0, asked_at
                if not self.is_up:
                    if not self._heard.on_up(again=lost):
                        return True
                    self.is_up = True
                # From when it was asked: what was changed after that may not be here yet.
                self.trusted_until = answered_at + self._lease
            elif kind is None and awaiting:
                # Only silence that was listened to counts. A thread that did not get to run has
                # missed nothing: it is all still in the socket.
                silent += 1
                if silent * _ASK_SECONDS >= self._lease:
                    return self.is_up or lost
            if not awaiting and now - asked_at >= _ASK_SECONDS:
                self._heard.on_tick()
                asked_at, awaiting = self._clock(), True
                subscription.ping()
        return False

    def _tell(self, data: bytes) -> None:
        sender, *keys = data.split(b"\n")
        if sender != self._sender:
            self._heard.on_changed([it.decode("utf-8", "surrogatepass") for it in keys])

    def _down(self) -> None:
        self.trusted_until = float("-inf")
        was_up, self.is_up = self.is_up, False
        if was_up:
            self._heard.on_down()
