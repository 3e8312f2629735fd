"""Copies of answers: in memory, in Redis, or in both.

This package re-exports its names, because `from traderbot.infrastructure.cache_layer import ...`
is what users write. What needs Redis's or msgspec's library is loaded when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from traderbot.application.ports.cache import Cache, CacheStatistics
from traderbot.infrastructure.cache_layer.errors import UncacheableValueError
from traderbot.infrastructure.cache_layer.memory_cache import MemoryCache
from traderbot.infrastructure.cache_layer.shared_cache import get_cache, set_cache

if TYPE_CHECKING:
    from traderbot.infrastructure.cache_layer.cached_functions import cached
    from traderbot.infrastructure.cache_layer.hybrid_cache import HybridCache
    from traderbot.infrastructure.cache_layer.redis_cache import RedisCache

__all__ = [
    "Cache",
    "CacheStatistics",
    "HybridCache",
    "MemoryCache",
    "RedisCache",
    "UncacheableValueError",
    "cached",
    "get_cache",
    "set_cache",
]

_LATER: Final = {
    "HybridCache": "hybrid_cache",
    "RedisCache": "redis_cache",
    "cached": "cached_functions",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever has that name
    if name in _LATER:
        return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
