"""Evidence is kept for ever, so no secret may get into it, whatever page a venue answers with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from traderbot.infrastructure.brokers.allowed_hosts import AllowedHosts
from traderbot.infrastructure.brokers.evidence import Evidence, Witness


class Answer:
    """A page about an error that shows the request it is about."""

    status_code = 500

    def __init__(self) -> None:
        self.headers = {"x-mbx-used-weight-1m": "9" * 5000}

    def iter_content(self, _size: int) -> Iterator[bytes]:
        yield b"APCA-API-SECRET-KEY: very-secret; key: the-key"


class Sender:
    """Answers everything with that page."""

    def send(self, request: Any, **how: Any) -> Answer:  # noqa: ARG002
        return Answer()

    def close(self) -> None:
        """Close nothing."""


class Request:
    """A request to a host that may be called."""

    url = "http://127.0.0.1:7311/v2/orders"


def seen() -> Evidence:
    """Return what is written down of such an answer."""
    hosts = AllowedHosts(["127.0.0.1:7311"])
    witness = Witness(Sender(), hosts, timeout_seconds=1.0, secrets=("very-secret", "the-key"))
    witness.send(Request())
    return witness.evidence


def test_a_page_that_shows_the_request_puts_no_secret_into_the_evidence() -> None:
    assert seen().text == "APCA-API-SECRET-KEY: [hidden]; key: [hidden]"


def test_a_weight_of_five_thousand_digits_is_no_weight() -> None:
    assert seen().used_weight is None
