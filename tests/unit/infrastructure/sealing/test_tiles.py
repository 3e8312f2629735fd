"""Roots and proofs read from tiles: by the definition, by another library, at every border."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree  # type: ignore[import-untyped]

from tests.reference.merkle import consistency_path, inclusion_path, leaf, tree_hash
from traderbot.infrastructure.event_store.merkle import EMPTY_ROOT, Frontier
from traderbot.infrastructure.sealing.tiles import (
    HASH_BYTES,
    TILE_WIDTH,
    Tree,
    TreeDamagedError,
    entries_path,
    grown,
    hashes_of,
    tile_path,
    tile_root,
    tile_widths,
    verify_consistency,
    verify_inclusion,
)

MOST = 700  # past two borders of tiles
BORDERS = (1, 2, 3, 255, 256, 257, 511, 512, 513)
FAR_BORDERS = (65_535, 65_536, 65_537)

Tiles = Mapping[tuple[int, int], bytes]

sizes = st.integers(min_value=1, max_value=MOST) | st.sampled_from(BORDERS)


@cache
def leaves(count: int) -> tuple[bytes, ...]:
    return tuple(leaf(str(n).encode()) for n in range(count))


@cache
def tiles(size: int) -> Tiles:
    return grown(lambda _level, _tile: b"", 0, leaves(size))


@cache
def oracle(size: int) -> InmemoryTree:
    other = InmemoryTree(algorithm="sha256")
    for number in range(size):
        other.append_entry(str(number).encode())
    return other


def tree(size: int) -> Tree:
    return over(tiles(size))


def over(stored: Tiles) -> Tree:
    return Tree(lambda level, tile: stored.get((level, tile), b""))


def grown_in(parts: list[int]) -> dict[tuple[int, int], bytes]:
    stored: dict[tuple[int, int], bytes] = {}

    def read(level: int, tile: int) -> bytes:
        return stored[level, tile]

    size = 0
    for part in parts:
        more = leaves(size + part)[size:]
        stored |= grown(read, size, more)
        size += part
    return stored


@given(size=sizes)
def test_the_root_is_that_of_the_definition_and_of_another_library(size: int) -> None:
    assert tree(size).root(size) == tree_hash(leaves(size)) == oracle(MOST).get_root(size)


def test_an_empty_log_has_the_hash_of_nothing() -> None:
    assert tree(0).root(0) == EMPTY_ROOT == sha256(b"").digest()
    assert tree(0).peaks(0) == []


@given(size=sizes, smaller=st.data())
def test_a_longer_log_still_tells_what_it_was(size: int, smaller: st.DataObject) -> None:
    before = smaller.draw(st.integers(min_value=0, max_value=size))
    assert tree(size).root(before) == tree_hash(leaves(before))
    frontier = Frontier()
    frontier.extend(leaves(before))
    assert tree(size).peaks(before) == list(frontier.peaks)


@given(parts=st.lists(st.integers(min_value=0, max_value=300), max_size=8))
def test_however_it_grows_the_tiles_are_the_same(parts: list[int]) -> None:
    assert grown_in(parts) == dict(tiles(sum(parts)))


@given(size=sizes, at=st.data())
def test_an_inclusion_proof_is_that_of_the_definition(size: int, at: st.DataObject) -> None:
    index = at.draw(st.integers(min_value=0, max_value=size - 1))
    proof = tree(size).inclusion_proof(index, size)
    assert proof == inclusion_path(index, leaves(size))
    theirs = oracle(MOST).prove_inclusion(index + 1, size)
    assert proof == list(theirs.path[1:])
    assert verify_inclusion(leaves(size)[index], index, size, proof, tree_hash(leaves(size)))
    assert tree(size).leaf(index) == leaves(size)[index]


@given(second=sizes, at=st.data())
def test_a_consistency_proof_is_that_of_the_definition(second: int, at: st.DataObject) -> None:
    first = at.draw(st.integers(min_value=0, max_value=second))
    proof = tree(second).consistency_proof(first, second)
    if 0 < first < second:
        assert proof == consistency_path(first, leaves(second))
    else:
        assert proof == []
    roots = tree(second).root(first), tree(second).root(second)
    assert verify_consistency(first, second, proof, *roots)


@pytest.mark.parametrize("size", FAR_BORDERS)
def test_the_third_level_begins_where_it_should(size: int) -> None:
    frontier = Frontier()
    frontier.extend(leaves(size))
    root = tree(size).root(size)
    assert root == frontier.root()
    for index in (0, 255, 256, 32_768, 65_279, size - 1):
        proof = tree(size).inclusion_proof(index, size)
        assert verify_inclusion(leaves(size)[index], index, size, proof, root)
    for first in (1, 255, 256, 257, 65_280, size - 1):
        proof = tree(size).consistency_proof(first, size)
        assert verify_consistency(first, size, proof, tree(size).root(first), root)
    assert len(tiles(size)[0, 255]) == min(size - 65_280, TILE_WIDTH) * HASH_BYTES
    assert ((2, 0) in tiles(size)) is (size >= 65_536)


@given(size=sizes, at=st.data())
def test_a_wrong_inclusion_is_not_believed(size: int, at: st.DataObject) -> None:
    index = at.draw(st.integers(min_value=0, max_value=size - 1))
    here, root = leaves(size)[index], tree(size).root(size)
    proof = tree(size).inclusion_proof(index, size)
    other = at.draw(st.integers(min_value=0, max_value=size + 2).filter(lambda it: it != index))
    assert not verify_inclusion(here, other, size, proof, root)
    assert not verify_inclusion(leaf(b"another"), index, size, proof, root)
    assert not verify_inclusion(here, index, size, [*proof, root], root)
    assert not verify_inclusion(here, index, size, proof, leaf(b"another"))
    assert not verify_inclusion(here, -1, size, proof, root)
    if proof:
        assert not verify_inclusion(here, index, size, proof[:-1], root)
        assert not verify_inclusion(here, index, size, [root, *proof[1:]], root)


@given(second=st.integers(min_value=2, max_value=MOST), at=st.data())
def test_a_log_that_was_changed_is_not_consistent(second: int, at: st.DataObject) -> None:
    first = at.draw(st.integers(min_value=1, max_value=second - 1))
    old, new = tree(second).root(first), tree(second).root(second)
    proof = tree(second).consistency_proof(first, second)
    other = leaf(b"another")
    assert not verify_consistency(first, second, proof, other, new)
    assert not verify_consistency(first, second, proof, old, other)
    assert not verify_consistency(first, second, [*proof, other], old, new)
    assert not verify_consistency(first, second, proof[:-1], old, new)
    assert not verify_consistency(second, first, proof, new, old)
    assert not verify_consistency(first, second, [], old, new)
    # A tree whose first leaf differs has another past.
    changed = [other, *leaves(second)[1:]]
    lie = consistency_path(first, changed)
    assert not verify_consistency(first, second, lie, old, tree_hash(changed))


def test_logs_of_one_size_are_consistent_only_if_they_are_the_same() -> None:
    root, other = tree(5).root(5), leaf(b"another")
    assert verify_consistency(5, 5, [], root, root)
    assert not verify_consistency(5, 5, [], root, other)
    assert not verify_consistency(5, 5, [root], root, root)
    assert verify_consistency(0, 5, [], EMPTY_ROOT, root)
    assert verify_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
    assert not verify_consistency(0, 5, [], other, root)
    assert not verify_consistency(0, 5, [other], EMPTY_ROOT, root)
    assert not verify_consistency(-1, 5, [], EMPTY_ROOT, root)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5), (6, 5)], ids=str)
def test_there_is_no_proof_of_what_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="there is no leaf"):
        tree(5).inclusion_proof(index, size)


@pytest.mark.parametrize(("first", "second"), [(6, 5), (-1, 5)])
def test_a_log_does_not_shrink(first: int, second: int) -> None:
    with pytest.raises(ValueError, match="does not grow"):
        tree(5).consistency_proof(first, second)


def test_a_missing_tile_is_named() -> None:
    stored = dict(tiles(600))
    del stored[0, 1]
    with pytest.raises(TreeDamagedError, match="tile 1 of level 0 holds 0 hashes"):
        over(stored).inclusion_proof(300, 600)
    assert over(stored).root(600) == tree(600).root(600)  # it stands in level 1


def test_a_short_tile_is_named_and_not_grown() -> None:
    stored = dict(tiles(600))
    stored[0, 2] = stored[0, 2][:-1]
    with pytest.raises(TreeDamagedError, match="holds 87 hashes, and 88 are needed") as caught:
        grown(lambda level, tile: stored[level, tile], 600, leaves(601)[600:])
    assert (caught.value.level, caught.value.tile) == (0, 2)


def test_a_tile_that_grew_meanwhile_is_read_again() -> None:
    stored = dict(tiles(3))
    growing = over(stored)
    assert growing.root(3) == tree_hash(leaves(3))
    stored |= tiles(5)
    assert growing.root(5) == tree_hash(leaves(5))


def test_a_full_tile_stands_for_itself_one_level_higher() -> None:
    stored = tiles(512)
    assert hashes_of(stored[1, 0]) == [tile_root(stored[0, 0]), tile_root(stored[0, 1])]
    assert tile_root(stored[0, 0]) == tree_hash(leaves(256))


@pytest.mark.parametrize(
    ("level", "tile", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 1234067, 256, "tile/0/x001/x234/067"),  # the example of the specification
        (0, 1234, 5, "tile/0/x001/234.p/5"),
        (1, 999, 255, "tile/1/999.p/255"),
        (63, 1_000_000, 1, "tile/63/x001/x000/000.p/1"),
    ],
)
def test_a_tile_lies_where_the_specification_says(
    level: int, tile: int, width: int, path: str
) -> None:
    assert tile_path(level, tile, width) == path
    entries = f"tile/entries/{path.removeprefix(f'tile/{level}/')}"
    assert entries_path(tile, width) == entries


@pytest.mark.parametrize("width", [0, 257, -1])
def test_a_tile_has_one_to_256_hashes(width: int) -> None:
    with pytest.raises(ValueError, match="1 to 256"):
        tile_path(0, 0, width)


@given(size=st.integers(min_value=0, max_value=70_000))
def test_the_widths_say_which_tiles_there_are(size: int) -> None:
    there = {
        (level, tile): width
        for level, full, rest in tile_widths(size)
        for tile, width in [*((it, TILE_WIDTH) for it in range(full)), (full, rest)]
        if width
    }
    assert all(width > 0 for width in there.values())
    if size <= MOST:
        assert there == {it: len(tile) // HASH_BYTES for it, tile in tiles(size).items()}
    assert sum(width for (level, _), width in there.items() if level == 0) == size
