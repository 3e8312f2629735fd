"""Commands on their way through the writer, and the callers who wait for them."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from typing import Any

from traderbot.application.ports.commands import Command, Origin
from traderbot.infrastructure.persistence.fingerprint import fingerprint_of

_log = logging.getLogger(__name__)


class Job:
    """One command on its way: what is asked, by whom, and where its caller waits."""

    __slots__ = ("answer", "command", "done", "error", "fingerprint", "origin", "waiter")

    def __init__(self, command: Command[Any], origin: Origin) -> None:
        """Prepare it in the caller's thread, so that the writer has less to do."""
        self.command = command
        self.origin = origin
        self.fingerprint = fingerprint_of(command) if origin.key else b""
        self.answer: Any = None
        self.error: BaseException | None = None
        self.waiter: threading.Lock | None = None
        self.done: tuple[asyncio.AbstractEventLoop, asyncio.Future[Any]] | None = None

    def fail(self, error: BaseException) -> None:
        """Give it no answer but an error."""
        self.answer, self.error = None, error

    def outcome(self) -> Any:  # noqa: ANN401 - the command's own answer
        """Return the answer or raise the error."""
        if self.error is not None:
            raise self.error
        return self.answer


def release(jobs: Sequence[Job]) -> None:
    """Wake the callers, with one call into each event loop."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[Any]]] = {}
    for job in jobs:
        if job.waiter is not None:
            job.waiter.release()
        elif job.done is not None:
            loops.setdefault(job.done[0], []).append(job.done[1])
    for loop, futures in loops.items():
        try:
            loop.call_soon_threadsafe(_wake, futures)
        except RuntimeError:  # the loop was closed while its callers waited: nobody is left
            _log.warning("%d callers went away before their answer", len(futures))


def _wake(futures: list[asyncio.Future[Any]]) -> None:
    for future in futures:
        if not future.done():  # a cancelled caller is not waiting any more
            future.set_result(None)
