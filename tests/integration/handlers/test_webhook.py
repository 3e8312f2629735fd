"""The webhook, to a real HTTP server that does as it likes."""

from __future__ import annotations

import hmac
import json
import secrets
import socket
from base64 import b64decode, b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from threading import Event
from time import monotonic

import pytest

from tests.builders import NOON, filled
from tests.integration.handlers.receivers import (
    OK,
    Hook,
    certificate,
    listening,
    says,
    status,
)
from tests.unit.infrastructure.handlers.feeding import recorded
from traderbot.application.errors import NotDeliveredError
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.handlers.cloud_event import cloud_event
from traderbot.infrastructure.handlers.notice import Notice, sentence_of
from traderbot.infrastructure.handlers.webhook import Webhook
from traderbot.infrastructure.repeatable import ReplayClock

KEY = secrets.token_bytes(32)
SECRET = "whsec_" + b64encode(KEY).decode()


@pytest.fixture
def hook() -> Iterator[Hook]:
    receiver = Hook(0, [says(OK)])
    with listening(receiver):
        yield receiver


def a_notice() -> Notice:
    fact = recorded(filled(), 7)
    return Notice(
        token="token-1",
        recorded=fact,
        sentence=sentence_of(fact.event),
        event=cloud_event(fact, "example.org/log", EventCodec()),
    )


def webhook(hook: Hook, seconds: float = 10, scheme: str = "http") -> Webhook:
    return Webhook(hook.url(scheme), SECRET, ReplayClock(NOON), seconds)


def test_an_event_is_posted_as_a_cloud_event_that_anybody_with_the_secret_can_check(
    hook: Hook,
) -> None:
    assert webhook(hook).deliver(a_notice()) == "200 ok"
    (request,) = hook.requests
    assert request.line == "POST /hooks?to=desk HTTP/1.1"
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert request.headers["host"] == f"localhost:{hook.port}"
    said = json.loads(request.body)
    assert (said["specversion"], said["type"], said["id"]) == (
        "1.0",
        "order.filled",
        a_notice().recorded.id,
    )
    assert said["sequence"] == "0000000000000007"
    id_, at = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    assert (id_, at) == ("token-1", str(int(NOON.timestamp())))
    assert request.headers["idempotency-key"] == id_
    signed = f"{id_}.{at}.".encode() + request.body
    version, _, given = request.headers["webhook-signature"].partition(",")
    assert version == "v1"
    assert b64decode(given) == hmac.new(KEY, signed, sha256).digest()


@pytest.mark.parametrize("code", [301, 302, 307, 400, 401, 404, 410, 429, 500, 503])
def test_any_answer_but_2xx_is_a_failure_and_no_redirect_is_followed(hook: Hook, code: int) -> None:
    there = f"HTTP/1.1 {code} X\r\nLocation: {hook.url()}\r\nContent-Length: 0\r\n\r\n"
    hook.answers[:] = [says(there.encode())]
    with pytest.raises(NotDeliveredError, match=f"answered {code}"):
        webhook(hook).deliver(a_notice())
    assert len(hook.requests) == 1


@pytest.mark.parametrize("code", [200, 201, 202, 204])
def test_any_2xx_is_well(hook: Hook, code: int) -> None:
    hook.answers[:] = [status(code)]
    assert webhook(hook).deliver(a_notice()).startswith(str(code))


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\x00\xff\xfe\r\n\r\n",
        b"220 mail.example.org ESMTP\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 " + b"9" * 100_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["nothing", "bytes", "smtp", "no-status", "headers", "endless-line", "bad-chunk"],
)
def test_garbage_is_a_failure_and_no_crash(hook: Hook, garbage: bytes) -> None:
    hook.answers[:] = [says(garbage)]
    with pytest.raises(NotDeliveredError, match="did not answer"):
        webhook(hook).deliver(a_notice())
    hook.answers[:] = [says(OK)]
    assert webhook(hook).deliver(a_notice()) == "200 ok"


def test_a_long_answer_is_read_only_in_part(hook: Hook) -> None:
    hook.answers[:] = [says(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x" * 100_000)]
    assert len(webhook(hook).deliver(a_notice())) < 5000


def test_a_server_that_never_answers_is_given_up(hook: Hook) -> None:
    release = Event()

    def silent(_connection: socket.socket) -> None:
        release.wait(20)

    hook.answers[:] = [silent]
    began = monotonic()
    try:
        with pytest.raises(NotDeliveredError, match="did not answer"):
            webhook(hook, seconds=0.3).deliver(a_notice())
    finally:
        release.set()
    assert monotonic() - began < 5


def test_a_server_that_answers_a_byte_at_a_time_is_given_up_as_well(hook: Hook) -> None:
    release = Event()

    def dripping(connection: socket.socket) -> None:
        while not release.wait(0.05):  # each byte in time, and never an end
            connection.sendall(b"H")

    hook.answers[:] = [dripping]
    began = monotonic()
    try:
        with pytest.raises(NotDeliveredError, match="did not answer"):
            webhook(hook, seconds=0.5).deliver(a_notice())
    finally:
        release.set()
    assert monotonic() - began < 5


def test_nobody_there_is_a_failure_that_does_not_tell_the_path() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    there = Webhook(f"http://127.0.0.1:{port}/secret-path", SECRET, ReplayClock(NOON), 5)
    with pytest.raises(NotDeliveredError, match=r"127\.0\.0\.1 did not answer") as caught:
        there.deliver(a_notice())
    assert "secret-path" not in str(caught.value)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, trusted: bool
) -> None:
    path, context = certificate(tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    receiver = Hook(0, [says(OK)])
    with listening(receiver, context):
        if trusted:
            assert webhook(receiver, scheme="https").deliver(a_notice()) == "200 ok"
        else:
            with pytest.raises(NotDeliveredError, match="CERTIFICATE_VERIFY_FAILED"):
                webhook(receiver, scheme="https").deliver(a_notice())
            assert receiver.requests == []
