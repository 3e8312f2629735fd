"""One object for each text: most amounts and names of a log stand in it many times over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

V = TypeVar("V")


class Interned(dict[str, V]):
    """Immutable values by the text they were made from; a text that is not there yet is read.

    Looking up costs a tenth of reading, and the states of a large log share their values. When it
    holds `limit` values it forgets all of them: that needs no order, and a log that never repeats
    itself pays little for it.
    """

    __slots__ = ("_limit", "_read")

    def __init__(self, read: Callable[[str], V], limit: int = 16_384) -> None:
        """Read unknown texts with `read`; what it raises goes to whoever asked."""
        super().__init__()
        self._read = read
        self._limit = limit

    def __missing__(self, text: str) -> V:
        value = self._read(text)
        if len(self) >= self._limit:
            self.clear()
        self[text] = value
        return value
