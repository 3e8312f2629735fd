"""Sealing all day: at once when idle, together under load, on again after an outage."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import pytest
from sqlalchemy import text

from tests.integration.sealing.faltering import fill_volume
from tests.integration.sealing.vault import Vault
from tests.stores import until
from traderbot.infrastructure.sealing.anchors import AnchorFile
from traderbot.infrastructure.sealing.loop import Pace, SealingLoop
from traderbot.infrastructure.sealing.sealer import Sealer

QUICK = Pace(seal_seconds=0.01, checkpoint_seconds=0.02, anchor_seconds=0.03)
SLOW = Pace(seal_seconds=60, checkpoint_seconds=60, anchor_seconds=60)


@contextmanager
def looping(vault: Vault, pace: Pace, sealer: Sealer | None = None) -> Iterator[SealingLoop]:
    loop = SealingLoop(sealer or vault.sealer(), vault.clock, pace)
    try:
        yield loop
    finally:
        loop.close()


def test_it_seals_signs_and_publishes_what_others_write(vault: Vault) -> None:
    desk, owned = vault.filled(2)
    with looping(vault, QUICK) as loop:
        until(lambda: loop.status.anchored_size == 5)
        for _ in range(4):
            desk.deposit(owned, "1 USD")  # nobody nudges
        until(lambda: loop.status.anchored_size == 9)
        assert loop.status.sealed == 9
        assert loop.status.sealed_at is not None
        assert loop.status.checkpoint_size == 9
        assert loop.status.error is None
    vault.check(size=9)
    assert [it.size for it in AnchorFile(vault.anchor_path).all()][-1] == 9


def test_a_nudge_is_heard_at_once(vault: Vault) -> None:
    desk = vault.desk()
    with looping(vault, SLOW) as loop:
        until(lambda: loop._next_checkpoint > 0)  # it has looked once, and waits
        desk.user()
        began = monotonic()
        loop.nudge()
        until(lambda: loop.status.sealed == 1)
        assert monotonic() - began < 10
        desk.user("b@example.org")
        loop.nudge()  # so soon after, it is left for later
        assert loop.status.sealed == 1
    vault.check(size=2)


def test_closing_seals_signs_and_publishes_what_is_left(vault: Vault) -> None:
    with looping(vault, SLOW) as loop:
        until(lambda: loop._next_checkpoint > 0)
        vault.filled(3)
    assert not loop._thread.is_alive()
    vault.check(size=6)
    assert [it.size for it in AnchorFile(vault.anchor_path).all()] == [6]
    loop.close()  # asking twice is harmless


def test_it_tells_whoever_follows(vault: Vault) -> None:
    told: list[int] = []
    sealer = vault.sealer()
    vault.filled(2)
    loop = SealingLoop(sealer, vault.clock, QUICK, lambda: told.append(vault.head().size))
    until(lambda: bool(told))
    loop.close()
    assert told == [5]


def test_it_goes_on_after_its_connection_was_cut(
    postgres_vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    vault = postgres_vault
    desk, owned = vault.filled(0)
    cut = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with caplog.at_level(logging.INFO, "traderbot"), looping(vault, QUICK) as loop:
        until(lambda: loop.status.sealed == 3)
        with vault.engine.connect() as connection:
            connection.execute(cut)
        until(lambda: "cannot seal" in caplog.text)
        vault.reader.dispose()
        desk.deposit(owned, "1 USD")
        until(lambda: loop.status.sealed == 4)
        until(lambda: loop.status.error is None)
        until(lambda: "sealing goes on" in caplog.text)
    vault.check(size=4)


def test_a_refusal_is_told_once_and_what_comes_before_is_signed(
    vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    vault.filled(3)
    good = bytes(vault.value("SELECT leaf_hash FROM events WHERE position = 5"))
    vault.change("UPDATE events SET leaf_hash = :h WHERE position = 5", h=bytes(32))
    with caplog.at_level(logging.INFO, "traderbot"), looping(vault, QUICK) as loop:
        until(lambda: loop.status.anchored_size == 4)
        until(lambda: loop.status.error is not None)
        error = loop.status.error
        assert error is not None
        assert "position 5" in error
        vault.change("UPDATE events SET leaf_hash = :h WHERE position = 5", h=good)
        until(lambda: loop.status.anchored_size == 6)
        assert loop.status.error is None
    assert caplog.text.count("position 5") == 1
    vault.check(size=6)


def test_a_rollback_stops_it_until_an_operator_decides(vault: Vault) -> None:
    vault.filled(3)
    first = vault.sealer()
    first.seal()
    first.checkpoint(anchor=True)
    # A copy in which nothing was sealed yet.
    for table in ("log_head", "log_tiles", "log_checkpoints"):
        vault.change(f"DELETE FROM {table}")  # noqa: S608 - our own names
    if vault.url.startswith("postgresql"):
        vault.change("INSERT INTO log_queue SELECT position FROM log")
        vault.change("DELETE FROM log")
    other = vault.sealer()
    with looping(vault, QUICK) as loop:
        until(lambda: "rollback detected" in (loop.status.error or ""))
        assert vault.head().size == 0
        other.start_epoch(other.next_epoch(), "restored")
        until(lambda: loop.status.anchored_size == 6)
    assert vault.checkpoints()[-1].epoch == 2


def test_a_volume_for_anchors_that_takes_nothing_does_not_hold_up_sealing(
    vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    desk, owned = vault.filled(0)
    sealer = vault.sealer()
    volume = fill_volume(sealer)
    with caplog.at_level(logging.INFO, "traderbot"), looping(vault, QUICK, sealer) as loop:
        until(lambda: loop.status.unpublished is not None)
        for number in range(4, 14):
            began = monotonic()
            desk.deposit(owned, "1 USD")
            until(lambda: loop.status.sealed == number)  # noqa: B023 - called here
            assert monotonic() - began < 2  # paused for up to five seconds before
        until(lambda: loop.status.checkpoint_size == 13)
        assert loop.status.error is None
        assert loop.status.anchored_size == 0
        assert volume.asked < 8  # again after a longer and longer pause
        volume.has_room = True
        until(lambda: loop.status.anchored_size == 13)
        assert loop.status.unpublished is None
    assert caplog.text.count("no space left") == 1
    assert "publishing goes on" in caplog.text
    vault.check(size=13)


def test_two_loops_share_the_work(vault: Vault) -> None:
    desk, owned = vault.filled(0)
    with looping(vault, QUICK) as one, looping(vault, QUICK) as two:
        for _ in range(60):
            desk.deposit(owned, "1 USD")
            one.nudge()
            two.nudge()
        until(lambda: vault.head().size == 63)
        until(lambda: one.status.sealed + two.status.sealed == 63)
    vault.check(size=63)
    assert (one.status.error, two.status.error) == (None, None)
