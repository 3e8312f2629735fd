"""How the server starts, bears slow and broken clients, and stops."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.e2e.api.running import (
    PASSWORD,
    SECRET,
    Person,
    Server,
    an_order,
    answered,
    refused,
    running,
    served,
    settings_in,
    somebody,
)
from traderbot.application.errors import DatabaseUnavailableError
from traderbot.application.ports.health import Health
from traderbot.bootstrap import Traderbot
from traderbot.domain.shared.ids import OrderId
from traderbot.presentation.api.app import ApiOptions
from traderbot.presentation.api.http_protocol import BoundedHttpProtocol
from traderbot.presentation.api.server import CannotListenError, Listening, serve

PROGRAM = """
import sys
from pathlib import Path
from tests.e2e.api.running import settings_in
from traderbot.bootstrap import Traderbot
from traderbot.domain.shared.ids import OrderId
from traderbot.presentation.api.app import ApiOptions
from traderbot.presentation.api.server import serve

with Traderbot.open(settings_in(Path(sys.argv[1]))) as program:
    serve(program.application, ApiOptions(), port=0,
          on_ready=lambda listening: print(listening.url, flush=True))
print("closed", flush=True)
"""


@contextmanager
def a_process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve in a process of its own; yield it and the URL."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(["", *filter(None, sys.path)])},
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_ctrl_c_lets_it_finish_and_leave_with_0(tmp_path: Path) -> None:
    with a_process(tmp_path) as (process, url), httpx2.Client(base_url=url) as client:
        assert client.get("/health/ready").status_code == 200
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
        assert process.returncode == 0
        assert out == "closed\n"  # the program behind it was closed, too
        assert time.monotonic() - started < 10


def test_stopped_under_load_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    orders: list[str] = []
    with a_process(tmp_path) as (process, url):
        server = Server(url, cast("Traderbot", None), "")  # only its clients are used
        with somebody(server, "load") as person:
            portfolio_id = person.open_portfolio()["portfolio_id"]

            def place(thread: int) -> None:
                headers = {"Authorization": f"Bearer {person.token}"}
                with httpx2.Client(base_url=url, headers=headers, timeout=20) as client:
                    for number in range(10_000):
                        key = {"Idempotency-Key": f"{thread}-{number}"}
                        body = an_order(portfolio_id, quantity="1")
                        try:
                            response = client.post("/orders", json=body, headers=key)
                        except httpx2.TransportError:
                            return  # nobody listens any more
                        orders.append(answered(response, 201)["order_id"])

            threads = [threading.Thread(target=place, args=(each,)) for each in range(4)]
            for thread in threads:
                thread.start()
            time.sleep(1)
            started = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)
            assert time.monotonic() - started < 10
            for thread in threads:
                thread.join(timeout=20)
            assert process.returncode == 0
    assert orders
    with Traderbot.open(settings_in(tmp_path)) as program:
        known = program.application.views
        for order_id in orders:
            assert known.order(None, OrderId(order_id)) is not None


def test_a_taken_address_is_told_by_name(server: Server) -> None:
    port = urlsplit(server.url).port
    assert port is not None
    with pytest.raises(CannotListenError, match=rf"127\.0\.0\.1 port {port}: .+"):
        serve(server.program.application, ApiOptions(), port=port)
    for host, bad in (("192.0.2.1", 0), ("127.0.0.1", 70_000), ("no host", 0)):
        with pytest.raises(CannotListenError):
            serve(server.program.application, ApiOptions(), host=host, port=bad)


def test_it_listens_on_ipv6_too(server: Server) -> None:
    heard: list[Listening] = []

    def stop_at_once(listening: Listening) -> None:
        heard.append(listening)
        listening.stop()

    serve(server.program.application, ApiOptions(), host="::1", port=0, on_ready=stop_at_once)
    assert heard[0].url.startswith("http://[::1]:")


@pytest.fixture
def hasty(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that waits half a second for a request."""
    monkeypatch.setattr(BoundedHttpProtocol, "receive_seconds", 0.5)
    with served(server.program) as url:
        yield Server(url, server.program, server.database)


STARTS = {
    "nothing": b"",
    "a blank line": b"\r\n",
    "half a line": b"GET /hea",
    "half a head": b"GET /health/live HTTP/1.1\r\nHost: local",
    "half a body": b"POST /auth/register HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    "a request, and half of the next": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET /h",
}


def test_slow_clients_are_hung_up_on_while_others_are_served(hasty: Server) -> None:
    address = urlsplit(hasty.url)
    assert address.hostname is not None
    place = (address.hostname, address.port or 80)
    connections = [socket.create_connection(place) for _ in range(20) for _ in STARTS]
    try:
        for connection, content in zip(connections, list(STARTS.values()) * 20, strict=True):
            connection.sendall(content)
            connection.settimeout(10)
        with hasty.client() as client:
            assert client.get("/health/live").status_code == 200
        started = time.monotonic()
        for connection in connections:
            while _more(connection):
                pass
        assert time.monotonic() - started < 8
    finally:
        for connection in connections:
            connection.close()


def test_blank_lines_after_an_answer_do_not_hold_a_connection(hasty: Server) -> None:
    address = urlsplit(hasty.url)
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port or 80), timeout=10) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in connection.recv(65_536)
        connection.sendall(b"\r\n")
        started = time.monotonic()
        while _more(connection):
            pass
        assert time.monotonic() - started < 4  # uvicorn's own wait is over with the first byte


def _more(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(65_536))
    except ConnectionError:
        return False


def test_a_drip_of_bytes_does_not_extend_the_deadline(hasty: Server) -> None:
    address = urlsplit(hasty.url)
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port or 80)) as connection:
        started = time.monotonic()
        with pytest.raises(ConnectionError):  # noqa: PT012 - which byte is refused is chance
            for _ in range(200):
                connection.sendall(b"G")
                time.sleep(0.05)
        assert time.monotonic() - started < 5


def test_when_a_part_is_not_fit_for_work_it_says_which(server: Server) -> None:
    def sick() -> Health:
        return Health("database", ok=False, message="does not answer: OperationalError")

    application = server.program.application
    healthy = application.health
    object.__setattr__(application, "health", (*healthy, sick))
    try:
        with server.client() as client:
            assert client.get("/health/live").status_code == 200
            for path in ("/health", "/health/ready"):
                response = client.get(path)
                error = refused(response, 503, "NOT_READY")
                assert error["details"] == [
                    {"field": "database", "message": "does not answer: OperationalError"}
                ]
                assert response.headers["Retry-After"]
    finally:
        object.__setattr__(application, "health", healthy)


def test_a_database_that_is_gone_is_a_503_that_says_when_to_come_back(
    ada: Person, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        msg = "could not connect to /very/secret/path as postgres"
        raise DatabaseUnavailableError(msg)

    monkeypatch.setattr(type(server.program.application.views), "orders", gone)
    response = ada.get("/orders")
    error = refused(response, 503, "DATABASE_UNAVAILABLE")
    assert "secret" not in response.text
    assert "postgres" not in error["message"]
    assert int(response.headers["Retry-After"]) >= 1


def test_what_nobody_foresaw_is_a_500_that_tells_nothing_but_its_id(
    ada: Person, server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def surprise(*_: object, **__: object) -> None:
        msg = f"nobody foresaw {SECRET}"
        raise RuntimeError(msg)

    monkeypatch.setattr(type(server.program.application.views), "orders", surprise)
    response = ada.get("/orders")
    error = refused(response, 500, "INTERNAL_ERROR")
    assert SECRET not in response.text
    assert error["request_id"] in caplog.text
    assert "nobody foresaw" in caplog.text
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    monkeypatch.undo()
    assert ada.get("/orders").status_code == 200


def test_a_closed_program_says_so(tmp_path: Path) -> None:
    with running(settings_in(tmp_path)) as server, somebody(server) as person:
        cast("Any", server.program.application.executor).close()
        response = person.post("/portfolios", {"name": "late"})
        refused(response, 503, "CLOSED")
        assert response.headers["Retry-After"]


@pytest.mark.parametrize("slow", ["passwords.verify", "views.orders", "views.user"])
def test_the_event_loop_is_free_while_something_slow_is_done(
    slow: str, ada: Person, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, _, method = slow.partition(".")
    kind = type(getattr(server.program.application, port))
    original, waiting, go = getattr(kind, method), threading.Event(), threading.Event()

    def wait(*args: Any, **named: Any) -> Any:
        waiting.set()
        go.wait(timeout=20)
        return original(*args, **named)

    monkeypatch.setattr(kind, method, wait)
    with ThreadPoolExecutor() as pool, server.client() as client:
        form = {"username": ada.email, "password": PASSWORD}
        path = "/auth/token" if port == "passwords" else "/orders"
        ask = (
            partial(client.post, path, data=form) if port == "passwords" else partial(ada.get, path)
        )
        answer = pool.submit(ask)
        try:
            assert waiting.wait(timeout=20)
            for _ in range(10):
                assert client.get("/health/live", timeout=10).status_code == 200
            assert not answer.done()
        finally:
            go.set()
        assert answer.result(timeout=20).status_code == 200
