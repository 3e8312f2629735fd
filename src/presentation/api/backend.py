"""The application as routes reach it: commands are awaited, slow work runs in bounded threads.

Nothing here may hold up the event loop: questions to the database and password hashes leave it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Final, ParamSpec, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from traderbot.application.application import Application
from traderbot.application.errors import ClosedError, OverloadedError
from traderbot.application.ports.commands import Command, Origin
from traderbot.application.ports.health import Health, HealthCheck
from traderbot.application.ports.token_codec import TokenCodec

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

_READERS: Final = 16  # fewer than the database's pool has connections
_HASHERS: Final = 4  # each takes 19 MiB and a core
_PROBES: Final = 4
_LONG_READERS: Final = 1  # each reads the log for seconds, and takes a core
_WAITING_READERS: Final = 1000
_WAITING_LONG_READERS: Final = 16
_WAITING_HASHERS: Final = 64
_PROBE_SECONDS: Final = 2


@dataclass(frozen=True, slots=True)
class Backend:
    """One application behind one server."""

    application: Application
    tokens: TokenCodec
    _reading: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_READERS))
    _slowly: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_LONG_READERS))
    _hashing: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_HASHERS))
    _probing: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_PROBES))

    async def execute(self, command: Command[R], origin: Origin) -> R:
        """Run a command and return its answer once it is durable."""
        return await self.application.executor.execute(command, origin)

    async def ask(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask the read side.

        Raises:
            OverloadedError: too many questions wait already.
        """
        _refuse_if_crowded(self._reading, _WAITING_READERS)
        return await to_thread.run_sync(partial(question, *args, **kwargs), limiter=self._reading)

    async def ask_long(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask what takes long, one after another, so that short questions do not wait for it.

        Raises:
            OverloadedError: too many such questions wait already.
        """
        _refuse_if_crowded(self._slowly, _WAITING_LONG_READERS)
        return await to_thread.run_sync(partial(question, *args, **kwargs), limiter=self._slowly)

    async def hash(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something with a password.

        Raises:
            OverloadedError: too many logins wait already.
        """
        _refuse_if_crowded(self._hashing, _WAITING_HASHERS)
        return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=self._hashing)

    async def health(self) -> Sequence[Health]:
        """Ask every health check; one that hangs counts as a no."""
        return [await self._probe(check) for check in self.application.health]

    async def _probe(self, check: HealthCheck) -> Health:
        with anyio.move_on_after(_PROBE_SECONDS):
            return await to_thread.run_sync(check, limiter=self._probing, abandon_on_cancel=True)
        return Health("probe", ok=False, message=f"no answer within {_PROBE_SECONDS} s")


def _refuse_if_crowded(limiter: CapacityLimiter, most: int) -> None:
    if limiter.statistics().tasks_waiting >= most:
        msg = f"{most} requests are waiting already"
        raise OverloadedError(msg)


def backend_of(request: Request) -> Backend:
    """Return the backend of the application that serves this request."""
    backend = request.app.state.backend
    if not isinstance(backend, Backend):  # the app was built for its schema only
        msg = "there is no application behind this server"
        raise ClosedError(msg)
    return backend


async def _backend(request: Request) -> Backend:
    return backend_of(request)


Uses = Annotated[Backend, Depends(_backend)]
