"""Counting what somebody does: in memory, in Redis, and what it costs the API.

*limits* is the library below slowapi, used as its documentation shows. The API is asked who one is,
with a token, over sixteen connections of another process; once with its limits, once without.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import (
    FixedWindowRateLimiter,
    MovingWindowRateLimiter,
    SlidingWindowCounterRateLimiter,
)

from benchmarks.harness import Claim, Contestant, print_rates, ratio, take_turns
from traderbot import Traderbot
from traderbot.infrastructure.embedded.redis import redis
from traderbot.infrastructure.rate_limiter import (
    MemoryLimiter,
    RedisLimiter,
    SlidingWindow,
    TokenBucket,
)
from traderbot.infrastructure.settings import load_settings
from traderbot.presentation.api import app
from traderbot.presentation.api.app import ApiOptions
from traderbot.presentation.api.server import Listening, serve

KEYS = [f"user:{number}" for number in range(100)]
MANY = 100_000
_MEMORY = 100_000
_REDIS = 5000
_REQUESTS = 500  # short rounds, and many: a server has threads, and threads have neighbours
_API_ROUNDS = 5
_CONNECTIONS = 16
_PASSWORD = "correct horse battery staple"  # noqa: S105 - of nobody


def measure(rounds: int = 5) -> list[Claim]:
    """Measure, print the rates, return the claims."""
    return [*_memory(rounds), *_redis(rounds), *_api(rounds)]


def _memory(rounds: int) -> list[Claim]:
    bucket = MemoryLimiter(TokenBucket(MANY, 60))
    window: MemoryLimiter[Any] = MemoryLimiter(SlidingWindow(100, 60))
    many, few = RateLimitItemPerMinute(MANY), RateLimitItemPerMinute(100)
    fixed = FixedWindowRateLimiter(MemoryStorage())
    moving = MovingWindowRateLimiter(MemoryStorage())
    counter = SlidingWindowCounterRateLimiter(MemoryStorage())
    ours = Contestant("traderbot, token bucket", _calls(bucket.allow), _MEMORY)
    told = Contestant("traderbot, token bucket, with what is left", _calls(bucket.hit), _MEMORY)
    exact = Contestant("traderbot, sliding window", _calls(window.allow), _MEMORY)
    theirs = Contestant("limits, fixed window", _calls(lambda it: fixed.hit(many, it)), _MEMORY)
    moves = Contestant("limits, moving window", _calls(lambda it: moving.hit(few, it)), _MEMORY)
    counts = Contestant(
        "limits, sliding window counter", _calls(lambda it: counter.hit(many, it)), _MEMORY // 2
    )
    all_of_them = [ours, told, exact, theirs, moves, counts]
    take_turns(all_of_them, rounds)
    print_rates("hits counted in memory", all_of_them, "/s")
    return [
        Claim("token bucket in memory: hits/s / limits' fixed window", 4, ratio(ours, theirs)),
        Claim("sliding window in memory: hits/s / limits' moving one", 4, ratio(exact, moves)),
    ]


def _redis(rounds: int) -> list[Claim]:
    with redis(port=0) as server:
        url = str(server.tcp_url)
        few = RateLimitItemPerMinute(100)
        moving = MovingWindowRateLimiter(RedisStorage(url))
        with (
            closing(RedisLimiter(SlidingWindow(100, 60), url)) as window,
            closing(RedisLimiter(TokenBucket(100, 60), url)) as bucket,
        ):
            exact = Contestant("traderbot, sliding window", _calls(window.hit), _REDIS)
            ours = Contestant("traderbot, token bucket", _calls(bucket.hit), _REDIS)
            theirs = Contestant(
                "limits, moving window", _calls(lambda k: moving.hit(few, k)), _REDIS
            )
            take_turns([exact, ours, theirs], rounds)
        print_rates("hits counted in Redis, one after another", [exact, ours, theirs], "/s")
    return [
        Claim("sliding window in Redis: hits/s / limits' moving one", 0.8, ratio(exact, theirs))
    ]


def _api(rounds: int) -> list[Claim]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        client = stack.enter_context(_client())
        token, counted = stack.enter_context(_server(Path(folder) / "on"))
        # A limit has no switch that could be left off, so the benchmark reaches inside.
        inside = vars(app)
        uncounted, inside["_UNCOUNTED"] = inside["_UNCOUNTED"], tuple(app.ROUTERS)
        try:
            other, free = stack.enter_context(_server(Path(folder) / "off"))
        finally:
            inside["_UNCOUNTED"] = uncounted
        with_limits = Contestant("with limits", lambda n: client(counted, token, n), _REQUESTS)
        without = Contestant("without", lambda n: client(free, other, n), _REQUESTS)
        take_turns([with_limits, without], rounds * _API_ROUNDS)
    print_rates("GET /users/me, 16 connections", [with_limits, without], "/s")
    found = ratio(with_limits, without)
    return [Claim("API with limits in memory: requests/s / without", 0.88, found)]


@contextmanager
def _server(folder: Path) -> Iterator[tuple[str, str]]:
    """Serve in a thread; yield a token and the URL."""
    limits = dict.fromkeys(("api", "trading", "login"), "1000000/minute")
    arguments = {"data": {"dir": str(folder)}, "limits": limits}
    settings = load_settings(env_file=None, arguments=arguments)
    ready: queue.SimpleQueue[Listening] = queue.SimpleQueue()
    folder.mkdir()
    with Traderbot.open(settings) as program:
        program.register_user("ada@example.org", _PASSWORD)
        thread = threading.Thread(
            target=serve,
            args=(program.application, ApiOptions()),
            kwargs={"port": 0, "on_ready": ready.put},
        )
        thread.start()
        listening = ready.get(timeout=30)
        form = {"username": "ada@example.org", "password": _PASSWORD}
        answer = httpx2.post(f"{listening.url}/auth/token", data=form, timeout=30)
        try:
            yield answer.json()["access_token"], listening.url
        finally:
            listening.stop()
            thread.join()


@contextmanager
def _client() -> Iterator[Callable[[str, str, int], float]]:
    """Give what sends requests from another process, and says how long they took."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_send_for, args=(theirs,), daemon=True)
    process.start()

    def send(url: str, token: str, n: int) -> float:
        ours.send((url, token, n))
        return float(ours.recv())

    try:
        yield send
    finally:
        ours.send(None)
        process.join(10)


def _send_for(pipe: Any) -> None:  # noqa: ANN401 - a connection of multiprocessing
    while (asked := pipe.recv()) is not None:
        pipe.send(asyncio.run(_send(*asked)))


async def _send(url: str, token: str, n: int) -> float:
    host, port = url.removeprefix("http://").split(":")
    head = (
        f"GET /users/me HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    )
    numbers = itertools.count()

    async def one() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        while next(numbers) < n:
            writer.write(head)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200"), answer
            length = next(
                int(line.split(b":")[1])
                for line in answer.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            )
            await reader.readexactly(length)
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(_CONNECTIONS)))
    return time.perf_counter() - start


def _calls(call: Callable[[str], Any]) -> Callable[[int], float]:
    def run(n: int) -> float:
        keys = KEYS
        start = time.perf_counter()
        for number in range(n):
            call(keys[number % 100])
        return time.perf_counter() - start

    return run
