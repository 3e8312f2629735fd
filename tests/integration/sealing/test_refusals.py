"""An event that is not what it claims is not sealed, nor anything after it; and it is named."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.sealing.vault import Vault
from traderbot.infrastructure.event_store.body import leaf_hash
from traderbot.infrastructure.sealing.errors import EventRefusedError, SealRefusedError
from traderbot.infrastructure.sealing.tiles import TreeDamagedError

# The log of these tests: a user, a portfolio, its cash, and deposits. The fifth is tampered with.
FIFTH = 5


def body_of(vault: Vault, position: int) -> bytes:
    return bytes(vault.value("SELECT body FROM events WHERE position = :p", p=position))


def flip_a_bit(vault: Vault) -> None:
    body = body_of(vault, FIFTH).replace(b'"1 USD"', b'"9 USD"')
    if body == body_of(vault, FIFTH):
        body = body[:-20] + bytes([body[-20] ^ 1]) + body[-19:]
    vault.change("UPDATE events SET body = :b WHERE position = :p", b=body, p=FIFTH)


def forge_the_hash(vault: Vault) -> None:
    vault.change("UPDATE events SET leaf_hash = :h WHERE position = :p", h=bytes(32), p=FIFTH)


def break_the_link(vault: Vault) -> None:
    body = body_of(vault, FIFTH)
    at = body.rindex(b'"prev":"') + 8
    body = body[:at] + b"0" * 64 + body[at + 64 :]
    vault.change(
        "UPDATE events SET body = :b, leaf_hash = :h WHERE position = :p",
        b=body,
        h=leaf_hash(body),
        p=FIFTH,
    )


def another_stream(vault: Vault) -> None:
    vault.change("UPDATE events SET stream_id = 'portfolio-other' WHERE position = :p", p=FIFTH)


def another_version(vault: Vault) -> None:
    vault.change("UPDATE events SET version = 99 WHERE position = :p", p=FIFTH)


def delete(vault: Vault) -> None:
    vault.change("DELETE FROM events WHERE position = :p", p=FIFTH)


TAMPERED: list[tuple[Callable[[Vault], None], str]] = [
    (flip_a_bit, "has another hash than its body"),
    (forge_the_hash, "has another hash than its body: stored 0000000000000000…"),
    (break_the_link, "does not follow the event before it in its stream"),
    (another_stream, "is stored in portfolio-other, which its body does not say"),
    (another_version, "is stored as version 99, which its body does not say"),
    (delete, "is missing"),
]


@pytest.mark.parametrize("batch", [1, 3, 2048])
@pytest.mark.parametrize(("tamper", "why"), TAMPERED, ids=lambda it: getattr(it, "__name__", ""))
def test_what_was_tampered_with_is_named_and_stops_all_behind_it(
    vault: Vault, tamper: Callable[[Vault], None], why: str, batch: int
) -> None:
    vault.filled(5)
    tamper(vault)
    sealer = vault.sealer(batch=batch)
    for _ in range(2):
        with pytest.raises(EventRefusedError, match=f"position {FIFTH}.* {why}") as caught:
            sealer.seal()
        assert caught.value.position == FIFTH
        vault.check(size=4)
    assert isinstance(caught.value, SealRefusedError)
    checkpoint = sealer.checkpoint()
    assert checkpoint is not None
    assert checkpoint.size == 4


def test_a_changed_event_whose_hash_was_made_anew_is_found_by_the_next_one(vault: Vault) -> None:
    vault.filled(5)
    body = body_of(vault, FIFTH)
    changed = body.replace(b'"recorded_at":"2', b'"recorded_at":"1')
    assert changed != body
    vault.change(
        "UPDATE events SET body = :b, leaf_hash = :h WHERE position = :p",
        b=changed,
        h=leaf_hash(changed),
        p=FIFTH,
    )
    with pytest.raises(EventRefusedError, match=r"position 6.* does not follow"):
        vault.sealer().seal()
    vault.check(size=5)


def test_a_predecessor_that_was_sealed_is_remembered_and_asked_for_alike(vault: Vault) -> None:
    """The link across two batches is checked by who sealed the first, and by who did not."""
    for sealers in (1, 2):
        desk, owned = (
            vault.filled(3)
            if sealers == 1
            else (vault.desk(), vault.desk().portfolio(email="b@example.org"))
        )
        first = vault.sealer()
        first.seal()
        size = vault.head().size
        desk.deposit(owned, "1 USD")
        at = vault.value("SELECT max(position) FROM events")
        original = body_of(vault, at)
        link = original.rindex(b'"prev":"') + 8
        forged = original[:link] + b"0" * 64 + original[link + 64 :]
        for body, is_sealed in ((forged, False), (original, True)):
            vault.change(
                "UPDATE events SET body = :b, leaf_hash = :h WHERE position = :p",
                b=body,
                h=leaf_hash(body),
                p=at,
            )
            sealer = first if sealers == 1 else vault.sealer()
            if is_sealed:
                assert sealer.seal() == 1
            else:
                with pytest.raises(EventRefusedError, match="does not follow"):
                    sealer.seal()
                assert vault.head().size == size
    vault.check()


def test_once_it_is_put_right_sealing_goes_on(vault: Vault) -> None:
    vault.filled(5)
    body = body_of(vault, FIFTH)
    flip_a_bit(vault)
    sealer = vault.sealer()
    with pytest.raises(EventRefusedError):
        sealer.seal()
    vault.change("UPDATE events SET body = :b WHERE position = :p", b=body, p=FIFTH)
    assert sealer.seal() == 4
    vault.check(size=8)


def test_an_event_behind_one_that_was_never_queued_is_refused(postgres_vault: Vault) -> None:
    vault = postgres_vault
    vault.filled(5)
    vault.change("DELETE FROM log_queue WHERE position = :p", p=FIFTH)
    with pytest.raises(EventRefusedError, match=r"position 6.* that is not in the log"):
        vault.sealer().seal()
    vault.check(size=4)


def test_an_event_that_is_queued_again_is_refused(postgres_vault: Vault) -> None:
    vault = postgres_vault
    vault.filled(5)
    sealer = vault.sealer()
    sealer.seal()
    vault.change("INSERT INTO log_queue (position) VALUES (:p)", p=FIFTH)
    with pytest.raises(SealRefusedError):
        sealer.seal()
    vault.check(size=8)


def test_sealed_events_that_are_gone_are_noticed(sqlite_vault: Vault) -> None:
    vault = sqlite_vault
    desk, owned = vault.filled(5)
    sealer = vault.sealer()
    sealer.seal()
    vault.change("DELETE FROM events WHERE position > 6")
    for _ in range(2):
        with pytest.raises(SealRefusedError, match="sealed events are missing"):
            sealer.waits()
    del desk, owned


def test_a_body_that_is_text_is_refused(sqlite_vault: Vault) -> None:
    vault = sqlite_vault
    vault.filled(5)
    vault.change("UPDATE events SET body = CAST(body AS TEXT) WHERE position = :p", p=FIFTH)
    with pytest.raises(EventRefusedError, match="not bytes"):
        vault.sealer().seal()
    vault.check(size=4)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE log_head SET root = :x",
        "UPDATE log_head SET frontier = :x",
        "UPDATE log_tiles SET hashes = :tile",
    ],
)
def test_a_tree_that_contradicts_itself_is_not_grown(vault: Vault, sql: str) -> None:
    desk, owned = vault.filled(5)
    vault.sealer().seal()
    other = b"\xff" * 32
    vault.change(sql, **({"tile": other * 8} if ":tile" in sql else {"x": other}))
    desk.deposit(owned, "1 USD")
    with pytest.raises(SealRefusedError, match="does not lead to its own root"):
        vault.sealer().seal()
    assert vault.head().size == 8


def test_a_tile_that_is_gone_is_named(vault: Vault) -> None:
    vault.filled(5)
    sealer = vault.sealer()
    sealer.seal()
    vault.change("DELETE FROM log_tiles")
    for ask in (vault.sealer().seal, sealer.checkpoint):
        with pytest.raises(TreeDamagedError, match="tile 0 of level 0 holds 0 hashes"):
            ask()


def test_two_roots_of_one_size_are_never_signed(vault: Vault) -> None:
    vault.filled(5)
    sealer = vault.sealer()
    sealer.seal()
    sealer.checkpoint()
    vault.change("UPDATE log_checkpoints SET root = :x", x=bytes(32))
    # What counts is what was signed; the row beside it is a copy.
    checkpoint = vault.sealer().checkpoint()
    assert checkpoint is not None
    assert len(vault.checkpoints()) == 1
