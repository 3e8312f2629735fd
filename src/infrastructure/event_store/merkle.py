"""The Merkle tree hash of RFC 6962 §2.1, grown leaf by leaf: one hash that stands for a whole log.

Source:
    RFC 6962, "Certificate Transparency", §2.1 (the same tree as RFC 9162 §2.1.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

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

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return self._size

    def extend(self, leaf_hashes: Sequence[bytes]) -> None:
        """Add leaf hashes, oldest first. Many at a time are cheaper than one by one."""
        self._size += len(leaf_hashes)
        row = list(leaf_hashes)
        level = 0
        while row:
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
