"""Copies of answers, kept for a while. Never the record of anything: every one may be gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStatistics:
    """What became of the questions since the start. `bytes` is an estimate of what is kept."""

    hits: int = 0
    misses: int = 0
    evictions: int = 0  # gave way to others
    expirations: int = 0  # found too old
    errors: int = 0  # Redis did not do it, or held what cannot be read
    entries: int = 0
    bytes: int = 0
    categories: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # hits and misses

    @property
    def hit_rate(self) -> float:
        """Hits as a fraction of all questions; 0 before the first."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


class Cache(Protocol):
    """Values by key. The part of a key before its first colon is its category, with its own TTL.

    A value that is read is the reader's own: to change it changes nothing here.
    """

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - any value
        """Return the value, or `default`."""
        ...

    def set(self, key: str, value: Any, ttl: float | None = None) -> None:  # noqa: ANN401
        """Keep a value for `ttl` seconds; by default as long as its category says."""
        ...

    def delete(self, *keys: str) -> None:
        """Forget. No load that began before keeps what it found."""
        ...

    def clear(self) -> None:
        """Forget everything."""
        ...

    def get_or_load(self, key: str, load: Callable[[], T], ttl: float | None = None) -> T:
        """Return the value; if there is none, that of `load`, which one caller calls for all."""
        ...

    async def get_or_load_async(
        self, key: str, load: Callable[[], Awaitable[T]], ttl: float | None = None
    ) -> T:
        """Do the same without holding up the event loop."""
        ...

    def statistics(self) -> CacheStatistics:
        """Return what became of the questions."""
        ...

    def close(self) -> None:
        """Let go of what it holds. Asking twice is harmless."""
        ...
