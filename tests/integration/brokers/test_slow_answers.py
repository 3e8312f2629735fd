"""Answers that never end: a call is over when its time is, and its client is never used again."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.venues.labs import alpaca_venue, ccxt_venue, lab
from traderbot.application.errors import VenueUnavailableError
from traderbot.application.ports.venue import Absent, Acknowledged, Unclear

NOT_FOUND = b'{"code": 40410000, "message": "order not found"}'


@contextmanager
def raw_server(*answers: Callable[[socket.socket], None]) -> Iterator[str]:
    """Answer each connection's first request with the next of these."""
    server = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve(connection: socket.socket, answer: Callable[[socket.socket], None]) -> None:
        with connection, suppress(OSError):
            connection.recv(65_536)
            answer(connection)

    def work() -> None:
        for answer in answers:
            with suppress(OSError):
                connection, _ = server.accept()
                threading.Thread(target=serve, args=(connection, answer), daemon=True).start()
        ended.set()

    threading.Thread(target=work, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.close()


def drips_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(200):
        connection.sendall(f"X-{number}: y\r\n".encode())
        time.sleep(0.1)


def says_not_found(connection: socket.socket) -> None:
    head = f"HTTP/1.1 404 Not Found\r\nContent-Length: {len(NOT_FOUND)}\r\n\r\n"
    connection.sendall(head.encode() + NOT_FOUND)


def floods(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b"[" * 65_536)


def test_headers_that_never_end_do_not_hold_a_caller() -> None:
    with lab("alpaca") as the, raw_server(drips_headers, says_not_found) as address:
        venue = alpaca_venue(address=address, timeout_seconds=0.4)
        began = time.monotonic()
        answer = venue.find(the.order())
        assert time.monotonic() - began < 2
        assert isinstance(answer, Unclear)
        assert isinstance(venue.find(the.order()), Absent)
        venue.close()


def test_a_client_that_hangs_is_left_behind_with_what_it_had_learned() -> None:
    with lab("ccxt") as the, raw_server(drips_headers) as address:
        venue = ccxt_venue(address=the.server.host, timeout_seconds=0.4)
        order = the.order()
        assert isinstance(venue.submit(order), Acknowledged)
        left = venue._clients.questions.client
        left.urls = {"api": {**left.urls["api"], "private": f"http://{address}/api/v3"}}
        venue._clients.hosts._hosts = frozenset({the.server.host, address})
        began = time.monotonic()
        assert isinstance(venue.find(order), Unclear)
        assert time.monotonic() - began < 2
        assert venue._clients.questions.client is not left
        assert isinstance(venue.find(order), Acknowledged)
        venue.close()


def test_an_answer_that_is_too_long_is_not_read() -> None:
    with raw_server(floods) as address:
        venue = alpaca_venue(address=address, timeout_seconds=5)
        with pytest.raises(VenueUnavailableError, match="AnswerTooLongError"):
            venue.balances()
        venue.close()
