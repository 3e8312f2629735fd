"""Findings: a list that a broken log cannot make endless, and the first bad event among them."""

from __future__ import annotations

from typing import Generic, TypeVar

from traderbot.application.ports.audit import AuditFinding

T = TypeVar("T")
LISTED = 100


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


class Findings(Bounded[AuditFinding]):
    """What is wrong with a log; `first_bad` is the lowest index any of it is about."""

    def __init__(self) -> None:
        """Begin with a clean log."""
        super().__init__(LISTED)
        self.first_bad: int | None = None

    def add(self, thing: AuditFinding) -> None:
        """List it, or count it; its index counts in any case."""
        super().add(thing)
        if thing.index is not None and (self.first_bad is None or thing.index < self.first_bad):
            self.first_bad = max(0, thing.index)

    def tell(self, code: str, where: str, message: str, index: int | None = None) -> None:
        """Add a finding."""
        self.add(AuditFinding(code=code, where=where, message=message, index=index))


def short(value: object, limit: int = 80) -> str:
    """Return a value as text that fits a line; of a hash, the beginning."""
    if isinstance(value, bytes | bytearray | memoryview):
        text = bytes(value).hex()
        limit = _OF_A_HASH
    else:
        text = str(value)
    return text if len(text) <= limit else f"{text[:limit]}…"


_OF_A_HASH = 16
