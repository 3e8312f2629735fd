"""Limits: pure arithmetic, counted in memory, in Redis, or in both.

This package re-exports its names, because `from traderbot.infrastructure.rate_limiter import ...`
is what users write. What needs Redis's or slowapi's library is loaded when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from traderbot.application.ports.rate_limiter import Rate, RateLimiter, Verdict
from traderbot.infrastructure.rate_limiter.memory_limiter import MemoryLimiter
from traderbot.infrastructure.rate_limiter.shared_limiter import get_rate_limiter, set_rate_limiter
from traderbot.infrastructure.rate_limiter.sliding_window import SlidingWindow
from traderbot.infrastructure.rate_limiter.token_bucket import TokenBucket

if TYPE_CHECKING:
    from traderbot.infrastructure.rate_limiter.hybrid_limiter import HybridLimiter
    from traderbot.infrastructure.rate_limiter.redis_limiter import RedisLimiter

__all__ = [
    "HybridLimiter",
    "MemoryLimiter",
    "Rate",
    "RateLimiter",
    "RedisLimiter",
    "SlidingWindow",
    "TokenBucket",
    "Verdict",
    "get_rate_limiter",
    "set_rate_limiter",
]

_LATER: Final = {"HybridLimiter": "hybrid_limiter", "RedisLimiter": "redis_limiter"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever has that name
    if name in _LATER:
        return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
