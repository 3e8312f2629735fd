"""The Merkle tree hash as RFC 6962 §2.1 writes it down: recursive, slow, obvious."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256


def leaf(entry: bytes) -> bytes:
    """Return the hash of one entry."""
    return sha256(b"\x00" + entry).digest()


def tree_hash(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return MTH(D[n]): split at the largest power of two below n, and hash both halves."""
    if not leaf_hashes:
        return sha256(b"").digest()
    if len(leaf_hashes) == 1:
        return leaf_hashes[0]
    half = 1
    while half * 2 < len(leaf_hashes):
        half *= 2
    left, right = tree_hash(leaf_hashes[:half]), tree_hash(leaf_hashes[half:])
    return sha256(b"\x01" + left + right).digest()
