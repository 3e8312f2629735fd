"""The limiters of the API, as the settings want them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from traderbot.application.ports.rate_limiter import LimitGroup, Rate, RateLimiter
from traderbot.infrastructure.rate_limiter.memory_limiter import MemoryLimiter
from traderbot.infrastructure.rate_limiter.policy import Policy
from traderbot.infrastructure.rate_limiter.sliding_window import SlidingWindow
from traderbot.infrastructure.rate_limiter.token_bucket import TokenBucket
from traderbot.infrastructure.settings_sections import LimitsSettings, RedisSettings

# A bucket gives back the first of its tokens soonest: whoever must stop something waits least.
_ALWAYS_BUCKETS: Final = frozenset({LimitGroup.CANCEL, LimitGroup.HALT})


def edge_limiters(
    settings: LimitsSettings, redis: RedisSettings
) -> Mapping[LimitGroup, RateLimiter]:
    """Return a limiter for each group: in memory, and in Redis too if there is one.

    Nothing is sent to Redis yet, so it does not matter whether it is there.
    """
    rates = {
        LimitGroup.API: settings.api,
        LimitGroup.TRADING: settings.trading,
        LimitGroup.RISK: settings.risk,
        LimitGroup.LOGIN: settings.login,
        LimitGroup.REGISTER: settings.login,
        LimitGroup.CANCEL: settings.cancel,
        LimitGroup.HALT: settings.halt,
    }
    return {
        group: _limiter(_policy(group, Rate.parse(text), settings.strategy), group, redis)
        for group, text in rates.items()
    }


def _policy(group: LimitGroup, rate: Rate, strategy: str) -> Policy[Any]:
    if group in _ALWAYS_BUCKETS or strategy == "token-bucket":
        return TokenBucket(rate.amount, rate.seconds)
    return SlidingWindow(rate.amount, rate.seconds)


def _limiter(policy: Policy[Any], group: LimitGroup, redis: RedisSettings) -> RateLimiter:
    if redis.url is None:
        memory: MemoryLimiter[Any] = MemoryLimiter(policy)
        return memory
    # Loaded here, because most programs have no Redis.
    from traderbot.infrastructure.rate_limiter.hybrid_limiter import (  # noqa: PLC0415
        HybridLimiter,
    )

    return HybridLimiter.of(
        policy,
        redis.url.get_secret_value(),
        scope=group.value,
        budget_seconds=redis.budget_milliseconds / 1000,
    )
