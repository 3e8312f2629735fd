"""The cache of this process, for programs that want one without building it."""

from __future__ import annotations

import threading

from traderbot.application.ports.cache import Cache
from traderbot.infrastructure.cache_layer.memory_cache import MemoryCache

_lock = threading.Lock()
_shared: Cache | None = None


def get_cache() -> Cache:
    """Return the cache of this process; until it is given one, one in memory."""
    global _shared  # noqa: PLW0603 - one for the process is what is asked for
    with _lock:
        if _shared is None:
            _shared = MemoryCache()
        return _shared


def set_cache(cache: Cache | None) -> None:
    """Make another one the cache of this process; None forgets it. Nothing is closed."""
    global _shared  # noqa: PLW0603 - as above
    with _lock:
        _shared = cache
