"""The tree's hash is that of RFC 6962: by its vectors, by its definition, by another library."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree  # type: ignore[import-untyped]

from tests.reference.merkle import leaf, tree_hash
from traderbot.infrastructure.event_store.body import leaf_hash
from traderbot.infrastructure.event_store.merkle import EMPTY_ROOT, Frontier, node_hash

# The entries and roots that the implementations of Certificate Transparency test each other with.
ENTRIES = [
    bytes.fromhex(it)
    for it in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)

sizes = st.integers(min_value=0, max_value=70)


def leaves(count: int) -> list[bytes]:
    return [leaf(str(n).encode()) for n in range(count)]


def frontier(leaf_hashes: list[bytes]) -> Frontier:
    tree = Frontier()
    tree.extend(leaf_hashes)
    return tree


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    assert Frontier().root() == EMPTY_ROOT == sha256(b"").digest()
    assert Frontier().size == 0


@pytest.mark.parametrize("size", range(1, len(ENTRIES) + 1))
def test_the_published_vectors_hold(size: int) -> None:
    tree = frontier([leaf_hash(entry) for entry in ENTRIES[:size]])
    assert tree.root().hex() == ROOTS[size - 1]
    assert tree.size == size


def test_two_leaves_make_one_node() -> None:
    left, right = leaves(2)
    assert frontier([left, right]).root() == node_hash(left, right)
    assert node_hash(left, right) == sha256(b"\x01" + left + right).digest()


@given(parts=st.lists(sizes, max_size=6))
def test_however_it_grows_it_is_the_tree_of_the_definition(parts: list[int]) -> None:
    everything = leaves(sum(parts))
    tree = Frontier()
    grown = 0
    for part in parts:
        tree.extend(everything[grown : grown + part])
        grown += part
        assert tree.root() == tree_hash(everything[:grown])
    assert tree.size == grown


def test_one_by_one_is_the_same_as_all_at_once() -> None:
    tree = Frontier()
    for count, each in enumerate(leaves(200), start=1):
        tree.extend([each])
        assert tree.root() == frontier(leaves(count)).root()


@given(size=sizes)
def test_another_library_computes_the_same(size: int) -> None:
    other = InmemoryTree(algorithm="sha256")
    for number in range(size):
        other.append_entry(str(number).encode())
    assert frontier(leaves(size)).root() == other.get_root()


def test_asking_for_the_root_changes_nothing() -> None:
    tree = frontier(leaves(5))
    assert tree.root() == tree.root()
    tree.extend(leaves(6)[5:])
    assert tree.root() == tree_hash(leaves(6))


@given(size=st.integers(min_value=1, max_value=70), at=st.data())
def test_every_leaf_counts(size: int, at: st.DataObject) -> None:
    changed = leaves(size)
    changed[at.draw(st.integers(min_value=0, max_value=size - 1))] = leaf(b"another")
    assert frontier(changed).root() != frontier(leaves(size)).root()
