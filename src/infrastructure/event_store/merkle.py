"""The Merkle tree hash of RFC 6962 §2.1, grown leaf by leaf: one hash that stands for a whole log.

Source:
    RFC 6962, "Certificate Transparency", §2.1 (the same tree as RFC 9162 §2.1.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, Self

EMPTY_ROOT: Final = sha256(b"").digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """A growing tree, of which only the roots of its complete subtrees are kept.

    They are as many as the size has binary digits, so a log of any length needs no more than that.
    `_peaks[n]` is the root of a complete subtree of 2**n leaves, None where the size has a zero;
    the largest subtree holds the oldest leaves.
    """

    __slots__ = ("_peaks", "_size")

    def __init__(self) -> None:
        """Begin with no leaf."""
        self._peaks: list[bytes | None] = []
        self._size = 0

    @classmethod
    def of(cls, size: int, peaks: Sequence[bytes]) -> Self:
        """Go on from a tree of `size` leaves.

        Raises:
            ValueError: `peaks` are not as many as the size has binary ones.
        """
        frontier = cls()
        frontier._size = size
        waiting = iter(reversed(peaks))
        digits = bin(size)[:1:-1] if size else ""
        if digits.count("1") != len(peaks):
            msg = f"a tree of {size} leaves has no {len(peaks)} complete subtrees"
            raise ValueError(msg)
        frontier._peaks = [next(waiting) if it == "1" else None for it in digits]
        return frontier

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return self._size

    @property
    def peaks(self) -> list[bytes]:
        """The roots of the complete subtrees, largest first."""
        return [peak for peak in reversed(self._peaks) if peak is not None]

    def extend(self, leaf_hashes: Sequence[bytes]) -> None:
        """Add leaf hashes, oldest first. Many at a time are cheaper than one by one."""
        self._size += len(leaf_hashes)
        row = list(leaf_hashes)
        level = 0
        while row:
            self._grown(level, row)
            if level == len(self._peaks):
                self._peaks.append(None)
            waiting = self._peaks[level]
            if waiting is not None:
                row.insert(0, waiting)
            self._peaks[level] = row[-1] if len(row) % 2 else None
            pairs = zip(row[::2], row[1::2], strict=False)  # the odd one waits in the peaks
            row = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
            level += 1

    def root(self) -> bytes:
        """Return the tree's hash; of an empty tree, SHA-256 of nothing."""
        root: bytes | None = None
        for peak in self._peaks:
            if peak is not None:
                root = peak if root is None else node_hash(peak, root)
        return EMPTY_ROOT if root is None else root

    def _grown(self, level: int, roots: Sequence[bytes]) -> None:
        """Hear of the roots of new complete subtrees of 2**level leaves, in their order."""
