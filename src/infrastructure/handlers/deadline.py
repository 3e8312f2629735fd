"""An end to a whole exchange over a socket, however slowly its bytes come."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

_AGAIN_SECONDS: Final = 0.1


@contextmanager
def hang_up_after(seconds: float, sockets: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Shut the socket down if the block takes longer; reading or writing it then fails.

    A socket's own timeout counts from byte to byte, so a peer that sends one now and then could
    hold its caller for ever.
    """
    ended = threading.Event()

    def watch() -> None:
        wait = seconds
        while not ended.wait(wait):
            found, wait = sockets(), _AGAIN_SECONDS  # there may be none yet, or a new one
            if found is not None:
                with suppress(OSError):
                    found.shutdown(socket.SHUT_RDWR)

    threading.Thread(target=watch, name="traderbot-deadline", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
