"""Events get their final place, the tree grows, and checkpoints are signed and published."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.sealing.vault import ORIGIN, SIGNER, Vault
from traderbot.infrastructure.event_store.merkle import EMPTY_ROOT
from traderbot.infrastructure.sealing.anchors import AnchorFile


def test_an_empty_log_is_sealed_at_once(vault: Vault) -> None:
    sealer = vault.sealer()
    assert not sealer.waits()
    assert sealer.seal() == 0
    assert sealer.checkpoint(anchor=True) is None
    assert not vault.anchor_path.exists()
    assert vault.check(size=0).root == EMPTY_ROOT


def test_events_are_sealed_in_their_order_and_once(vault: Vault) -> None:
    desk, owned = vault.filled(5)
    sealer = vault.sealer()
    assert sealer.waits()
    assert sealer.seal() == 8
    assert not sealer.waits()
    first = vault.check(size=8)
    assert [place[0] for place in vault.places()] == list(range(8))
    assert sealer.seal() == 0
    desk.deposit(owned, "1 USD")
    assert sealer.seal() == 1
    assert vault.check(size=9).root != first.root


@pytest.mark.parametrize("batch", [1, 7, 256])
def test_batches_make_the_same_tree(vault: Vault, batch: int) -> None:
    vault.filled(300)
    assert vault.sealer(batch=batch).seal() == 303
    vault.check(size=303)


def test_a_checkpoint_is_signed_stored_and_published(vault: Vault) -> None:
    desk, owned = vault.filled(0)
    sealer = vault.sealer()
    sealer.seal()
    first = sealer.checkpoint()
    assert first is not None
    assert (first.size, first.origin, first.epoch, first.anchored_size) == (3, ORIGIN, 1, 0)
    desk.deposit(owned, "1 USD")
    sealer.seal()
    second = sealer.checkpoint(anchor=True)
    assert second is not None
    assert (second.size, second.anchored_size) == (4, 4)
    assert [it.note for it in vault.checkpoints()] == [first.note, second.note]
    (anchor,) = AnchorFile(vault.anchor_path).all()
    assert (anchor.note, anchor.root) == (second.note, second.root.hex())
    vault.check(size=4)


def test_nothing_new_is_not_signed_or_published_again(vault: Vault) -> None:
    vault.filled(0)
    sealer = vault.sealer()
    sealer.seal()
    first, again = sealer.checkpoint(anchor=True), vault.sealer().checkpoint(anchor=True)
    assert first is not None
    assert again is not None
    assert (first.is_anchored_now, again.is_anchored_now) == (True, False)
    assert (first.note, first.at, first.anchored_size) == (again.note, again.at, 3)
    assert len(vault.checkpoints()) == len(AnchorFile(vault.anchor_path).all()) == 1


def test_a_checkpoint_that_was_only_stored_is_published_when_asked(vault: Vault) -> None:
    vault.filled(0)
    sealer = vault.sealer()
    sealer.seal()
    first = sealer.checkpoint()
    second = sealer.checkpoint(anchor=True)
    assert first is not None
    assert second is not None
    assert (first.note, second.anchored_size) == (second.note, 3)


def test_what_is_sealed_stays_as_it_was(vault: Vault) -> None:
    desk, owned = vault.filled(3)
    sealer = vault.sealer()
    sealer.seal()
    before = vault.places()
    desk.deposit(owned, "1 USD")
    sealer.seal()
    assert vault.places()[: len(before)] == before


def test_the_key_is_named_with_each_checkpoint(vault: Vault) -> None:
    vault.filled(0)
    sealer = vault.sealer()
    sealer.seal()
    sealer.checkpoint()
    assert [it.key_id for it in vault.checkpoints()] == [SIGNER.key_id]
    assert sealer.vkey == SIGNER.vkey
    assert isinstance(sealer.anchors.path, Path)
