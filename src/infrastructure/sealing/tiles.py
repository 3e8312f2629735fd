"""The Merkle tree of a log, kept as tiles: rows of 256 hashes, from which every proof is read.

Tile n of level L holds the roots of complete subtrees of 256**L leaves, from the (256 * n)th on;
level 0 holds leaf hashes. Only the last tile of a level may be shorter than 256 hashes, and
nothing of a tile changes but its length.

Source:
    RFC 6962, "Certificate Transparency", §2.1; RFC 9162, §2.1.3 and §2.1.4 (verification);
    C2SP tlog-tiles, https://c2sp.org/tlog-tiles (layout and paths).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.infrastructure.event_store.merkle import EMPTY_ROOT, Frontier, node_hash

TILE_WIDTH: Final = 256
TILE_HEIGHT: Final = 8  # 2**8 is the width
HASH_BYTES: Final = 32
_TILE_BYTES: Final = TILE_WIDTH * HASH_BYTES
_REMEMBERED: Final = 256  # tiles; 2 MiB


class TreeDamagedError(CorruptHistoryError):
    """A tile is missing, or shorter than the log's size says."""

    code: ClassVar[str] = "TREE_DAMAGED"

    def __init__(self, level: int, tile: int, *, found: int, needed: int) -> None:
        super().__init__(
            f"tile {tile} of level {level} holds {found} hashes, and {needed} are needed"
        )
        self.level = level
        self.tile = tile


class Tree:
    """The tree of a log's first leaves, read from tiles.

    Tiles are remembered, so a tree is for one question or a few; a tile that was too short is
    read again.
    """

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        """Read tiles with `read(level, tile)`: its hashes one after another, or nothing."""
        self._read = read
        self._tiles: dict[tuple[int, int], bytes] = {}

    def leaf(self, index: int) -> bytes:
        """Return the hash of a leaf.

        Raises:
            TreeDamagedError: it is not there.
        """
        return self._hashes(0, index, 1)[0]

    def root(self, size: int) -> bytes:
        """Return the hash of the tree of the first `size` leaves.

        Raises:
            TreeDamagedError: not all of it is there.
        """
        return self._range(0, size) if size else EMPTY_ROOT

    def peaks(self, size: int) -> list[bytes]:
        """Return the roots of the complete subtrees of `size` leaves, the oldest first.

        Raises:
            TreeDamagedError: not all of it is there.
        """
        found, start = [], 0
        for height in reversed(range(size.bit_length())):
            if size >> height & 1:
                found.append(self._range(start, start + (1 << height)))
                start += 1 << height
        return found

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """Return the hashes that lead from leaf `index` to the root of `size` leaves.

        Raises:
            ValueError: there is no such leaf among the first `size`.
            TreeDamagedError: not all of it is there.
        """
        if not 0 <= index < size:
            msg = f"there is no leaf {index} among {size}"
            raise ValueError(msg)
        start, end = 0, size
        proof = []
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                proof.append(self._range(middle, end))
                end = middle
            else:
                proof.append(self._range(start, middle))
                start = middle
        return proof[::-1]

    def consistency_proof(self, first: int, second: int) -> list[bytes]:
        """Return the hashes that prove that the first `first` of `second` leaves are the same.

        It is empty if either tree is, or if they are of one size.

        Raises:
            ValueError: the sizes are not in order.
            TreeDamagedError: not all of it is there.
        """
        if not 0 <= first <= second:
            msg = f"a log of {first} leaves does not grow to {second}"
            raise ValueError(msg)
        if first in {0, second}:
            return []
        start, end = 0, second
        proof = []
        while end != first:
            middle = start + _split(end - start)
            if first <= middle:
                proof.append(self._range(middle, end))
                end = middle
            else:
                proof.append(self._range(start, middle))
                start = middle
        if start:  # else the verifier has this hash already: it is the first root
            proof.append(self._range(start, end))
        return proof[::-1]

    def _range(self, start: int, end: int) -> bytes:
        """Return the hash over leaves; `start` is where a subtree of that size may begin."""
        width = end - start
        height = width.bit_length() - 1
        if width == 1 << height:
            level, inside = divmod(height, TILE_HEIGHT)
            return _folded(self._hashes(level, start >> (level * TILE_HEIGHT), 1 << inside))
        middle = start + _split(width)
        return node_hash(self._range(start, middle), self._range(middle, end))

    def _hashes(self, level: int, index: int, count: int) -> list[bytes]:
        """Return hashes of one level that lie in one tile."""
        number, first = divmod(index, TILE_WIDTH)
        needed = (first + count) * HASH_BYTES
        tile = self._tiles.get((level, number), b"")
        if len(tile) < needed:
            tile = self._read(level, number)
            if len(tile) < needed:
                raise TreeDamagedError(
                    level, number, found=len(tile) // HASH_BYTES, needed=first + count
                )
            if len(self._tiles) >= _REMEMBERED:
                self._tiles.clear()
            self._tiles[level, number] = tile
        return hashes_of(tile[first * HASH_BYTES : needed])


class GrowingTree(Frontier):
    """A tree to which leaves are added, and which tells the tiles that are new with them."""

    __slots__ = ("_new",)

    def __init__(self) -> None:
        """Begin with no leaf."""
        super().__init__()
        self._new: list[list[bytes]] = []  # by level of tiles: what was added to it

    def new_tiles(
        self, before: int, read: Callable[[int, int], bytes]
    ) -> dict[tuple[int, int], bytes]:
        """Return the tiles, by (level, tile), that are new or longer than they were.

        Args:
            before: how many leaves there were when it began to grow.
            read: as for `Tree`; asked for the last tile of each level that is longer now.

        Raises:
            TreeDamagedError: a tile to go on from is not there in full.
        """
        changed = {}
        for level, hashes in enumerate(self._new):
            number, width = divmod(before >> (level * TILE_HEIGHT), TILE_WIDTH)
            row = b"".join(hashes)
            if width:
                begun = read(level, number)[: width * HASH_BYTES]
                if len(begun) < width * HASH_BYTES:
                    found = len(begun) // HASH_BYTES
                    raise TreeDamagedError(level, number, found=found, needed=width)
                row = begun + row
            for at in range(0, len(row), _TILE_BYTES):
                changed[level, number] = row[at : at + _TILE_BYTES]
                number += 1
        return changed

    def _grown(self, level: int, roots: Sequence[bytes]) -> None:
        tiles, inside = divmod(level, TILE_HEIGHT)
        if inside == 0:
            if tiles == len(self._new):
                self._new.append([])
            self._new[tiles] += roots


def grown(
    read: Callable[[int, int], bytes], size: int, leaf_hashes: Sequence[bytes]
) -> dict[tuple[int, int], bytes]:
    """Return the tiles, by (level, tile), that are new or longer once leaves are added.

    Args:
        read: as for `Tree`; asked for the last tile of each level that changes.
        size: how many leaves there are already.
        leaf_hashes: what comes after them, oldest first.

    Raises:
        TreeDamagedError: a tile to go on from is not there in full.
    """
    tree = GrowingTree.of(size, Tree(read).peaks(size))
    tree.extend(leaf_hashes)
    return tree.new_tiles(size, read)


def verify_inclusion(
    leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Tell whether `proof` leads from a leaf to the root of a log of `size` leaves.

    Source:
        RFC 9162, §2.1.3.2.
    """
    sides = _sides(index, size - 1, len(proof)) if 0 <= index < size else None
    if sides is None:
        return False
    found = leaf_hash
    for each, is_left in zip(proof, sides, strict=True):
        found = node_hash(each, found) if is_left else node_hash(found, each)
    return found == root


def verify_consistency(
    first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes
) -> bool:
    """Tell whether `proof` shows that a log of `second` leaves begins with one of `first`.

    Source:
        RFC 9162, §2.1.4.2. A log of no leaves is the beginning of each, which needs no proof.
    """
    if not 0 < first < second:
        before = EMPTY_ROOT if first == 0 else second_root
        return 0 <= first <= second and not proof and first_root == before
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    sides = _sides(node, last, len(path) - 1)
    if sides is None:
        return False
    old = new = path[0]
    for each, is_left in zip(path[1:], sides, strict=True):
        if is_left:
            old, new = node_hash(each, old), node_hash(each, new)
        else:
            new = node_hash(new, each)
    return old == first_root and new == second_root


def tile_path(level: int, tile: int, width: int = TILE_WIDTH) -> str:
    """Return where a tile lies below a log's address, such as `tile/0/x001/234.p/5`.

    Raises:
        ValueError: a tile has 1 to 256 hashes.
    """
    return f"tile/{level}/{_number_path(tile, width)}"


def entries_path(tile: int, width: int = TILE_WIDTH) -> str:
    """Return where the bodies of a tile's leaves lie, such as `tile/entries/x001/234.p/5`.

    Raises:
        ValueError: a tile has 1 to 256 entries.
    """
    return f"tile/entries/{_number_path(tile, width)}"


def tile_widths(size: int) -> list[tuple[int, int, int]]:
    """Return (level, full tiles, hashes in the one after them) for a log of `size` leaves."""
    found = []
    level = 0
    while size:
        found.append((level, size // TILE_WIDTH, size % TILE_WIDTH))
        size //= TILE_WIDTH
        level += 1
    return found


def hashes_of(tile: bytes) -> list[bytes]:
    """Return the hashes of a tile one by one."""
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def tile_root(tile: bytes) -> bytes:
    """Return the root of a full tile: the hash that stands for it one level higher."""
    return _folded(hashes_of(tile))


def _sides(node: int, last: int, count: int) -> list[bool] | None:
    """Return of each hash of a proof whether it stands on the left; None if it is not `count` long.

    `node` is where the proof begins in its row, `last` the number of the last one there.
    """
    sides = []
    for _ in range(count):
        if last == 0:
            return None
        is_left = node & 1 == 1 or node == last
        sides.append(is_left)
        while is_left and node and not node & 1:
            node, last = node >> 1, last >> 1
        node, last = node >> 1, last >> 1
    return sides if last == 0 else None


def _split(width: int) -> int:
    """Return the largest power of two below `width`, which is at least 2."""
    return 1 << ((width - 1).bit_length() - 1)


def _folded(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        hashes = [node_hash(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def _number_path(tile: int, width: int) -> str:
    if not 0 < width <= TILE_WIDTH:
        msg = f"a tile has 1 to {TILE_WIDTH} hashes, not {width}"
        raise ValueError(msg)
    path = f"{tile % 1000:03}"
    while tile := tile // 1000:
        path = f"x{tile % 1000:03}/{path}"
    return path if width == TILE_WIDTH else f"{path}.p/{width}"
