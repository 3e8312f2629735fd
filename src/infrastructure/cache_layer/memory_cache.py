"""Values in this process: the least recently used give way, and none outlives its time."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from traderbot.application.ports.cache import CacheStatistics
from traderbot.infrastructure.cache_layer.categories import Lifetimes, category_of
from traderbot.infrastructure.cache_layer.flights import Flights
from traderbot.infrastructure.cache_layer.values import Copier, own_copy, weight_of

T = TypeVar("T")

MAX_ENTRIES: Final = 10_000
MAX_BYTES: Final = 64 * 1024 * 1024
MISSING: Final[Any] = object()
_MOST_CATEGORIES: Final = 100
_OVERHEAD: Final = 200  # of an entry, beside its key and value
_STRIPES: Final = 1024

# When it expires, the value, the counts of its category, how it is copied, its bytes.
_Entry = tuple[float, Any, list[int], Copier | None, int]


class MemoryCache:
    """`Cache` in memory, bounded by entries and by bytes, for many threads.

    A value too large to leave room for others, a quarter of the bytes, is not kept.
    """

    def __init__(
        self,
        max_entries: int = MAX_ENTRIES,
        max_bytes: int = MAX_BYTES,
        *,
        categories: Mapping[str, float] | None = None,
        lifetimes: Lifetimes | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin empty. `categories` are TTLs in seconds, by the part of a key before its colon.

        Raises:
            ValueError: a bound is below 1, or a TTL not above 0.
        """
        if max_entries < 1 or max_bytes < 1:
            msg = f"a cache holds at least one entry and one byte, not {max_entries}, {max_bytes}"
            raise ValueError(msg)
        self.lifetimes = lifetimes or Lifetimes(categories)
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._bytes = 0
        self._counts: dict[str, list[int]] = {}
        self._evictions = 0
        self._expirations = 0
        self._flights = Flights()
        # How often something was changed, for each part of the keys; see `mark`.
        self._marks = [0] * _STRIPES
        self._generation = 0

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - any value
        """Return the value, or `default`."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry[0] <= self._clock():
                self._missed(key, entry)
                return default
            self._entries.move_to_end(key)
            entry[2][0] += 1
        return entry[1] if entry[3] is None else entry[3](entry[1])

    async def get_async(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - any value
        """Return the value, or `default`; there is nothing to wait for."""
        return self.get(key, default)

    def set(self, key: str, value: Any, ttl: float | None = None) -> None:  # noqa: ANN401
        """Keep a value for `ttl` seconds; by default as long as its category says."""
        self._keep(key, value, self.lifetimes.of(key, ttl), None)

    async def set_async(self, key: str, value: Any, ttl: float | None = None) -> None:  # noqa: ANN401
        """Keep a value; there is nothing to wait for."""
        self.set(key, value, ttl)

    def delete(self, *keys: str) -> None:
        """Forget. No load that began before keeps what it found."""
        with self._lock:
            for key in keys:
                self._marks[hash(key) % _STRIPES] += 1
                self._drop(key)
        self._flights.divert(*keys)

    async def delete_async(self, *keys: str) -> None:
        """Forget; there is nothing to wait for."""
        self.delete(*keys)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._generation += 1
            self._entries.clear()
            self._bytes = 0
        self._flights.divert_all()

    def get_or_load(self, key: str, load: Callable[[], T], ttl: float | None = None) -> T:
        """Return the value; if there is none, that of `load`, which one caller calls for all."""
        found = self.get(key, MISSING)
        if found is not MISSING:
            return found  # type: ignore[no-any-return]

        def load_and_keep() -> T:
            mark = self.mark(key)
            found = self.peek(key)
            if found is not MISSING:  # somebody else was just done with it
                return found  # type: ignore[no-any-return]
            value = load()
            self._keep(key, value, self.lifetimes.of(key, ttl), mark)
            return value

        return self._flights.load(key, load_and_keep)

    async def get_or_load_async(
        self, key: str, load: Callable[[], Awaitable[T]], ttl: float | None = None
    ) -> T:
        """Do the same for coroutines."""
        found = self.get(key, MISSING)
        if found is not MISSING:
            return found  # type: ignore[no-any-return]

        async def load_and_keep() -> T:
            mark = self.mark(key)
            found = self.peek(key)
            if found is not MISSING:
                return found  # type: ignore[no-any-return]
            value = await load()
            self._keep(key, value, self.lifetimes.of(key, ttl), mark)
            return value

        return await self._flights.load_async(key, load_and_keep)

    def statistics(self) -> CacheStatistics:
        """Return what became of the questions."""
        with self._lock:
            return CacheStatistics(
                hits=sum(it[0] for it in self._counts.values()),
                misses=sum(it[1] for it in self._counts.values()),
                evictions=self._evictions,
                expirations=self._expirations,
                entries=len(self._entries),
                bytes=self._bytes,
                categories={name: (it[0], it[1]) for name, it in self._counts.items()},
            )

    def close(self) -> None:
        """Forget everything."""
        self.clear()

    def __len__(self) -> int:
        """Return how many values are kept, expired ones among them."""
        return len(self._entries)

    def peek(self, key: str) -> Any:  # noqa: ANN401 - any value, or MISSING
        """Return the value or MISSING; this counts as no question and as no use."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry[0] <= self._clock():
                return MISSING
        return entry[1] if entry[3] is None else entry[3](entry[1])

    # For whoever reads elsewhere and keeps it here -----------------------------------------------

    def mark(self, key: str) -> tuple[int, int]:
        """Return what `keep_if` compares: take it before you read what you want to keep."""
        return self._generation, self._marks[hash(key) % _STRIPES]

    def keep_if(self, key: str, value: Any, seconds: float, mark: tuple[int, int]) -> None:  # noqa: ANN401
        """Keep a value unless the key was changed or forgotten since the mark was taken."""
        self._keep(key, value, seconds, mark)

    def _keep(self, key: str, value: Any, seconds: float, mark: tuple[int, int] | None) -> None:  # noqa: ANN401
        kept, copier = own_copy(value)
        size = weight_of(kept) + len(key) + _OVERHEAD
        with self._lock:
            stripe = hash(key) % _STRIPES
            if mark is None:
                self._marks[stripe] += 1  # what is being loaded is older than this
            elif mark != (self._generation, self._marks[stripe]):
                return
            self._drop(key)
            if size * 4 > self._max_bytes:
                self._evictions += 1
                return
            expires = self._clock() + seconds
            self._entries[key] = (expires, kept, self._count_of(key), copier, size)
            self._bytes += size
            while self._bytes > self._max_bytes or len(self._entries) > self._max_entries:
                _, gone = self._entries.popitem(last=False)
                self._bytes -= gone[4]
                self._evictions += 1

    def _missed(self, key: str, entry: _Entry | None) -> None:
        self._count_of(key)[1] += 1
        if entry is not None:
            self._expirations += 1
            self._drop(key)

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry[4]

    def _count_of(self, key: str) -> list[int]:
        name = category_of(key)
        count = self._counts.get(name)
        if count is None:
            if len(self._counts) >= _MOST_CATEGORIES:  # whoever uses no categories gets no row each
                name = "default"
            count = self._counts.setdefault(name, [0, 0])
        return count
