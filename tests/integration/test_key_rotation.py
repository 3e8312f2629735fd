"""Sealing keys change under load, the change is killed again and again, and nothing is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from random import Random

import pytest

from tests.builders import NOON
from tests.integration.resealing import BATCH
from tests.stores import Desk, SqlStore
from traderbot.application.commands.exchange_keys import AddExchangeKey, RemoveExchangeKey
from traderbot.application.exchange_secrets import ExchangeSecrets, seal, unseal
from traderbot.application.key_safe import KeySafe
from traderbot.application.ports.secret_box import UnreadableSecretError
from traderbot.application.resealing import reseal_all
from traderbot.domain.shared.ids import UserId
from traderbot.infrastructure.persistence.database import reader_engine, writer_engine
from traderbot.infrastructure.persistence.migrate import upgrade
from traderbot.infrastructure.persistence.vault import SqlSealedKeys
from traderbot.infrastructure.security.secret_box import AesGcmSecretBox

ROUNDS = 10
USERS, EACH = 20, 30
OLD, NEW = bytes(range(32)), bytes(range(32, 64))
ONLY_OLD, BOTH, ONLY_NEW = (AesGcmSecretBox(keys) for keys in ([OLD], [NEW, OLD], [NEW]))
NOT_RESTARTED = AesGcmSecretBox([OLD, NEW])
_ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    url = f"sqlite:///{tmp_path / 'keys.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    engine = writer_engine(url)
    upgrade(engine)
    engine.dispose()
    with ExitStack() as stack:
        yield SqlStore(stack, url)


@pytest.fixture
def keys(store: SqlStore) -> Iterator[SqlSealedKeys]:
    engines = reader_engine(store.url), writer_engine(store.url)
    yield SqlSealedKeys(*engines)
    for engine in engines:
        engine.dispose()


def secrets_of(key_id: str) -> ExchangeSecrets:
    """Return what is kept under an id, so that it can be told whether it is still that."""
    passphrase = f"phrase of {key_id}" if key_id.endswith("0") else None
    return ExchangeSecrets(
        api_key=f"name of {key_id}", secret=f"twin of {key_id}", passphrase=passphrase
    )


def add(desk: Desk, owner: UserId, key_id: str, box: AesGcmSecretBox) -> None:
    sealed = seal(secrets_of(key_id), box, key_id=key_id, owner_id=owner, at=NOON)
    desk.run(AddExchangeKey(user_id=owner, exchange="binance", label="a key", sealed=sealed))


def filled(desk: Desk) -> list[UserId]:
    owners = [UserId(desk.user(f"{n}@example.org").user_id) for n in range(USERS)]
    for number, owner in enumerate(owners):
        for each in range(EACH):
            add(desk, owner, f"{each:02}-{number:03}", ONLY_OLD)
    return owners


@dataclass
class Load:
    """Servers that add and remove keys, and somebody who reads all of them all the time."""

    desk: Desk
    owner: UserId
    keys: SqlSealedKeys
    errors: list[BaseException] = field(default_factory=list)
    opened: int = 0
    added: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        works = (self._read, lambda: self._add("a", BOTH), lambda: self._add("b", NOT_RESTARTED))
        threads = [threading.Thread(target=self._until_over, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join(timeout=60)

    def _until_over(self, work: Callable[[], None]) -> None:
        try:
            while not self._over.is_set():
                work()
        except BaseException as error:  # noqa: BLE001 - told by the test
            self.errors.append(error)

    def _read(self) -> None:
        for row in self.keys.not_sealed_with("", "", 10_000):
            assert unseal(row, BOTH) == secrets_of(row.key_id)
            self.opened += 1
        self._over.wait(0.01)

    def _add(self, name: str, box: AesGcmSecretBox) -> None:
        key_id = f"{name}-{next(_numbers)}"
        add(self.desk, self.owner, key_id, box)
        self.added += 1
        self._over.wait(0.005)
        self.desk.run(RemoveExchangeKey(user_id=self.owner, key_id=key_id))


_numbers = count()


def killed_rotation(url: str, after_batches: int) -> int:
    """Rotate in a process of its own, kill it after so many batches; return what it had done."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.resealing", url],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(f"{NEW.hex()}\n{OLD.hex()}\n")
    child.stdin.close()
    done = 0
    for _ in range(after_batches + 1):  # the first line is from before the first batch
        done = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    assert child.wait(timeout=30) == -signal.SIGKILL
    child.stdout.close()
    return done


def test_a_rotation_is_killed_and_resumed_under_load(store: SqlStore, keys: SqlSealedKeys) -> None:
    desk, dice = store.desk(), Random(12)  # noqa: S311 - no secret depends on it
    filled(desk)
    load = Load(desk, UserId(desk.user("load@example.org").user_id), keys)
    with load.running():
        for _ in range(ROUNDS):
            killed_rotation(store.url, dice.randint(1, 8))
        killed = keys.sealed_with()
    assert load.errors == []
    assert load.added > ROUNDS
    assert load.opened > USERS * EACH
    resealed = killed[BOTH.writes_with]
    assert ROUNDS * BATCH <= resealed < USERS * EACH  # each round did something, none did all
    reports: list[tuple[int, int]] = []
    done = reseal_all(keys, BOTH, lambda now, total: reports.append((now, total)))
    assert done.left == 0
    assert reports[-1] == (done.resealed, done.resealed)
    assert set(keys.sealed_with()) == {ONLY_NEW.writes_with}
    # The former key can go, and everything is still what it was.
    KeySafe(ONLY_NEW, keys).ensure_readable()
    rows = keys.not_sealed_with("", "", 10_000)
    assert len(rows) == USERS * EACH
    assert all(unseal(row, ONLY_NEW) == secrets_of(row.key_id) for row in rows)
    assert reseal_all(keys, ONLY_NEW, lambda _now, _total: None).resealed == 0


def test_a_server_that_was_not_restarted_is_noticed(store: SqlStore, keys: SqlSealedKeys) -> None:
    desk = store.desk()
    owner = UserId(desk.user().user_id)
    add(desk, owner, "1", ONLY_OLD)

    def meanwhile(done: int, _total: int) -> None:
        if done == 1:
            add(desk, owner, "0", NOT_RESTARTED)

    done = reseal_all(keys, BOTH, meanwhile)
    assert (done.resealed, done.left) == (1, 1)
    with pytest.raises(UnreadableSecretError, match=ONLY_OLD.writes_with):
        KeySafe(ONLY_NEW, keys).ensure_readable()
    assert reseal_all(keys, BOTH, lambda _now, _total: None).left == 0
    KeySafe(ONLY_NEW, keys).ensure_readable()


def test_two_rotations_at_once_do_the_work_of_one(store: SqlStore, keys: SqlSealedKeys) -> None:
    desk = store.desk()
    owner = UserId(desk.user().user_id)
    for number in range(20):
        add(desk, owner, f"{number:02}", ONLY_OLD)
    rows = keys.not_sealed_with(BOTH.writes_with, "", 100)
    first = reseal_all(keys, BOTH, lambda _now, _total: None)
    again = [replace(row, sealed_with=BOTH.writes_with) for row in rows]
    assert (first.resealed, keys.replace(rows, again)) == (20, 0)
    assert all(
        unseal(row, ONLY_NEW) == secrets_of(row.key_id) for row in keys.not_sealed_with("", "", 100)
    )


def test_a_key_that_was_removed_meanwhile_does_not_come_back(
    store: SqlStore, keys: SqlSealedKeys
) -> None:
    desk = store.desk()
    owner = UserId(desk.user().user_id)
    add(desk, owner, "1", ONLY_OLD)
    rows = keys.of_owner(owner)
    desk.run(RemoveExchangeKey(user_id=owner, key_id="1"))
    assert keys.replace(rows, rows) == 0
    assert keys.of_owner(owner) == []


def test_swapped_rows_are_refused(store: SqlStore, keys: SqlSealedKeys) -> None:
    desk = store.desk()
    ada, eve = (UserId(desk.user(f"{name}@example.org").user_id) for name in ("ada", "eve"))
    add(desk, ada, "1", ONLY_OLD)
    add(desk, eve, "2", ONLY_OLD)
    (hers,), (theirs,) = keys.of_owner(ada), keys.of_owner(eve)
    for swapped in (
        replace(hers, api_key=theirs.api_key),
        replace(hers, secret=theirs.secret),
        replace(hers, passphrase=hers.secret),
        replace(hers, api_key=hers.secret, secret=hers.api_key),
        replace(hers, owner_id=eve),
        replace(hers, key_id="2"),
        replace(theirs, owner_id=ada, key_id="1"),
    ):
        with pytest.raises(UnreadableSecretError, match="remove the key and add it anew"):
            unseal(swapped, ONLY_OLD)
