"""What happens to every request before a route is chosen, and to every answer after it.

From outside to inside: the frame (id, headers), origins of other pages, the host's name, the size
of the body, and last a net for what nobody caught. Plain ASGI: nothing is buffered on the way.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from traderbot.presentation.api.errors import answer
from traderbot.presentation.api.frame import frame_of, put_frame

_log = logging.getLogger(__name__)

REQUEST_ID: Final = "X-Request-ID"
HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# Half a year, as browsers read it only over TLS; what ends TLS stands in front of this server.
HTTPS_ONLY: Final[Mapping[str, str]] = {"Strict-Transport-Security": "max-age=15552000"}

_HOST: Final = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


class FrameMiddleware:
    """Gives a request its id, and every answer that id and the security headers."""

    def __init__(
        self,
        app: ASGIApp,
        new_id: Callable[[], str],
        now: Callable[[], datetime],
        headers: Mapping[str, str],
    ) -> None:
        self._app = app
        self._new_id = new_id
        self._now = now
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its frame."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        frame = put_frame(scope, self._new_id, self._now)

        async def send_framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = frame.request_id
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_framed)


class OriginsMiddleware(CORSMiddleware):
    """Starlette's answer to pages of other origins, with our form of refusal."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer the question a browser asks before the request proper."""
        response = super().preflight_response(request_headers)
        if response.status_code == 200:  # noqa: PLR2004 - all is well
            return response
        raise _PreflightRefusedError(dict(response.headers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse the question before it."""
        try:
            await super().__call__(scope, receive, send)
        except _PreflightRefusedError as refusal:
            kept = {
                name: value
                for name, value in refusal.headers.items()
                if name.startswith("access-control-") or name == "vary"
            }
            message = "pages of this origin may not send this request"
            response = answer(frame_of(scope), "ORIGIN_REFUSED", message, headers=kept)
            await response(scope, receive, send)


class _PreflightRefusedError(Exception):
    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__("preflight refused")
        self.headers = headers


class HostsMiddleware:
    """Answers only to the names this server is known by, so that no Host header can fool a link."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self._app = app
        self._any = "*" in hosts
        self._exact = frozenset(host.lower() for host in hosts if not host.startswith("*"))
        self._ends = tuple(host[1:].lower() for host in hosts if host.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if it asks for us."""
        if scope["type"] == "http" and not self._known(scope):
            message = "the header Host names a server that this one is not"
            response = answer(frame_of(scope), "INVALID_HOST", message)
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _known(self, scope: Scope) -> bool:
        given = Headers(scope=scope).getlist("host")
        form = _HOST.fullmatch(given[0]) if len(given) == 1 else None
        if form is None:
            return False
        name = form[1].lower()
        return self._any or name in self._exact or name.endswith(self._ends)


class BodyLimitMiddleware:
    """Stops reading a body that grows too large, whatever its Content-Length promised."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counter on its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared[:20]) > self._limit:
            response = answer(frame_of(scope), "BODY_TOO_LARGE", self._message())
            await response(scope, receive, send)
            return
        read = 0

        async def receive_limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limit:
                raise HTTPException(413, self._message())
            return message

        await self._app(scope, receive_limited, send)

    def _message(self) -> str:
        return f"a body has at most {self._limit} bytes"


class LastResortMiddleware:
    """Answers for what nobody foresaw. Why it happened goes to the log, never to the caller."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and answer if that fails."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_noted(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        except Exception:
            frame = frame_of(scope)
            _log.exception("request %s failed", frame.request_id)
            if started:
                raise  # half an answer is out: only a broken connection can tell
            message = "the server failed; tell an operator the request id"
            response = answer(frame, "INTERNAL_ERROR", message)
            await response(scope, receive, send)
