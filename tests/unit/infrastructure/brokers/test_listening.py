"""Listening survives whatever its session does, and every break is told."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from traderbot.application.ports.venue import Connected, Disconnected, VenueNews
from traderbot.infrastructure.brokers import listening
from traderbot.infrastructure.brokers.listening import Listener, MissedError
from traderbot.infrastructure.system import SystemClock

Frame = str


@contextmanager
def listen(
    session: Callable[[Listener[Frame]], Awaitable[None]],
    hear: Callable[[VenueNews], None],
    read: Callable[[Frame], Iterable[VenueNews]] = lambda _: (),
) -> Iterator[Listener[Frame]]:
    listener = Listener("test", session, read, hear, SystemClock())
    listener.start()
    try:
        yield listener
    finally:
        listener.stop()
    assert not any(it.name.startswith("test-") for it in threading.enumerate())


def until(reached: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 8
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_SHORTEST_PAUSE", 0.01)


def kinds(heard: list[VenueNews]) -> list[type]:
    return [type(it) for it in heard]


def test_a_session_that_ends_is_begun_again_and_each_break_is_told_once() -> None:
    heard: list[VenueNews] = []
    tries = []

    async def session(listener: Listener[Frame]) -> None:
        tries.append(1)
        if len(tries) in {1, 2, 4}:  # it does not even connect
            msg = "nobody there"
            raise OSError(msg)
        listener.now_connected()
        if len(tries) >= 5:
            await asyncio.sleep(60)

    with listen(session, heard.append) as listener:
        until(lambda: len(tries) >= 5 and listener.connected)
        until(lambda: len(heard) == 4)
    assert kinds(heard) == [Disconnected, Connected, Disconnected, Connected]
    assert isinstance(heard[0], Disconnected)
    assert "OSError" in heard[0].cause
    assert "nobody there" not in heard[0].cause


def test_what_is_heard_is_read_in_order_in_another_thread() -> None:
    heard: list[VenueNews] = []
    read: list[tuple[str, str]] = []

    async def session(listener: Listener[Frame]) -> None:
        listener.now_connected()
        for it in "abc":
            listener.heard(it)
        await asyncio.sleep(60)

    def note(frame: Frame) -> Iterable[VenueNews]:
        read.append((frame, threading.current_thread().name))
        return ()

    with listen(session, heard.append, note):
        until(lambda: len(read) == 3)
    assert read == [(it, "test-news") for it in "abc"]


def test_more_than_can_wait_is_a_break_and_no_endless_queue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "_MOST_WAITING", 5)
    heard: list[VenueNews] = []
    slow = threading.Event()
    floods = []

    async def session(listener: Listener[Frame]) -> None:
        listener.now_connected()
        floods.append(1)
        if len(floods) == 1:
            for it in range(100):
                listener.heard(str(it))
        await asyncio.sleep(60)

    def wait(_: Frame) -> Iterable[VenueNews]:
        slow.wait(10)
        return ()

    with listen(session, heard.append, wait):
        until(lambda: len(floods) >= 1)
        time.sleep(0.1)
        slow.set()
        until(lambda: Disconnected in kinds(heard) and kinds(heard)[-1] is Connected)
    lost = next(it for it in heard if isinstance(it, Disconnected))
    assert "wait to be read" in lost.cause


def test_a_frame_that_cannot_be_read_begins_the_session_again() -> None:
    heard: list[VenueNews] = []
    begun = []

    async def session(listener: Listener[Frame]) -> None:
        begun.append(1)
        listener.now_connected()
        listener.heard("bad" if len(begun) == 1 else "good")
        await asyncio.sleep(60)

    def read(frame: Frame) -> Iterable[VenueNews]:
        if frame == "bad":
            msg = "it makes no sense"
            raise MissedError(msg)
        return ()

    with listen(session, heard.append, read):
        until(lambda: kinds(heard) == [Connected, Disconnected, Connected])


def test_it_can_be_ended_while_it_connects_or_waits() -> None:
    async def hangs(_: Listener[Frame]) -> None:
        await asyncio.sleep(60)

    async def fails(_: Listener[Frame]) -> None:
        msg = "never"
        raise OSError(msg)

    for session in (hangs, fails):
        began = time.monotonic()
        with listen(session, lambda _: None) as listener:
            time.sleep(0.05)
            assert not listener.connected
            assert listener.quiet_seconds >= 0.05
        assert time.monotonic() - began < 3
