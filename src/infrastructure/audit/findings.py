"""A list that a broken log cannot make endless."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Bounded(Generic[T]):
    """The first `limit` things; those beyond are only counted."""

    def __init__(self, limit: int) -> None:
        """Begin empty."""
        self.listed: list[T] = []
        self.unlisted = 0
        self._limit = limit

    def add(self, thing: T) -> None:
        """List it, or count it."""
        if len(self.listed) < self._limit:
            self.listed.append(thing)
        else:
            self.unlisted += 1


def short(value: object) -> str:
    """Return a value as text that fits a line; of hashes, the beginning."""
    text = bytes(value).hex() if isinstance(value, bytes | memoryview) else str(value)
    return text if len(text) <= _LONG else f"{text[:_KEPT]}…"


_LONG = 64
_KEPT = 16
