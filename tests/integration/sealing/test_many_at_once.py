"""Late commits, many writers, several sealers: nothing skipped, nothing twice, order kept."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from time import sleep
from typing import Any

import pytest

from tests.integration.audit.story import tell
from tests.integration.sealing.vault import Vault
from tests.stores import Desk, Meddled, Owned, at_once
from traderbot.application.errors import StaleAggregateError
from traderbot.domain.shared.ids import UserId
from traderbot.infrastructure.sealing.sealer import Sealer

_WRITERS = 8
_EACH = 25


def test_a_late_commit_is_sealed_later_and_not_skipped(postgres_vault: Vault) -> None:
    vault, held, go = postgres_vault, threading.Event(), threading.Event()
    storage = Meddled(vault.storage())
    slow, quick = vault.desk(open_storage=lambda: storage), vault.desk()

    def hold(_transaction: Any) -> None:
        held.set()
        assert go.wait(30)

    storage.before_commit = hold
    sealer = vault.sealer()
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(slow.user, "slow@example.org")
        assert held.wait(30)
        quick.user("quick@example.org")
        assert sealer.seal() == 1  # it waits for nobody
        go.set()
        late.result()
    assert sealer.seal() == 1
    assert [(index, position) for index, position, _ in vault.places()] == [(0, 2), (1, 1)]
    vault.check(size=2)


def test_an_append_that_was_rolled_back_leaves_no_hole(postgres_vault: Vault) -> None:
    vault = postgres_vault
    storage = Meddled(vault.storage())
    desk, other = vault.desk(open_storage=lambda: storage), vault.desk()

    def fail(_transaction: Any) -> None:
        raise KeyError

    storage.before_commit = fail
    with pytest.raises(KeyError):
        desk.user("lost@example.org")
    other.user("kept@example.org")
    assert vault.sealer().seal() == 1
    ((index, position, _),) = vault.places()
    assert index == 0
    assert position > 1  # one was drawn in vain
    vault.check(size=1)


def test_many_writers_with_late_commits_and_two_sealers(vault: Vault) -> None:
    random = Random(11)  # noqa: S311 - how late, the same every time
    delays = [random.random() / 100 for _ in range(1000)]
    main = vault.desk()
    shared = main.portfolio(email="shared@example.org")
    done = threading.Event()

    def late(_transaction: Any) -> None:
        sleep(delays.pop() if delays else 0)

    def write(number: int) -> None:
        storage = Meddled(vault.storage())
        storage.before_commit = late
        desk = vault.desk(open_storage=lambda: storage)
        owner = UserId(desk.user(f"{number}@example.org").user_id)
        own = desk.second_portfolio(owner)
        for turn in range(_EACH):
            deposit(desk, shared if turn % 5 == 0 else own)

    def deposit(desk: Desk, portfolio: Owned) -> None:
        while True:
            try:
                desk.deposit(portfolio, "1 USD")
            except StaleAggregateError:  # others were quicker, again and again: it is asked again
                continue
            return

    def seal(sealer: Sealer) -> int:
        total = 0
        while not done.is_set():
            total += sealer.seal(patient=False)
            sealer.checkpoint()
        return total + sealer.seal()

    with ThreadPoolExecutor(2) as pool:
        sealing = [pool.submit(seal, vault.sealer(batch=7)) for _ in range(2)]
        try:
            assert at_once([partial(write, it) for it in range(_WRITERS)], _WRITERS) == (
                [None] * _WRITERS
            )
        finally:
            done.set()
        sealed = sum(it.result() for it in sealing)
    everything = 3 + _WRITERS * (3 + _EACH)
    assert sealed == everything
    vault.check(size=everything)


def test_an_impatient_sealer_leaves_it_to_the_other(postgres_vault: Vault) -> None:
    vault = postgres_vault
    vault.filled(3)
    first, second = vault.sealer(), vault.sealer()
    first.guard()
    second.guard()
    with first._store.sealing(patient=True) as transaction:
        assert transaction is not None
        assert second.seal(patient=False) == 0
    assert second.seal(patient=False) == 6
    vault.check(size=6)


def test_a_patient_sealer_waits_for_the_other(postgres_vault: Vault) -> None:
    vault = postgres_vault
    desk, owned = vault.filled(3)
    first, second = vault.sealer(), vault.sealer()
    second.guard()
    with ThreadPoolExecutor(1) as pool:
        with first._store.sealing(patient=True):
            waiting = pool.submit(second.seal)
            _until_somebody_waits(vault)
            desk.deposit(owned, "1 USD")  # writers wait for no sealer
            assert not waiting.done()
        assert waiting.result() == 7
    vault.check(size=7)


def test_who_is_second_writes_nothing(sqlite_vault: Vault) -> None:
    vault = sqlite_vault
    desk, owned = vault.filled(3)
    first, second = vault.sealer(), vault.sealer()
    inner = first._store.sealing
    raced = 0

    def beaten(*, patient: bool) -> Any:
        nonlocal raced
        context = inner(patient=patient)
        seal_first = raced == 0
        raced += 1

        class Beaten:
            def __enter__(self) -> Any:
                transaction = context.__enter__()
                if seal_first:
                    assert second.seal() == 6
                    desk.deposit(owned, "1 USD")
                return transaction

            def __exit__(self, *error: object) -> Any:
                return context.__exit__(*error)  # type: ignore[arg-type]

        return Beaten()

    first._store.sealing = beaten  # type: ignore[method-assign]
    assert first.seal() == 1
    assert raced == 2
    vault.check(size=7)


def test_a_story_has_the_same_root_on_every_database(
    sqlite_vault: Vault, postgres_vault: Vault
) -> None:
    roots, notes = [], []
    for vault, batch in ((sqlite_vault, 2048), (postgres_vault, 7)):
        story = tell(vault.url)
        sealer = vault.sealer(batch=batch)
        assert sealer.seal() == story.events
        checkpoint = sealer.checkpoint(anchor=True)
        assert checkpoint is not None
        notes.append(checkpoint.note)
        roots.append(vault.check(size=story.events).root)
    assert roots[0] == roots[1]
    assert notes[0] == notes[1]  # to the last byte, for Ed25519 needs no randomness
    assert sqlite_vault.places()[-1][2] == postgres_vault.places()[-1][2]


def _until_somebody_waits(vault: Vault) -> None:
    for _ in range(10_000):
        waiting = vault.value(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        if waiting:
            return
        sleep(0.001)
    pytest.fail("nobody waits")
