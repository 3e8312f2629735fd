"""uvicorn's HTTP protocol with a deadline for requests and a limit for their heads.

uvicorn waits for ever for a request that never ends, and keeps a head of any size. A client that
sends one byte a second could so hold a connection for days, and a few thousand of them the server.
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from traderbot.presentation.api.errors import answer
from traderbot.presentation.api.frame import Frame
from traderbot.presentation.api.middleware import HEADERS, REQUEST_ID

RECEIVE_SECONDS: Final = 15.0
MAX_HEAD_BYTES: Final = 32 * 1024
MAX_HEADERS: Final = 100


class HeadTooLargeError(Exception):
    """The request line and the headers are larger than any honest client's."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection. A request has to be here, whole, a while after its first byte was awaited."""

    receive_seconds = RECEIVE_SECONDS
    _deadline: asyncio.TimerHandle | None = None
    _head_open = True
    _head_began = True  # within the bytes that are looked at now
    _head_bytes = 0

    def connection_made(  # type: ignore[override]  # as uvicorn itself has it
        self, transport: asyncio.Transport
    ) -> None:
        """Begin the wait for the first request."""
        super().connection_made(transport)
        self._start_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what came, unless it is a head that does not end."""
        self._head_began = False
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._head_open and not self._head_began:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.send_400_response("the head of the request is too large")
                return
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self._deadline is None:  # blank lines end uvicorn's own wait
            self._start_waiting()

    def on_message_begin(self) -> None:
        """Begin the wait for the rest of this request."""
        super().on_message_begin()
        self._head_open, self._head_began, self._head_bytes = True, True, 0
        self._start_waiting()

    def on_headers_complete(self) -> None:
        """Accept the head. Raises HeadTooLargeError, which the parser turns into a 400."""
        self._head_open = False
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            raise HeadTooLargeError
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Stop waiting: what is left to do is ours."""
        self._stop_waiting()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Say that this is no HTTP, in the form of every failure, and hang up."""
        frame = Frame(
            request_id=str(uuid.uuid4()), now=lambda: datetime.now(UTC), wants_problem=False
        )
        headers = {**HEADERS, REQUEST_ID: frame.request_id, "Connection": "close"}
        response = answer(frame, "BAD_REQUEST", msg, headers=headers)
        lines = b"".join(b"%b: %b\r\n" % each for each in response.raw_headers)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + lines + b"\r\n" + response.body)
        self.transport.close()

    def _start_waiting(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(self.receive_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()
