from __future__ import annotations

import threading
from typing import Any, cast

import anyio
import pytest
from anyio import from_thread

from traderbot.application.application import Application
from traderbot.application.errors import OverloadedError
from traderbot.application.ports.health import Health
from traderbot.application.ports.token_codec import TokenCodec
from traderbot.presentation.api import backend as module
from traderbot.presentation.api.backend import Backend

pytestmark = pytest.mark.asyncio


class _Nothing:
    """An application of which only `health` is asked."""

    def __init__(self, *checks: Any) -> None:
        self.health = checks


def a_backend(*checks: Any) -> Backend:
    return Backend(cast("Application", _Nothing(*checks)), cast("TokenCodec", None))


async def test_questions_are_asked_in_another_thread() -> None:
    here = threading.get_ident()
    assert await a_backend().ask(threading.get_ident) != here
    assert await a_backend().hash(threading.get_ident) != here


async def test_arguments_reach_the_question() -> None:
    def question(one: int, *, two: int) -> tuple[int, int]:
        return one, two

    assert await a_backend().ask(question, 1, two=2) == (1, 2)


async def test_four_hash_at_once_and_whoever_comes_to_a_long_queue_is_sent_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_WAITING_HASHERS", 3)
    backend, go, lock = a_backend(), threading.Event(), threading.Lock()
    running: list[int] = []
    most: list[int] = []
    refused = 0

    def work() -> None:
        with lock:
            running.append(1)
            most.append(len(running))
        go.wait(timeout=10)
        with lock:
            running.pop()

    async def ask() -> None:
        nonlocal refused
        try:
            await backend.hash(work)
        except OverloadedError:
            refused += 1

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(ask)
            await anyio.sleep(0.01)
        go.set()
    assert max(most) == 4
    assert refused == 3  # four at work and three in the queue came before


async def test_a_health_check_that_hangs_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PROBE_SECONDS", 0.05)
    done = threading.Event()

    def hang() -> Health:
        done.wait(timeout=10)
        return Health("slow", ok=True, message="at last")

    def fine() -> Health:
        return Health("fine", ok=True, message="fine")

    found = await a_backend(hang, fine).health()
    done.set()
    assert [each.ok for each in found] == [False, True]


async def test_long_questions_wait_for_each_other_and_short_ones_for_none() -> None:
    backend, go, begun = a_backend(), threading.Event(), anyio.Event()
    running: list[int] = []
    answers: list[int] = []

    def long() -> int:
        running.append(1)
        from_thread.run_sync(begun.set)
        assert go.wait(timeout=10)
        return len(running)

    async def ask() -> None:
        answers.append(await backend.ask_long(long))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(ask)
        await begun.wait()
        assert await backend.ask(lambda: "at once") == "at once"
        assert await backend.hash(lambda: "at once") == "at once"
        assert running == [1]
        go.set()
    assert answers == [1, 2, 3]


async def test_whoever_comes_to_a_full_queue_of_long_questions_is_sent_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_WAITING_LONG_READERS", 1)
    backend, go, begun = a_backend(), threading.Event(), anyio.Event()

    def long() -> bool:
        from_thread.run_sync(begun.set)
        return go.wait(timeout=10)

    async with anyio.create_task_group() as group:
        group.start_soon(backend.ask_long, long)
        await begun.wait()
        group.start_soon(backend.ask_long, long)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(OverloadedError):
            await backend.ask_long(long)
        go.set()
    assert await backend.ask_long(lambda: "there is room again") == "there is room again"
