"""Memory in front of Redis: as quick as the one, as shared as the other, and never a failure.

While Redis is heard, what memory holds is what it would say: every change in another process is
told of, and memory is not believed for longer than half a second without a sign of life. While it
is not heard, memory alone answers, and keeps nothing for longer than a second: what others change
then cannot be known. When it is heard again, all of memory and of Redis is forgotten first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from traderbot.application.ports.cache import CacheStatistics
from traderbot.infrastructure.cache_layer.categories import Lifetimes
from traderbot.infrastructure.cache_layer.envelope import encode
from traderbot.infrastructure.cache_layer.flights import Flights
from traderbot.infrastructure.cache_layer.listening import LEASE_SECONDS, Listener
from traderbot.infrastructure.cache_layer.memory_cache import MISSING, MemoryCache
from traderbot.infrastructure.cache_layer.redis_cache import NAMESPACE, STATISTICS, Gap, RedisCache
from traderbot.infrastructure.redis_link.connections import BUDGET_SECONDS

T = TypeVar("T")

ALONE_SECONDS: Final = 1.0
_Mark = tuple[int, int]


class HybridCache:
    """`Cache` in memory and in Redis. `memory_cache` and `redis_cache` are its two parts.

    The first question starts a thread that hears of changes; `close` ends it.

    Raises:
        ValueError: the URL is none of redis://, rediss:// and unix://, or a TTL is not above 0.
    """

    def __init__(
        self,
        url: str,
        *,
        namespace: str = NAMESPACE,
        categories: Mapping[str, float] | None = None,
        memory: MemoryCache | None = None,
        budget_seconds: float = BUDGET_SECONDS,
        lease_seconds: float = LEASE_SECONDS,
        alone_seconds: float = ALONE_SECONDS,
    ) -> None:
        """Share what processes with the same URL and namespace keep. Nothing is sent yet."""
        lifetimes = Lifetimes(categories)
        self.memory_cache = memory or MemoryCache(lifetimes=lifetimes)
        self.redis_cache = RedisCache(
            url, namespace=namespace, lifetimes=lifetimes, budget_seconds=budget_seconds
        )
        self.lifetimes = lifetimes
        self._alone_seconds = alone_seconds
        self._clock = time.monotonic
        self._flights = Flights()
        self._listener = Listener(
            url,
            self.redis_cache.channel,
            self.redis_cache.sender,
            _Ears(self),
            lease_seconds=lease_seconds,
        )
        self._unheard = 0

    @property
    def is_shared(self) -> bool:
        """Whether other processes are heard, and hear of what is changed here."""
        return self._listener.is_up and self.redis_cache.is_trusted

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - any value
        """Return the value, or `default`."""
        found = self._in_memory(key)
        if found is not MISSING:
            return found
        if key.startswith(STATISTICS):
            return getattr(self.statistics(), key.removeprefix(STATISTICS), default)
        found, _, _ = self._in_redis(key)
        return default if found is MISSING else found

    async def get_async(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - any value
        """Return the value, or `default`, without holding up the event loop."""
        found = self._in_memory(key)
        if found is MISSING:
            found, _, _ = await asyncio.to_thread(self._in_redis, key)
        return default if found is MISSING else found

    def set(self, key: str, value: Any, ttl: float | None = None) -> None:  # noqa: ANN401
        """Keep a value for `ttl` seconds; by default as long as its category says.

        Raises:
            UncacheableValueError: the value is of a kind that Redis cannot keep.
        """
        raw = encode(value)
        seconds = self.lifetimes.of(key, ttl)
        self._flights.divert(key)
        self.memory_cache.set(key, value, self._here(seconds))
        self.redis_cache.write(key, raw, seconds)

    async def set_async(self, key: str, value: Any, ttl: float | None = None) -> None:  # noqa: ANN401
        """Keep a value without holding up the event loop."""
        await asyncio.to_thread(self.set, key, value, ttl)

    def delete(self, *keys: str) -> None:
        """Forget, here and in every process. No load that began before keeps what it found."""
        self._flights.divert(*keys)
        self.memory_cache.delete(*keys)
        self.redis_cache.drop(keys)

    async def delete_async(self, *keys: str) -> None:
        """Forget without holding up the event loop."""
        await asyncio.to_thread(self.delete, *keys)

    def clear(self) -> None:
        """Forget everything, here and in every process."""
        self._flights.divert_all()
        self.memory_cache.clear()
        self.redis_cache.clear()

    def get_or_load(self, key: str, load: Callable[[], T], ttl: float | None = None) -> T:
        """Return the value; if there is none, that of `load`, which one caller calls for all.

        Raises:
            UncacheableValueError: what was loaded is of a kind that Redis cannot keep.
        """
        found = self._in_memory(key)
        if found is not MISSING:
            return found  # type: ignore[no-any-return]

        def find_or_load() -> T:
            there, mark, gap = self._found_meanwhile(key) or self._in_redis(key)
            if there is not MISSING:
                return there  # type: ignore[no-any-return]
            value = load()
            self._keep(key, value, self.lifetimes.of(key, ttl), mark, gap)
            return value

        return self._flights.load(key, find_or_load)

    async def get_or_load_async(
        self, key: str, load: Callable[[], Awaitable[T]], ttl: float | None = None
    ) -> T:
        """Do the same without holding up the event loop."""
        found = self._in_memory(key)
        if found is not MISSING:
            return found  # type: ignore[no-any-return]

        async def find_or_load() -> T:
            known = self._found_meanwhile(key)
            if known is None:
                known = await asyncio.to_thread(self._in_redis, key)
            there, mark, gap = known
            if there is not MISSING:
                return there  # type: ignore[no-any-return]
            value = await load()
            seconds = self.lifetimes.of(key, ttl)
            await asyncio.to_thread(self._keep, key, value, seconds, mark, gap)
            return value

        return await self._flights.load_async(key, find_or_load)

    def statistics(self) -> CacheStatistics:
        """Return what became of the questions: a hit is one that either part has answered."""
        here, there = self.memory_cache.statistics(), self.redis_cache.statistics()
        return CacheStatistics(
            hits=here.hits + there.hits,
            misses=max(0, here.misses + self._unheard - there.hits),
            evictions=here.evictions,
            expirations=here.expirations,
            errors=there.errors,
            entries=here.entries,
            bytes=here.bytes,
            categories=here.categories,
        )

    def close(self) -> None:
        """End the thread, and close the connections."""
        self._listener.close()
        self.redis_cache.close()
        self.memory_cache.close()

    # Inside --------------------------------------------------------------------------------------

    def _in_memory(self, key: str) -> Any:  # noqa: ANN401 - any value, or MISSING
        listener = self._listener
        if self._clock() < listener.trusted_until or not listener.is_up:
            return self.memory_cache.get(key, MISSING)
        self._unheard += 1  # heard too long ago: only Redis knows
        return MISSING

    def _found_meanwhile(self, key: str) -> tuple[Any, _Mark, Gap | None] | None:
        """Return what somebody else has loaded just before this load began."""
        if self._clock() < self._listener.trusted_until or not self._listener.is_up:
            found = self.memory_cache.peek(key)
            if found is not MISSING:
                return found, (0, 0), None
        return None

    def _in_redis(self, key: str) -> tuple[Any, _Mark, Gap | None]:
        self._listener.begin()
        mark = self.memory_cache.mark(key)
        if not self._listener.is_up:
            return MISSING, mark, None
        found, left, gap = self.redis_cache.find(key)
        if found is not MISSING:
            self.memory_cache.keep_if(key, found, left, mark)
        return found, mark, gap

    def _keep(self, key: str, value: Any, seconds: float, mark: _Mark, gap: Gap | None) -> None:  # noqa: ANN401
        self.redis_cache.fill(key, value, seconds, gap)
        self.memory_cache.keep_if(key, value, self._here(seconds), mark)

    def _here(self, seconds: float) -> float:
        return seconds if self.is_shared else min(seconds, self._alone_seconds)

    def forget_here(self, keys: Sequence[str]) -> None:
        """Forget what another process changed."""
        if "*" in keys:
            self._flights.divert_all()
            self.memory_cache.clear()
        else:
            self._flights.divert(*keys)
            self.memory_cache.delete(*keys)


class _Ears:
    """What the listener's thread does to a cache."""

    def __init__(self, cache: HybridCache) -> None:
        self._cache = cache

    def on_changed(self, keys: Sequence[str]) -> None:
        self._cache.forget_here(keys)

    def on_up(self, *, again: bool) -> bool:
        if again:  # whatever was changed meanwhile, nobody could tell us, or we them
            self._cache.redis_cache.doubt()
        settled = self._cache.redis_cache.settle()
        self._cache.forget_here(["*"])
        return settled

    def on_down(self) -> None:
        self._cache.forget_here(["*"])

    def on_tick(self) -> None:
        self._cache.redis_cache.settle()
