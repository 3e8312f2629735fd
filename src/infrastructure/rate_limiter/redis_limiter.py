"""Counting in Redis, for every process that shares it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from hashlib import sha1
from typing import Any, Final

from redis import Redis
from redis.exceptions import NoScriptError

from traderbot.application.errors import ExternalError
from traderbot.application.ports.rate_limiter import Rate, Verdict
from traderbot.infrastructure.rate_limiter.policy import Policy
from traderbot.infrastructure.rate_limiter.scripts import SCRIPTS
from traderbot.infrastructure.redis_link.connections import BUDGET_SECONDS, TROUBLE, connect

PREFIX: Final = "traderbot:limit:"
_MICRO: Final = 1_000_000
_EXACT: Final = 2**53
_PARTS: Final = 4


class LimiterUnavailableError(ExternalError):
    """Redis did not count it. Whether it did all the same, nobody knows; do not ask again."""


class RedisLimiter:
    """`RateLimiter` on one script, called by its digest and loaded again when Redis forgot it.

    It fails when Redis does: `HybridLimiter` is the one that never does.

    Raises:
        ValueError: the URL is none, or the policy is too large for exact numbers in Lua.
    """

    def __init__(
        self,
        policy: Policy[Any],
        redis: Redis | str,
        *,
        prefix: str = PREFIX,
        scope: str = "",
        budget_seconds: float = BUDGET_SECONDS,
    ) -> None:
        """Count by `policy` in `redis`: a client, or a URL. Nothing is sent yet."""
        self.policy = policy
        if isinstance(redis, str):
            redis = connect(redis, budget_seconds=budget_seconds)
        self._redis = redis
        rate = policy.rate
        burst = int(getattr(policy, "burst", rate.amount))
        window = rate.seconds * _MICRO
        if burst * window >= _EXACT:
            msg = f"{rate} with a burst of {burst} cannot be counted exactly in Redis: make it less"
            raise ValueError(msg)
        self._script = SCRIPTS[policy.name]
        # Redis names scripts by this digest; nothing is protected by it.
        self._sha = sha1(self._script.encode(), usedforsecurity=False).hexdigest()
        self._terms = (rate.amount, window, burst)
        # Another rate counts anew: its numbers would mean nothing to the old ones.
        self._prefix = f"{prefix}{scope}:{policy.name}:{rate.amount}:{rate.seconds}:{burst}:"

    @property
    def rate(self) -> Rate:
        """How often is allowed."""
        return self.policy.rate

    def hit(self, key: str, cost: int = 1) -> Verdict:
        """Count it, if it is allowed. Raises LimiterUnavailableError."""
        return self.hit_all([(key, cost)])[0]

    async def hit_async(self, key: str, cost: int = 1) -> Verdict:
        """Do the same in a thread. Raises LimiterUnavailableError."""
        return await asyncio.to_thread(self.hit, key, cost)

    def hit_all(self, hits: Sequence[tuple[str, int]]) -> list[Verdict]:
        """Count several in one message. Raises LimiterUnavailableError."""
        try:
            return [_verdict(it) for it in self._evaluate(hits)]
        except TROUBLE as error:
            msg = f"Redis did not count: {type(error).__name__}"
            raise LimiterUnavailableError(msg) from error

    def give_back(self, key: str, cost: int = 1) -> None:
        """Undo the latest `cost` of a key. Raises LimiterUnavailableError."""
        self.hit_all([(key, -cost)])

    def get_remaining(self, key: str) -> int:
        """Return how often it may still be done now. Raises LimiterUnavailableError."""
        return self.hit_all([(key, 0)])[0].remaining

    def reset(self, key: str) -> None:
        """Forget what was counted under a key. Raises LimiterUnavailableError."""
        try:
            self._redis.delete(self._prefix + key)
        except TROUBLE as error:
            msg = f"Redis did not forget: {type(error).__name__}"
            raise LimiterUnavailableError(msg) from error

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def _evaluate(self, hits: Sequence[tuple[str, int]]) -> list[Any]:
        try:
            return self._send(hits)
        except NoScriptError:
            # Redis refused all of them, so none was counted.
            self._redis.script_load(self._script)
            return self._send(hits)

    def _send(self, hits: Sequence[tuple[str, int]]) -> list[Any]:
        if len(hits) == 1:
            key, cost = hits[0]
            return [self._redis.evalsha(self._sha, 1, self._prefix + key, cost, *self._terms)]
        with self._redis.pipeline(transaction=False) as pipe:
            for key, cost in hits:
                pipe.evalsha(self._sha, 1, self._prefix + key, cost, *self._terms)
            # A flush of the scripts between two of them would count some and not the others.
            answers = pipe.execute(raise_on_error=False)
        if all(isinstance(it, NoScriptError) for it in answers):
            raise answers[0]
        for it in answers:
            if isinstance(it, Exception):
                raise it
        return answers


def _verdict(answer: Any) -> Verdict:  # noqa: ANN401 - whatever Redis says
    if not isinstance(answer, list) or len(answer) != _PARTS:
        msg = "this is no answer of the script"
        raise TypeError(msg)
    allowed, remaining, retry, reset = (int(each) for each in answer)
    return Verdict(allowed == 1, max(0, remaining), retry * 1000, reset * 1000)
