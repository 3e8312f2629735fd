"""Values in Redis, shared by processes. Redis gone, hung, slow or full is a miss, no failure."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import sha1
from typing import Any, Final, NamedTuple, TypeVar

from redis import Redis
from redis.exceptions import NoScriptError, RedisError

from traderbot.application.ports.cache import CacheStatistics
from traderbot.infrastructure.cache_layer.categories import Lifetimes
from traderbot.infrastructure.cache_layer.envelope import COMPRESS_ABOVE, decode, encode
from traderbot.infrastructure.cache_layer.errors import UnreadableValueError
from traderbot.infrastructure.cache_layer.flights import Flights
from traderbot.infrastructure.cache_layer.memory_cache import MISSING
from traderbot.infrastructure.cache_layer.redis_scripts import BEGIN, DROP, FILL, WRITE
from traderbot.infrastructure.redis_link.breaker import Breaker
from traderbot.infrastructure.redis_link.connections import BUDGET_SECONDS, TROUBLE, connect

_log = logging.getLogger(__name__)

T = TypeVar("T")

NAMESPACE: Final = "traderbot"
STATISTICS: Final = "cache:stats:"
_ALERT_SECONDS: Final = 60.0
_NOTE_SECONDS: Final = 60.0  # a load that takes longer keeps nothing
_TRIES: Final = 3


class Gap(NamedTuple):
    """Nothing was found: what `fill` needs to know of that moment."""

    epoch: bytes
    note: bytes
    at: float


class RedisCache:
    """`Cache` in Redis.

    Calls give up after 100 ms, are not repeated, and stop for two seconds after three failures in
    a row. A change that Redis may have missed makes every value there doubtful: nothing is read
    until a new epoch has begun, which forgets them all.
    """

    def __init__(
        self,
        url: str,
        *,
        namespace: str = NAMESPACE,
        categories: Mapping[str, float] | None = None,
        lifetimes: Lifetimes | None = None,
        compress_above: int = COMPRESS_ABOVE,
        breaker: Breaker | None = None,
        budget_seconds: float = BUDGET_SECONDS,
    ) -> None:
        """Use the Redis of `url`; nothing is sent yet.

        Raises:
            ValueError: the URL is none of redis://, rediss:// and unix://, or a TTL is not above 0.
        """
        self.url = url
        self.lifetimes = lifetimes or Lifetimes(categories)
        self.breaker = breaker or Breaker()
        self.sender = secrets.token_hex(8).encode()  # so that nobody heeds their own messages
        # In braces, so that a cluster keeps all of them in one place, as the scripts need it.
        self._prefix = f"{{{namespace}:cache}}:".encode()
        self.channel = self._prefix + b"changes"
        self._epoch_key = self._prefix + b"epoch"
        self._compress_above = compress_above
        self._redis: Redis = connect(url, budget_seconds=budget_seconds)
        self._epoch: bytes | None = None
        self._doubts = 0  # how many changes Redis may have missed
        self._settled = 0  # how many of them a new epoch has made up for
        self._scripts = {
            it: sha1(it.encode(), usedforsecurity=False).hexdigest()
            for it in (FILL, WRITE, DROP, BEGIN)
        }
        self._flights = Flights()
        self._counting = threading.Lock()
        self._settling = threading.Lock()
        self._hits = self._misses = self._errors = 0
        self._alerted = float("-inf")

    # What everybody uses -------------------------------------------------------------------------

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - any value
        """Return the value, or `default`.

        `cache:stats:hits`, and so `misses`, `errors` and `hit_rate`, are this cache's own figures.
        """
        if key.startswith(STATISTICS):
            return getattr(self.statistics(), key.removeprefix(STATISTICS), default)
        found, _, _ = self.find(key)
        return default if found is MISSING else found

    async def get_async(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - any value
        """Return the value, or `default`, without holding up the event loop."""
        return await asyncio.to_thread(self.get, key, default)

    def set(self, key: str, value: Any, ttl: float | None = None) -> None:  # noqa: ANN401
        """Keep a value for `ttl` seconds; by default as long as its category says.

        Raises:
            UncacheableValueError: the value is of a kind that cannot be written.
        """
        raw = encode(value, compress_above=self._compress_above)
        self._flights.divert(key)
        self.write(key, raw, self.lifetimes.of(key, ttl))

    async def set_async(self, key: str, value: Any, ttl: float | None = None) -> None:  # noqa: ANN401
        """Keep a value without holding up the event loop."""
        await asyncio.to_thread(self.set, key, value, ttl)

    def delete(self, *keys: str) -> None:
        """Forget. No load that began before keeps what it found."""
        self._flights.divert(*keys)
        self.drop(keys)

    async def delete_async(self, *keys: str) -> None:
        """Forget without holding up the event loop."""
        await asyncio.to_thread(self.delete, *keys)

    def clear(self) -> None:
        """Forget everything, for every process."""
        self._flights.divert_all()
        self.doubt()
        self.settle()

    def get_or_load(self, key: str, load: Callable[[], T], ttl: float | None = None) -> T:
        """Return the value; if there is none, that of `load`, which one caller calls for all.

        Raises:
            UncacheableValueError: what was loaded is of a kind that cannot be written.
        """
        found, _, gap = self.find(key)
        if found is not MISSING:
            return found  # type: ignore[no-any-return]

        def load_and_keep() -> T:
            value = load()
            self.fill(key, value, self.lifetimes.of(key, ttl), gap)
            return value

        return self._flights.load(key, load_and_keep)

    async def get_or_load_async(
        self, key: str, load: Callable[[], Awaitable[T]], ttl: float | None = None
    ) -> T:
        """Do the same without holding up the event loop."""
        found, _, gap = await asyncio.to_thread(self.find, key)
        if found is not MISSING:
            return found  # type: ignore[no-any-return]

        async def load_and_keep() -> T:
            value = await load()
            seconds = self.lifetimes.of(key, ttl)
            await asyncio.to_thread(self.fill, key, value, seconds, gap)
            return value

        return await self._flights.load_async(key, load_and_keep)

    def statistics(self) -> CacheStatistics:
        """Return what became of the questions of this process; what is kept, only Redis knows."""
        return CacheStatistics(hits=self._hits, misses=self._misses, errors=self._errors)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    # For a cache in front of this one ------------------------------------------------------------

    @property
    def is_trusted(self) -> bool:
        """Whether Redis answers, and has missed no change."""
        return not self.breaker.is_open and self._doubts == self._settled

    def find(self, key: str) -> tuple[Any, float, Gap | None]:
        """Return the value and for how many seconds it is kept still.

        Or MISSING, 0, and what `fill` needs; that is None if Redis cannot be asked.
        """
        answer = self._try(lambda: self._read(key)) if self._ready() else None
        if answer is None:
            self._count(hit=False)
            return MISSING, 0.0, None
        raw, left, gap = answer
        if raw is not None and left > 0:
            try:
                value = decode(raw)
            except UnreadableValueError as error:
                self._note_trouble(error)
            else:
                self._count(hit=True)
                return value, left / 1000, None
        self._count(hit=False)
        return MISSING, 0.0, gap

    def fill(self, key: str, value: Any, seconds: float, gap: Gap | None) -> None:  # noqa: ANN401
        """Keep what was loaded, unless the key was changed since the gap was found.

        Raises:
            UncacheableValueError: the value is of a kind that cannot be written.
        """
        raw = encode(value, compress_above=self._compress_above)
        if gap is None or time.monotonic() - gap.at > _NOTE_SECONDS / 2 or not self._ready():
            return
        keys = (self._epoch_key, *self._names(gap.epoch, key))
        self._try(lambda: self._run(FILL, keys, gap.epoch, raw, _milliseconds(seconds), gap.note))

    def write(self, key: str, raw: bytes, seconds: float) -> None:
        """Replace the value of a key, here and in what other processes hold in memory."""
        note = secrets.token_hex(8)
        self._change(
            WRITE,
            lambda epoch: self._names(epoch, key),
            raw,
            _milliseconds(seconds),
            note,
            _milliseconds(_NOTE_SECONDS),
            self.channel,
            self._message(key),
        )

    def drop(self, keys: Sequence[str]) -> None:
        """Forget keys, here and in what other processes hold in memory."""
        if keys:
            self._change(
                DROP,
                lambda epoch: tuple(it for key in keys for it in self._names(epoch, key)),
                secrets.token_hex(8),
                _milliseconds(_NOTE_SECONDS),
                self.channel,
                self._message(*keys),
            )

    def doubt(self) -> None:
        """Trust no value until a new epoch has begun: a change may have been missed."""
        with self._counting:
            self._doubts += 1

    def settle(self) -> bool:
        """Begin the new epoch that is owed, if one is; tell whether none is owed any more."""
        if self._doubts == self._settled:
            return True
        if not self._settling.acquire(blocking=False):
            return False  # somebody else is about to; nobody waits for them
        try:
            doubts = self._doubts
            if doubts == self._settled:
                return True
            epoch, message = secrets.token_hex(8).encode(), self._message("*")
            begun = self.breaker.allows() and self._try(
                lambda: self._run(BEGIN, (self._epoch_key,), epoch, self.channel, message)
            )
            if not begun:
                return False
            self._epoch = epoch
            self._settled = doubts
            return True
        finally:
            self._settling.release()

    # Inside --------------------------------------------------------------------------------------

    def _ready(self) -> bool:
        return self.settle() and self.breaker.allows()

    def _change(
        self, script: str, names: Callable[[bytes], Sequence[bytes]], *rest: bytes | str | int
    ) -> None:
        done = self._try(lambda: self._changed(script, names, rest)) if self._ready() else None
        if done is None:
            self.doubt()

    def _changed(
        self,
        script: str,
        names: Callable[[bytes], Sequence[bytes]],
        rest: Sequence[bytes | str | int],
    ) -> bool:
        epoch = self._epoch or self._learnt()
        for _ in range(_TRIES):
            answer = self._run(script, (self._epoch_key, *names(epoch)), epoch, *rest)
            if isinstance(answer, int):
                if answer == 0:  # only WRITE says so: Redis is full, and the value is gone
                    self._note_trouble(RedisError("Redis is full, or refuses to write"))
                return True
            epoch = self._epoch = answer or self._learnt()
        msg = "the epoch changes faster than it can be read"
        raise RedisError(msg)

    def _count(self, *, hit: bool) -> None:
        with self._counting:
            if hit:
                self._hits += 1
            else:
                self._misses += 1

    def _read(self, key: str) -> tuple[bytes | None, int, Gap]:
        epoch = self._epoch or self._learnt()
        for _ in range(_TRIES):
            at = time.monotonic()
            value, note = self._names(epoch, key)
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.mget(self._epoch_key, value, note)
                pipe.pttl(value)
                (present, raw, seen), left = pipe.execute()
            if present == epoch:
                return raw, left, Gap(epoch, seen or b"", at)
            epoch = self._epoch = present or self._learnt()
        msg = "the epoch changes faster than it can be read"
        raise RedisError(msg)

    def _learnt(self) -> bytes:
        """Return the present epoch, and begin one if there is none."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.set(self._epoch_key, secrets.token_hex(8), nx=True)
            pipe.get(self._epoch_key)
            _, epoch = pipe.execute()
        if not isinstance(epoch, bytes):
            msg = "Redis keeps no epoch"
            raise RedisError(msg)
        self._epoch = epoch
        return epoch

    def _run(self, script: str, keys: Sequence[bytes], *arguments: bytes | str | int) -> Any:  # noqa: ANN401
        sha = self._scripts[script]
        try:
            return self._redis.evalsha(sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return self._redis.eval(script, len(keys), *keys, *arguments)

    def _try(self, call: Callable[[], T]) -> T | None:
        try:
            answer = call()
        except TROUBLE as error:
            self.breaker.failed()
            self._note_trouble(error)
            return None
        self.breaker.succeeded()
        return answer

    def _note_trouble(self, error: Exception) -> None:
        self._errors += 1
        now = time.monotonic()
        if now - self._alerted >= _ALERT_SECONDS:
            self._alerted = now
            _log.warning("the cache goes on without Redis: %s", type(error).__name__)

    def _names(self, epoch: bytes, key: str) -> tuple[bytes, bytes]:
        named = epoch + b":" + key.encode("utf-8", "surrogatepass")
        return self._prefix + b"v:" + named, self._prefix + b"n:" + named

    def _message(self, *keys: str) -> bytes:
        return b"\n".join([self.sender, *(it.encode("utf-8", "surrogatepass") for it in keys)])


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))
