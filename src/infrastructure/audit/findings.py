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


def short(value: object, limit: int = 80) -> str:
    """Return a value as text that fits a line; of a hash, the beginning."""
    if isinstance(value, bytes | bytearray | memoryview):
        text = bytes(value).hex()
        limit = _OF_A_HASH
    else:
        text = str(value)
    return text if len(text) <= limit else f"{text[:limit]}…"


_OF_A_HASH = 16
