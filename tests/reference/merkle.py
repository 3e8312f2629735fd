"""The Merkle tree and its proofs as RFC 6962 §2.1 writes them down: recursive, slow, obvious."""

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
    half = _half(len(leaf_hashes))
    left, right = tree_hash(leaf_hashes[:half]), tree_hash(leaf_hashes[half:])
    return sha256(b"\x01" + left + right).digest()


def inclusion_path(index: int, leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """Return PATH(m, D[n]) of RFC 6962 §2.1.1."""
    if len(leaf_hashes) == 1:
        return []
    half = _half(len(leaf_hashes))
    left, right = leaf_hashes[:half], leaf_hashes[half:]
    if index < half:
        return [*inclusion_path(index, left), tree_hash(right)]
    return [*inclusion_path(index - half, right), tree_hash(left)]


def consistency_path(first: int, leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """Return PROOF(m, D[n]) of RFC 6962 §2.1.2, for 0 < m < n."""
    return _subproof(first, leaf_hashes, is_whole=True)


def _subproof(first: int, leaf_hashes: Sequence[bytes], *, is_whole: bool) -> list[bytes]:
    if first == len(leaf_hashes):
        return [] if is_whole else [tree_hash(leaf_hashes)]
    half = _half(len(leaf_hashes))
    left, right = leaf_hashes[:half], leaf_hashes[half:]
    if first <= half:
        return [*_subproof(first, left, is_whole=is_whole), tree_hash(right)]
    return [*_subproof(first - half, right, is_whole=False), tree_hash(left)]


def _half(size: int) -> int:
    half = 1
    while half * 2 < size:
        half *= 2
    return half
