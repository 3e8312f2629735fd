"""An old copy of a database is a perfect log; what was published of it tells that it is old."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.integration.sealing.vault import ORIGIN, SIGNER, Vault
from tests.servers import SharedPostgres
from traderbot.application.commands.operations import RecordEpoch
from traderbot.application.errors import StaleAggregateError
from traderbot.infrastructure.sealing.anchors import (
    AnchorDamagedError,
    AnchorFile,
    AnchorFileError,
)
from traderbot.infrastructure.sealing.errors import RollbackDetectedError, SealRefusedError
from traderbot.infrastructure.sealing.sealer import Sealer
from traderbot.infrastructure.sealing.signed_note import Signer


def published(vault: Vault, deposits: int) -> Sealer:
    """Write so many deposits, seal and publish them."""
    desk = vault.desk()
    owned = desk.portfolio(email=f"{vault.head().size}@example.org")
    for _ in range(deposits):
        desk.deposit(owned, "1 USD")
    sealer = vault.sealer()
    sealer.seal()
    sealer.checkpoint(anchor=True)
    return sealer


def sealed_only(vault: Vault, deposits: int) -> None:
    desk = vault.desk()
    owned = desk.portfolio(email=f"{vault.head().size}@example.net")
    for _ in range(deposits):
        desk.deposit(owned, "1 USD")


def begin_epoch(vault: Vault, sealer: Sealer, reason: str = "restored") -> int:
    epoch = sealer.next_epoch()
    vault.desk().run(
        RecordEpoch(
            epoch=epoch.epoch,
            origin=epoch.origin,
            reason=reason,
            size=epoch.size,
            root=epoch.root,
            published_size=epoch.published_size,
            published_root=epoch.published_root,
        )
    )
    sealer.start_epoch(epoch, reason)
    return epoch.epoch


def copy_file(vault: Vault, to: Path) -> None:
    with closing(sqlite3.connect(vault.file)) as connection:
        connection.execute("VACUUM INTO ?", (str(to),))


class Copier:
    """Keeps copies of a database, and opens them in its place."""

    def __init__(self, stack: ExitStack, postgres: SharedPostgres | None, folder: Path) -> None:
        self._stack = stack
        self._postgres = postgres
        self._folder = folder
        self._number = 0

    def copy(self, vault: Vault) -> Vault:
        self._number += 1
        if self._postgres is None:
            path = self._folder / f"copy-{self._number}.db"
            copy_file(vault, path)
            return Vault(self._stack, f"sqlite:///{path}", vault.anchor_path)
        vault.let_go()
        name = make_url(vault.url).database
        assert name is not None
        url = self._stack.enter_context(self._postgres.database(name))
        return Vault(self._stack, url, vault.anchor_path)


@pytest.fixture
def copier(request: pytest.FixtureRequest, vault: Vault, tmp_path: Path) -> Iterator[Copier]:
    postgres = None
    if vault.url.startswith("postgresql"):
        postgres = request.getfixturevalue("postgres_server")
    with ExitStack() as stack:
        yield Copier(stack, postgres, tmp_path)


def test_an_old_copy_is_not_sealed(vault: Vault, copier: Copier) -> None:
    published(vault, 2)
    old = copier.copy(vault)
    published(vault, 3)
    size, root = old.head().size, old.head().root.hex()
    anchor = AnchorFile(vault.anchor_path).newest()
    assert anchor is not None
    sealed_only(old, 1)
    for ask in ("seal", "checkpoint", "guard"):
        with pytest.raises(RollbackDetectedError) as caught:
            getattr(old.sealer(), ask)()
        assert (caught.value.size, caught.value.published_size) == (size, anchor.size)
        for said in (
            f"with {anchor.size} events and root {anchor.root}",
            f"has {size} sealed and root {root}",
            'traderbot audit epoch new --reason "..."',
        ):
            assert said in str(caught.value)
    assert old.head().size == size


def test_an_old_copy_that_went_on_is_not_sealed(vault: Vault, copier: Copier) -> None:
    published(vault, 2)
    old = copier.copy(vault)
    published(vault, 2)
    anchors = vault.anchor_path.read_bytes()
    vault.anchor_path.unlink()  # out of reach, while the copy grows past what was published
    published(old, 9)
    vault.anchor_path.write_bytes(anchors)
    assert old.head().size > vault.head().size
    sealed_only(old, 1)
    with pytest.raises(RollbackDetectedError, match="rollback detected"):
        old.sealer().seal()


def test_the_present_copy_may_go_on(vault: Vault, copier: Copier) -> None:
    published(vault, 2)
    same = copier.copy(vault)
    sealer = published(same, 2)
    assert same.check().size == 10
    assert sealer.guard().origin == ORIGIN


def test_a_rollback_under_a_running_sealer_is_noticed_before_it_signs(
    sqlite_vault: Vault, tmp_path: Path
) -> None:
    vault = sqlite_vault
    published(vault, 2)
    old = tmp_path / "old.db"
    copy_file(vault, old)
    sealer = published(vault, 2)
    sealer.close()
    vault.let_go()
    shutil.copyfile(old, vault.file)  # into the same file
    with pytest.raises(RollbackDetectedError):
        sealer.checkpoint()
    with pytest.raises(RollbackDetectedError):
        sealer.seal()


@pytest.mark.parametrize("closes", [False, True])
def test_a_file_that_was_replaced_under_a_running_sealer_is_not_sealed(
    sqlite_vault: Vault, tmp_path: Path, *, closes: bool
) -> None:
    vault = sqlite_vault
    sealer = published(vault, 2)
    same = tmp_path / "same.db"
    copy_file(vault, same)  # not older: nothing but its number in the file system tells
    if closes:
        sealer.close()
    same.replace(vault.file)
    for ask in (sealer.waits, sealer.seal, sealer.checkpoint, sealer.guard, sealer.waits):
        with pytest.raises(SealRefusedError, match="was replaced by another file"):
            ask()
    vault.file.unlink()
    with pytest.raises(SealRefusedError, match="is gone"):
        sealer.waits()
    assert not vault.file.exists()


def test_a_new_epoch_lets_it_go_on_and_says_why(vault: Vault, copier: Copier) -> None:
    published(vault, 2)
    old = copier.copy(vault)
    published(vault, 3)
    sealed_only(old, 1)
    sealer = old.sealer()
    with pytest.raises(RollbackDetectedError):
        sealer.seal()
    facts = sealer.next_epoch()
    assert (facts.epoch, facts.origin) == (2, f"{ORIGIN}/epoch-2")
    assert (facts.size, facts.root) == (old.head().size, old.head().root.hex())
    newest = AnchorFile(vault.anchor_path).newest()
    assert newest is not None
    assert (facts.published_size, facts.published_root) == (newest.size, newest.root)
    assert begin_epoch(old, sealer, "restored from last night") == 2
    assert sealer.seal() == 5  # what waited, and the fact itself
    checkpoint = sealer.checkpoint(anchor=True)
    assert checkpoint is not None
    assert (checkpoint.epoch, checkpoint.origin) == (2, f"{ORIGIN}/epoch-2")
    assert checkpoint.note.startswith(f"{ORIGIN}/epoch-2\n")
    assert SIGNER.key_id in old.checkpoints()[-1].key_id
    assert old.value("SELECT reason FROM log_epochs") == "restored from last night"
    body = bytes(old.value("SELECT body FROM events WHERE stream_id LIKE 'operations%'"))
    assert b"restored from last night" in body
    again = old.sealer()
    again.guard()
    assert old.sealer().seal() == 0


def test_the_log_that_was_left_behind_is_not_sealed_any_more(vault: Vault, copier: Copier) -> None:
    published(vault, 2)
    old = copier.copy(vault)
    published(vault, 3)
    sealer = old.sealer()
    begin_epoch(old, sealer)
    sealer.seal()
    sealer.checkpoint(anchor=True)
    with pytest.raises(RollbackDetectedError, match="epoch-2"):
        vault.sealer().seal()
    # Nor is an even older copy taken for the one that was published under the old name.
    assert vault.sealer().next_epoch().epoch == 3


def test_an_epoch_begins_once(vault: Vault) -> None:
    published(vault, 1)
    first, second = vault.sealer(), vault.sealer()
    one, two = first.next_epoch(), second.next_epoch()
    first.start_epoch(one, "asked")
    with pytest.raises(StaleAggregateError, match="epoch 2 was started already"):
        second.start_epoch(two, "asked too")
    assert vault.head().epoch == 2


def test_a_log_that_was_never_sealed_may_begin_another_epoch(vault: Vault) -> None:
    sealer = vault.sealer()
    begin_epoch(vault, sealer, "moved here")
    assert sealer.seal() == 1
    checkpoint = sealer.checkpoint(anchor=True)
    assert checkpoint is not None
    assert checkpoint.origin == f"{ORIGIN}/epoch-2"


def test_another_name_is_noticed(vault: Vault) -> None:
    published(vault, 1)
    other = vault.sealer(origin="example.org/other", signer=Signer("example.org/other", bytes(32)))
    with pytest.raises(SealRefusedError, match=r"is of example.org/log.*TRADERBOT_AUDIT__ORIGIN"):
        other.seal()
    begin_epoch(vault, other, "renamed")
    assert other.seal() == 1
    with pytest.raises(SealRefusedError, match=r"is of example.org/other/epoch-2"):
        vault.sealer().seal()


def test_another_key_goes_on(vault: Vault) -> None:
    published(vault, 1)
    desk = vault.desk()
    desk.user("b@example.org")
    other = vault.sealer(signer=Signer(ORIGIN, bytes(32)))
    other.seal()
    checkpoint = other.checkpoint(anchor=True)
    assert checkpoint is not None
    assert {it.key_id for it in vault.checkpoints()} == {SIGNER.key_id, other._signer.key_id}
    vault.sealer().guard()


def test_a_damaged_anchor_file_is_told_and_stops_sealing(vault: Vault) -> None:
    published(vault, 1)
    sealed_only(vault, 1)
    good = vault.anchor_path.read_bytes()
    vault.anchor_path.write_bytes(b"{}\n" + good)
    with pytest.raises(AnchorDamagedError, match="damaged in line 1"):
        vault.sealer().seal()
    vault.anchor_path.write_bytes(good)
    assert vault.sealer().seal() == 4


def test_a_forged_anchor_is_told(vault: Vault) -> None:
    published(vault, 1)
    sealed_only(vault, 1)
    forged = vault.anchor_path.read_text(encoding="utf-8")
    tail = forged.rindex('=\\n","origin"')
    changed = "A" if forged[tail - 5] != "A" else "B"
    vault.anchor_path.write_text(
        forged[: tail - 5] + changed + forged[tail - 4 :], encoding="utf-8"
    )
    with pytest.raises(SealRefusedError, match="was not signed by"):
        vault.sealer().seal()


def test_an_anchor_file_that_cannot_be_read_stops_sealing(vault: Vault) -> None:
    sealed_only(vault, 1)
    vault.anchor_path.mkdir()
    with pytest.raises(AnchorFileError, match="cannot be read"):
        vault.sealer().seal()


def test_an_anchor_file_that_cannot_be_written_stops_only_publishing(vault: Vault) -> None:
    sealed_only(vault, 1)
    sealer = vault.sealer()
    sealer.seal()
    blocked = vault.anchor_path.parent / "blocked"
    sealer._anchors = sealer._guard._anchors = AnchorFile(blocked / "anchors.jsonl")
    blocked.write_text("in the way")
    with pytest.raises(AnchorFileError):
        sealer.checkpoint(anchor=True)
    blocked.unlink()
    checkpoint = sealer.checkpoint(anchor=True)
    assert checkpoint is not None
    assert checkpoint.anchored_size == 4
