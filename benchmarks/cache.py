"""Values that are there already: in memory, before Redis, and before the database.

*cachetools* is its `TTLCache` behind a lock, as its documentation says for threads; it bounds the
entries and not the bytes, and gives out the value itself. *cashews* is its Redis with the cache on
the client's side. The reads of the database are counted where SQLAlchemy sends them.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from cachetools import TTLCache
from cashews import Cache
from sqlalchemy import Engine, event

from benchmarks.harness import Claim, Contestant, print_rates, ratio, take_turns
from traderbot import Traderbot
from traderbot.application.ports.views import OrderFilter, Views
from traderbot.application.views import PortfolioView
from traderbot.domain.shared.ids import OrderId, PortfolioId, UserId
from traderbot.infrastructure.cache_layer import HybridCache, MemoryCache
from traderbot.infrastructure.cached_views import CachedViews
from traderbot.infrastructure.embedded.redis import redis
from traderbot.infrastructure.persistence.database import reader_engine
from traderbot.infrastructure.persistence.views import SqlViews

KEYS = [f"market_data:BTC-USD:1m:{number}" for number in range(1000)]
VALUE = "67234.12"
_SYNC = 200_000
_ASYNC = 50_000
_QUESTIONS = 5000


def measure(rounds: int = 5) -> list[Claim]:
    """Measure, print the rates, return the claims."""
    return [*_memory(rounds), *_hybrid(rounds), _market_data(), _database_reads()]


def _memory(rounds: int) -> list[Claim]:
    cache, lock = MemoryCache(), threading.Lock()
    theirs: TTLCache[str, str] = TTLCache(4096, 300)

    def locked(key: str) -> Any:  # noqa: ANN401 - any value
        with lock:
            return theirs[key]

    def locked_set(key: str) -> None:
        with lock:
            theirs[key] = VALUE

    for key in KEYS:
        cache.set(key, VALUE)
        theirs[key] = VALUE
    ours = Contestant("traderbot, MemoryCache.get", _calls(cache.get), _SYNC)
    peer = Contestant("cachetools, TTLCache with a lock", _calls(locked), _SYNC)
    our_set = Contestant(
        "traderbot, MemoryCache.set", _calls(lambda key: cache.set(key, VALUE)), _SYNC // 4
    )
    peer_set = Contestant("cachetools, set with a lock", _calls(locked_set), _SYNC // 4)
    take_turns([ours, peer, our_set, peer_set], rounds)
    print_rates("values found in memory, and put there", [ours, peer, our_set, peer_set], "/s")
    found = ratio(ours, peer)
    return [Claim("cache in memory: hits/s / cachetools with a lock", 1.4, found)]


def _hybrid(rounds: int) -> list[Claim]:
    with redis(port=0) as server, closing(HybridCache(str(server.tcp_url))) as cache:
        loop = asyncio.new_event_loop()
        theirs = Cache()
        theirs.setup(str(server.tcp_url), client_side=True)

        async def fill() -> None:
            for key in KEYS:
                await cache.set_async(key, VALUE, 300)
                await theirs.set(key, VALUE, expire=300)
                await theirs.get(key)

        cache.get("begin")
        while not cache.is_shared:
            time.sleep(0.01)
        loop.run_until_complete(fill())
        ours = Contestant(
            "traderbot, HybridCache.get_async", _awaits(loop, cache.get_async), _ASYNC
        )
        peer = Contestant(
            "cashews, Redis with a cache on the client's side", _awaits(loop, theirs.get), _ASYNC
        )
        take_turns([ours, peer], rounds)
        print_rates("values found in memory before Redis", [ours, peer], "/s")
        told = cache.statistics()
        assert told.hit_rate > 0.99, told  # noqa: PLR2004 - else Redis was measured
        loop.run_until_complete(theirs.close())
        loop.close()
    return [Claim("cache before Redis: hits/s / cashews", 3, ratio(ours, peer))]


def _market_data() -> Claim:
    """Two hundred series read by strategies, some much more often, each renewed with its bar."""
    cache, draw = MemoryCache(max_bytes=32 * 1024 * 1024), random.Random(7)  # noqa: S311
    bars = np.zeros((600, 6))
    series = [f"market_data:{number}" for number in range(200)]
    weights = [1 / (1 + number) for number in range(len(series))]
    for read in range(50_000):
        if read % 2500 == 0:  # a minute is over
            cache.delete(*series)
        (name,) = draw.choices(series, weights)
        cache.get_or_load(name, lambda: bars)
    told = cache.statistics()
    print(f"\nmarket data: {told.hits:,} of {told.hits + told.misses:,} reads from memory")
    return Claim("market data read again and again: found in memory, of 100", 90,
                 told.hit_rate * 100, unit="%")  # fmt: skip


def _database_reads() -> Claim:
    with tempfile.TemporaryDirectory() as folder, _desk(Path(folder)) as (program, portfolios):
        engine = reader_engine(f"sqlite:///{folder}/desk.db")
        count = [0]

        @event.listens_for(engine, "before_cursor_execute")
        def counted(*_: object) -> None:
            count[0] += 1

        plain = _reads(SqlViews(engine), None, count, program, portfolios)
        cached = CachedViews(SqlViews(engine))
        remembered = _reads(cached, cached, count, program, portfolios)
        _dispose(engine)
    saved = 100 * (1 - remembered / plain)
    print(
        f"\nstatements sent for the same questions: {plain:,} without, {remembered:,} with memory"
    )
    return Claim("repeated questions: statements the database is spared, of 100", 80, saved,
                 unit="%")  # fmt: skip


def _reads(
    views: Views,
    cached: CachedViews | None,
    count: list[int],
    program: Traderbot,
    portfolios: list[PortfolioView],
) -> int:
    """Ask like a few open screens, with a deposit after every hundredth question."""
    draw = random.Random(7)  # noqa: S311 - the same questions for both
    before = count[0]
    for number in range(_QUESTIONS):
        one = draw.choice(portfolios)
        owner, id_ = UserId(one.owner_id), PortfolioId(one.portfolio_id)
        match draw.randrange(3):
            case 0:
                assert views.portfolio(owner, id_) is not None
            case 1:
                orders = views.orders(OrderFilter(owner_id=owner), limit=20)
                assert views.order(owner, OrderId(orders.items[0].order_id)) is not None
            case _:
                assert views.user(owner) is not None
        if number % 100 == 0:
            program.deposit(one, "1 USD")
            if cached is not None:
                cached.forget([f"portfolio-{one.portfolio_id}"])
    return count[0] - before


@contextmanager
def _desk(folder: Path) -> Iterator[tuple[Traderbot, list[PortfolioView]]]:
    with Traderbot.open(f"sqlite:///{folder}/desk.db") as program:
        portfolios = []
        for number in range(5):
            user = program.register_user(f"a{number}@example.org", "correct horse battery staple")
            portfolio = program.open_portfolio(user, "savings", "100000 USD")
            program.place_order(portfolio, "AAPL", "buy", "1", "100")
            portfolios.append(portfolio)
        yield program, portfolios


def _dispose(engine: Engine) -> None:
    engine.dispose()


def _calls(call: Callable[[str], Any]) -> Callable[[int], float]:
    def run(n: int) -> float:
        keys = KEYS
        start = time.perf_counter()
        for number in range(n):
            call(keys[number % 1000])
        return time.perf_counter() - start

    return run


def _awaits(
    loop: asyncio.AbstractEventLoop, call: Callable[[str], Awaitable[Any]]
) -> Callable[[int], float]:
    async def all_of(n: int) -> float:
        keys = KEYS
        start = time.perf_counter()
        for number in range(n):
            await call(keys[number % 1000])
        return time.perf_counter() - start

    return lambda n: loop.run_until_complete(all_of(n))
