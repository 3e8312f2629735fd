"""The table of sealed exchange keys, for those who look after it; the writer fills it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Final

from sqlalchemy import Engine, bindparam, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from traderbot.application.errors import DatabaseUnavailableError
from traderbot.application.ports.vault import SealedExchangeKey, SealedKeys
from traderbot.domain.shared.ids import UserId
from traderbot.domain.shared.instants import instant_text
from traderbot.infrastructure.persistence.sqlite_gate import gate_of
from traderbot.infrastructure.persistence.tables import ExchangeKeyRow

# What was sealed again meanwhile has another text, even with the same key: nonces never repeat.
_REPLACE: Final = (
    update(ExchangeKeyRow)
    .where(
        ExchangeKeyRow.key_id == bindparam("id"),
        ExchangeKeyRow.sealed_with == bindparam("old_sealed_with"),
        ExchangeKeyRow.api_key == bindparam("old_api_key"),
    )
    .values(
        api_key=bindparam("new_api_key"),
        secret=bindparam("new_secret"),
        passphrase=bindparam("new_passphrase"),
        sealed_with=bindparam("new_sealed_with"),
    )
)


def row_of(sealed: SealedExchangeKey) -> tuple[object, ...]:
    """Return the columns of a row, in the order of the table."""
    return (
        sealed.key_id,
        sealed.owner_id,
        sealed.api_key,
        sealed.secret,
        sealed.passphrase,
        sealed.sealed_with,
        instant_text(sealed.created_at),
    )


class SqlSealedKeys(SealedKeys):
    """`SealedKeys` in SQLite or PostgreSQL."""

    def __init__(self, reading: Engine, writing: Engine | None = None) -> None:
        """Read through one engine; `replace` needs the other."""
        self._reading = reading
        self._writing = writing

    def sealed_with(self) -> Mapping[str, int]:
        """Return how many keys each sealing key has sealed."""
        by_key = ExchangeKeyRow.sealed_with
        question = select(by_key, func.count().label("n")).group_by(by_key)
        with _translated(), self._reading.connect() as connection:
            return {row.sealed_with: row.n for row in connection.execute(question)}

    def of_owner(self, owner_id: UserId) -> Sequence[SealedExchangeKey]:
        """Return the keys of one user."""
        return self._rows(
            select(*_COLUMNS)
            .where(ExchangeKeyRow.owner_id == owner_id)
            .order_by(ExchangeKeyRow.created_at, ExchangeKeyRow.key_id)
        )

    def not_sealed_with(
        self, sealing_key: str, after: str, limit: int
    ) -> Sequence[SealedExchangeKey]:
        """Return keys that another sealing key has sealed, by id."""
        return self._rows(
            select(*_COLUMNS)
            .where(ExchangeKeyRow.sealed_with != sealing_key, ExchangeKeyRow.key_id > after)
            .order_by(ExchangeKeyRow.key_id)
            .limit(limit)
        )

    def replace(self, old: Sequence[SealedExchangeKey], new: Sequence[SealedExchangeKey]) -> int:
        """Put each new one in the place of the old, in one transaction."""
        assert self._writing is not None  # noqa: S101 - whoever replaces was given it
        replaced = 0
        is_a_file = self._writing.dialect.name == "sqlite"
        gap = gate_of(self._writing).waiting() if is_a_file else nullcontext()
        with _translated(), gap, self._writing.begin() as connection:
            for was, now in zip(old, new, strict=True):
                values = {
                    "id": was.key_id,
                    "old_sealed_with": was.sealed_with,
                    "old_api_key": was.api_key,
                    "new_api_key": now.api_key,
                    "new_secret": now.secret,
                    "new_passphrase": now.passphrase,
                    "new_sealed_with": now.sealed_with,
                }
                replaced += connection.execute(_REPLACE, values).rowcount
        return replaced

    def _rows(self, question: Any) -> list[SealedExchangeKey]:  # noqa: ANN401 - a select
        with _translated(), self._reading.connect() as connection:
            return [
                SealedExchangeKey(
                    key_id=row.key_id,
                    owner_id=UserId(row.owner_id),
                    api_key=row.api_key,
                    secret=row.secret,
                    passphrase=row.passphrase,
                    sealed_with=row.sealed_with,
                    created_at=row.created_at,
                )
                for row in connection.execute(question)
            ]


_COLUMNS: Final = (
    ExchangeKeyRow.key_id,
    ExchangeKeyRow.owner_id,
    ExchangeKeyRow.api_key,
    ExchangeKeyRow.secret,
    ExchangeKeyRow.passphrase,
    ExchangeKeyRow.sealed_with,
    ExchangeKeyRow.created_at,
)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        msg = "the database did not do it; the exchange keys are as they were"
        raise DatabaseUnavailableError(msg) from error
