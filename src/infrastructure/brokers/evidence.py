"""What is known of one call without asking the library that made it.

Libraries fold "refused", "no answer" and "never left" into one tree of exceptions. What left and
what came back is written down here, below them, where it can still be told apart.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol

from traderbot.infrastructure.brokers.allowed_hosts import AllowedHosts

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_HIDDEN: Final = "[hidden]"
_CHUNK: Final = 65_536
_LONGEST_WAIT: Final = 3600.0
_DIGITS: Final = 9  # of a weight; more are no weight
# Names, not classes: they belong to libraries that may not be installed.
_NEVER_CONNECTED: Final = frozenset(
    {
        "ConnectTimeout",
        "ConnectTimeoutError",
        "HostNotAllowedError",
        "InvalidHeader",
        "InvalidSchema",
        "InvalidURL",
        "LocationParseError",
        "MissingSchema",
        "NameResolutionError",
        "NewConnectionError",
        "SSLCertVerificationError",
    }
)


@dataclass(slots=True)
class Evidence:
    """One call: whether it was tried, whether something may have left, and what came back."""

    tried: bool = False
    begun: bool = False
    status: int | None = None
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def refuses_in_words(self) -> bool:
        """Whether the body itself says no, whatever the status: some venues always answer 200."""
        told = self.json()
        return isinstance(told, dict) and _said_in_body(told) is not None

    def problem(self) -> tuple[str, str] | None:
        """Return the venue's own code and words, if it answered with a problem in JSON."""
        told = self.json()
        if not isinstance(told, dict):
            return None
        in_body = _said_in_body(told)
        if in_body is not None:
            return in_body
        code, words = told.get("code"), told.get("msg", told.get("message"))
        if code is None and words is None:
            return None
        return str(code), str(words)

    def json(self) -> Any:  # noqa: ANN401 - whatever the venue says
        """Return the answer, its numbers as text; None if it is no JSON."""
        try:
            return json.loads(self.text, parse_float=str, parse_int=str)
        except (ValueError, RecursionError):
            return None

    @property
    def used_weight(self) -> int | None:
        """How much of this minute's requests the venue has counted, if it says so."""
        told = self._header("x-mbx-used-weight-1m")
        is_number = told is not None and told.isascii() and told.isdigit()
        return int(told) if told is not None and is_number and len(told) <= _DIGITS else None

    @property
    def retry_after_seconds(self) -> float | None:
        """How long the venue wants to be left alone, at most an hour."""
        told = self._header("retry-after")
        if told is None:
            return None
        try:
            seconds = float(told)
        except ValueError:
            try:
                seconds = parsedate_to_datetime(told).timestamp() - time.time()
            except ValueError:
                return None
        return min(max(seconds, 0.0), _LONGEST_WAIT)

    def _header(self, name: str) -> str | None:
        return next((it for key, it in self.headers.items() if key.lower() == name), None)


def _said_in_body(told: Mapping[str, Any]) -> tuple[str, str] | None:
    """Read a problem in the words of venues that answer 200 and mean no."""
    errors = told.get("error")
    if isinstance(errors, list) and errors:  # Kraken: {"error": ["EOrder:Insufficient funds"]}
        return str(errors[0]), "; ".join(map(str, errors))
    if "retCode" in told:  # Bybit: {"retCode": 170131, "retMsg": "…"}
        code = str(told["retCode"])
        return None if code == "0" else (code, str(told.get("retMsg")))
    data = told.get("data")
    if "code" in told and isinstance(data, list):  # OKX: {"code": "1", "data": [{"sCode": …}]}
        for it in data:
            if isinstance(it, dict) and str(it.get("sCode", "0")) != "0":
                return str(it["sCode"]), str(it.get("sMsg"))
        code = str(told["code"])
        return None if code == "0" else (code, str(told.get("msg")))
    return None


class _Sender(Protocol):
    def send(self, request: Any, **how: Any) -> Any: ...  # noqa: ANN401 - requests' own

    def close(self) -> None: ...


class AnswerTooLongError(OSError):
    """The answer is longer, or takes longer, than any honest one."""


class RedirectRefusedError(OSError):
    """The venue sent us somewhere else. Nobody follows."""


class Witness:
    """What a `requests` session sends through: checks the host, follows nothing, writes down all.

    It stands where `requests` expects a transport adapter, in front of the real one.
    """

    def __init__(
        self,
        sender: _Sender,
        hosts: AllowedHosts,
        *,
        timeout_seconds: float,
        most_bytes: int = 16 * 1024 * 1024,
        secrets: Iterable[str] = (),
    ) -> None:
        """Send through `sender`, one call after another. `secrets` are never written down."""
        self._secrets = [it for it in secrets if it]
        self._sender, self._hosts = sender, hosts
        self._timeout, self._most = timeout_seconds, most_bytes
        self.evidence = Evidence()

    def forget(self) -> None:
        """Begin a new call: nothing has left yet."""
        self.evidence = Evidence()

    def send(self, request: Any, **how: Any) -> Any:  # noqa: ANN401 - requests' own
        """Send one request and read its answer to the end.

        Raises:
            HostNotAllowedError, RedirectRefusedError, AnswerTooLongError: as they say.
        """
        evidence = self.evidence = Evidence(tried=True)
        self._hosts.check(request.url)
        deadline = time.monotonic() + self._timeout
        evidence.begun = True
        how |= {"stream": True, "timeout": self._timeout, "proxies": None}
        try:
            response = self._sender.send(request, **how)
        except Exception as error:
            evidence.begun = not never_connected(error)
            raise
        body = self._read(response, deadline)
        evidence.status, evidence.headers = response.status_code, dict(response.headers)
        evidence.text = self._without_secrets(body.decode("utf-8", "replace"))
        if response.status_code in _REDIRECTS:
            msg = f"the venue answered {response.status_code}, a redirect"
            raise RedirectRefusedError(msg)
        return response

    def _without_secrets(self, text: str) -> str:
        # A page about an error may show the request it is about, and evidence is kept for ever.
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text

    def close(self) -> None:
        """Close what it keeps open."""
        self._sender.close()

    def _read(self, response: Any, deadline: float) -> bytes:  # noqa: ANN401
        parts: list[bytes] = []
        size = 0
        for chunk in response.iter_content(_CHUNK):
            parts.append(chunk)
            size += len(chunk)
            if size > self._most or time.monotonic() > deadline:
                response.close()
                msg = f"after {size} bytes the answer had not ended"
                raise AnswerTooLongError(msg)
        body = b"".join(parts)
        response._content = body  # noqa: SLF001 - what `requests` itself would have read
        return body


def never_connected(error: BaseException) -> bool:
    """Whether an error proves that no connection was made."""
    seen: list[object] = []
    waiting: list[object] = [error]
    while waiting:
        it = waiting.pop()
        if not isinstance(it, BaseException) or any(it is other for other in seen):
            continue
        seen.append(it)
        if any(kind.__name__ in _NEVER_CONNECTED for kind in type(it).__mro__):
            return True
        waiting += [it.__cause__, getattr(it, "reason", None), *it.args]
    return False
