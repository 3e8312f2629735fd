"""Runs the API until it is told to stop, and then finishes what it has begun."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import ClassVar, Final

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from traderbot.application.application import Application
from traderbot.application.errors import ExternalError
from traderbot.presentation.api.app import ApiOptions, create_app
from traderbot.presentation.api.http_protocol import BoundedHttpProtocol

GRACE_SECONDS: Final = 8  # with what it takes to stop around it, under 10
_BACKLOG: Final = 1024


class CannotListenError(ExternalError):
    """The address to serve on is taken, or not of this machine."""

    code: ClassVar[str] = "CANNOT_LISTEN"

    def __init__(self, host: str, port: int, cause: Exception) -> None:
        why = getattr(cause, "strerror", None) or cause
        super().__init__(f"cannot listen on {host} port {port}: {why}")
        self.host = host
        self.port = port


@dataclass(frozen=True, slots=True)
class Listening:
    """A server that answers. `stop` may be called from any thread, and returns at once."""

    host: str
    port: int
    stop: Callable[[], None]

    @property
    def url(self) -> str:
        """Where it is reached."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def serve(
    application: Application,
    options: ApiOptions,
    host: str = "127.0.0.1",
    port: int = 8000,
    on_ready: Callable[[Listening], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, or until `Listening.stop`; then return.

    What was accepted is answered first, for a few seconds at most. Port 0 takes a free one;
    `on_ready` is told which. Signals are heeded in the main thread only. Closing the application
    is left to the caller, who opened it.

    Raises:
        CannotListenError: the address is taken, or not of this machine.
    """
    # Opened here, because uvicorn would end the process if the address is taken.
    listener = _listen(host, port)
    try:
        config = uvicorn.Config(
            create_app(application, options),
            http=BoundedHttpProtocol,
            ws="none",
            lifespan="off",  # the application is open already, and stays the caller's
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        _Server(config, listener, on_ready).run(sockets=[listener])
    finally:
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        if os.name == "posix":  # on Windows it would allow a second server on the same port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:  # OverflowError: a port above 65535
        listener.close()
        raise CannotListenError(host, port, error) from error
    return listener


class _Server(uvicorn.Server):
    """uvicorn's server, which tells when it is ready and returns after a signal."""

    def __init__(
        self,
        config: uvicorn.Config,
        listener: socket.socket,
        on_ready: Callable[[Listening], None] | None,
    ) -> None:
        super().__init__(config)
        self._listener = listener
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then call back."""
        await super().startup(sockets)
        if self._on_ready is not None:
            host, port = self._listener.getsockname()[:2]
            self._on_ready(Listening(host, port, self._stop))

    def _stop(self) -> None:
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Take a signal as the wish to stop, and no more.

        uvicorn raises it once more at the end, which would end the process before its database is
        closed, and with a status that says it was killed.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle_exit) for each in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
