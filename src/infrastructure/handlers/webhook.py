"""Events to a URL, signed so that the receiver can tell who sent them and that nobody changed them.

Source:
    Standard Webhooks, standardwebhooks.com: the headers, and what is signed.
"""

from __future__ import annotations

import hmac
import socket
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from traderbot.application.errors import NotDeliveredError
from traderbot.application.ports.clock import Clock
from traderbot.infrastructure.handlers.cloud_event import CONTENT_TYPE
from traderbot.infrastructure.handlers.deadline import hang_up_after
from traderbot.infrastructure.handlers.notice import Notice

_LONGEST_ANSWER: Final = 4096  # of which the digest is kept
_DONE: Final = range(200, 300)


class Webhook:
    """`Channel` to one URL. An answer other than 2xx is a failure; redirects are not followed."""

    name = "webhook"

    def __init__(self, url: str, secret: str, clock: Clock, timeout_seconds: float) -> None:
        """Deliver to an http or https URL. `secret` is base64, with or without `whsec_`."""
        parts = urlsplit(url)
        self._https = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._key = b64decode(secret.removeprefix("whsec_"))
        self._clock = clock
        self.longest_seconds = timeout_seconds

    def deliver(self, notice: Notice) -> str:
        """Post the event; return status and answer. Raises NotDeliveredError."""
        kind = HTTPSConnection if self._https else HTTPConnection
        connection = kind(self._host, self._port, timeout=self.longest_seconds)
        line: list[socket.socket] = []
        try:
            with hang_up_after(self.longest_seconds, lambda: line[0] if line else None):
                connection.connect()
                line.append(connection.sock)
                headers = self._headers(notice.token, notice.event)
                connection.request("POST", self._path, notice.event, headers)
                response = connection.getresponse()
                answer = _read(response)
        except (OSError, HTTPException, ValueError) as error:
            # Never the URL: its path may be a secret.
            msg = f"the webhook at {self._host} did not answer: {type(error).__name__}: {error}"
            raise NotDeliveredError(msg[:200]) from error
        finally:
            connection.close()
        if response.status not in _DONE:
            msg = f"the webhook at {self._host} answered {response.status}"
            raise NotDeliveredError(msg)
        return f"{response.status} {answer}"

    def _headers(self, id_: str, body: bytes) -> Mapping[str, str]:
        at = str(int(self._clock.now().timestamp()))
        return {
            "Content-Type": CONTENT_TYPE,
            "Connection": "close",
            "User-Agent": "traderbot",
            "Idempotency-Key": id_,
            "webhook-id": id_,
            "webhook-timestamp": at,
            "webhook-signature": f"v1,{signature(self._key, id_, at, body)}",
        }


def signature(key: bytes, id_: str, timestamp: str, body: bytes) -> str:
    """Return HMAC-SHA-256 over `id.timestamp.body` in base64."""
    signed = b".".join((id_.encode(), timestamp.encode(), body))
    return b64encode(hmac.new(key, signed, sha256).digest()).decode()


def _read(response: HTTPResponse) -> str:
    return response.read(_LONGEST_ANSWER).decode("utf-8", "replace")
