"""The writer's storage in memory: the guarantees of a database, without one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from sqlalchemy import Table

from traderbot.application.errors import EmailTakenError
from traderbot.application.ports.unit_of_work import Profile
from traderbot.domain.shared.decimals import EXACT, ZERO, add
from traderbot.domain.shared.ids import PortfolioId
from traderbot.domain.shared.values import Currency, Price, Symbol
from traderbot.infrastructure.event_store.body import GENESIS
from traderbot.infrastructure.memory.store import Key, Memory, keyed, version_of
from traderbot.infrastructure.persistence.statements import Row
from traderbot.infrastructure.persistence.storage import (
    Answer,
    Changes,
    StaleStreamError,
    StoredStream,
)
from traderbot.infrastructure.persistence.tables import BalanceRow, EventRow, OrderRow, PositionRow

_NAMES = [column.name for column in EventRow.__table__.columns if column.name != "position"]
_EVENT_ID, _STREAM_ID, _VERSION, _BODY, _LEAF_HASH = (
    _NAMES.index(name) for name in ("event_id", "stream_id", "version", "body", "leaf_hash")
)


class MemoryStorage:
    """`Storage` on a `Memory`, for one writer thread; several may share the memory."""

    def __init__(self, memory: Memory) -> None:
        """Write into `memory`."""
        self._memory = memory
        self._seen: int | None = None

    def begin(self) -> MemoryTransaction:
        """Open a transaction; nobody else can write until it ends."""
        self._memory.writing.acquire()
        return MemoryTransaction(self, self._memory)

    def seen_elsewhere(self) -> bool:
        """Whether another storage has committed since this one's last transaction."""
        seen, self._seen = self._seen, self._memory.commits
        return seen != self._seen

    def committed(self) -> None:
        """Count a commit of one's own as seen."""
        self._seen = self._memory.commits

    def distrust_connection(self) -> None:
        """There is none, and what was not committed is nowhere."""

    def close(self) -> None:
        """Nothing is held between transactions."""


class MemoryTransaction:
    """`Transaction` on a `Memory`. What is written becomes visible, all at once, with `commit`."""

    def __init__(self, storage: MemoryStorage, memory: Memory) -> None:
        """Work on an open transaction."""
        self._storage = storage
        self._memory = memory
        self._changes = Changes()
        self._open = True

    def stream_after(self, stream_id: str, version: int) -> StoredStream:
        """Return what follows in a stream."""
        rows = self._memory.streams.get(stream_id, [])[version:]
        return StoredStream([row[_BODY] for row in rows], rows[-1][_LEAF_HASH] if rows else None)

    def answers(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Answer]:
        """Return known answers."""
        known = self._memory.answers
        return {key: known[key] for key in keys if key in known}

    def profile_by_email(self, email: str) -> Profile | None:
        """Return the profile with that address."""
        return self._memory.profiles.get(email)

    def latest_close(self, symbol: Symbol) -> Price | None:
        """Return the close of the newest bar."""
        return self._memory.latest_close(symbol)

    def has_client_order_id(self, portfolio_id: PortfolioId, client_order_id: str) -> bool:
        """Whether an order of that portfolio has the name."""
        return any(
            it.client_order_id == client_order_id and it.portfolio_id == portfolio_id
            for it in self._memory.rows(OrderRow)
        )

    def at_risk(self, currency: Currency) -> Decimal:
        """Return what all portfolios have at risk."""
        reserved = (
            it.reserved for it in self._memory.rows(BalanceRow) if it.currency == currency.code
        )
        costs = (
            it.cost
            for it in self._memory.rows(PositionRow)
            if it.currency == currency.code and it.is_open
        )
        total = ZERO
        for amount in (*reserved, *costs):
            total = add(total, EXACT.abs(amount))
        return total

    def write(self, changes: Changes) -> None:
        """Check all of it against what is there. Raises StaleStreamError, EmailTakenError."""
        memory = self._memory
        if any((it.scope, it.key) in memory.answers for it in changes.answers):
            msg = "an idempotency key was taken meanwhile"
            raise StaleStreamError(msg)
        expected = [(it.stream_id, it.expected) for it in changes.streams]
        absent = [(stream_id, 0) for stream_id in changes.absent]
        for stream_id, version in (*expected, *changes.unchanged, *absent):
            if len(memory.streams.get(stream_id, ())) != version:
                msg = f"{stream_id} moved on meanwhile"
                raise StaleStreamError(msg)
        if any(it.email in memory.profiles for it in changes.profiles):
            msg = "this e-mail address belongs to another user"
            raise EmailTakenError(msg)
        _check_chain(changes)
        for table, rows in changes.inserts.items():
            _check_new(table, memory.tables[table], rows)
        self._changes = changes

    def commit(self) -> None:
        """Show it to everybody. Nothing outlives the process, so nothing is synced."""
        memory, changes = self._memory, self._changes
        with memory.reading:
            for answer in changes.answers:
                memory.answers[answer.scope, answer.key] = answer
            memory.events += changes.events
            for row in changes.events:
                memory.streams.setdefault(row[_STREAM_ID], []).append(row)
            for table, rows in changes.upserts.items():
                _upsert(table, memory.tables[table], rows)
            for table, rows in changes.inserts.items():
                memory.tables[table].update(keyed(table, rows))
            for profile in changes.profiles:
                memory.profiles[profile.email] = profile
            for user_id, password_hash in changes.passwords:
                for profile in memory.profiles.values():
                    if profile.user_id == user_id:
                        changed = replace(profile, password_hash=password_hash)
                        memory.profiles[profile.email] = changed
                        break
            memory.vault.update((it.key_id, it) for it in changes.sealed)
            for key_id in changes.unsealed:
                memory.vault.pop(key_id, None)
            memory.commits += 1
        self._storage.committed()
        self._end()

    def rollback(self) -> None:
        """Forget it. After a commit there is nothing to forget."""
        self._end()

    def _end(self) -> None:
        if self._open:
            self._open = False
            self._memory.writing.release()


def _check_chain(changes: Changes) -> None:
    """Raise ValueError unless every stream's new events are dense and end in its new head."""
    ends = {it.stream_id: (it.expected, GENESIS) for it in changes.streams}
    for row in changes.events:
        version, _ = ends[row[_STREAM_ID]]
        if row[_VERSION] != version + 1:
            msg = f"{row[_STREAM_ID]} has {version} events, the next is not {row[_VERSION]}"
            raise ValueError(msg)
        ends[row[_STREAM_ID]] = (row[_VERSION], row[_LEAF_HASH])
    for it in changes.streams:
        if ends[it.stream_id] != (it.version, it.head_hash):
            msg = f"the new events of {it.stream_id} do not end in its head"
            raise ValueError(msg)


def _check_new(table: Table, known: dict[Key, Row], rows: list[Row]) -> None:
    keys = [key for key, _row in keyed(table, rows)]
    if len(set(keys)) != len(keys) or any(key in known for key in keys):
        msg = f"a row of {table.name} is there already"
        raise ValueError(msg)


def _upsert(table: Table, known: dict[Key, Row], rows: list[Row]) -> None:
    for key, row in keyed(table, rows):
        old = known.get(key)
        if old is None or version_of(table, row) >= version_of(table, old):
            known[key] = row
