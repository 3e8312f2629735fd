"""What the writer needs of a database: one transaction at a time, whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple, Protocol

from sqlalchemy import Table

from traderbot.application.ports.unit_of_work import Profile
from traderbot.application.ports.vault import SealedExchangeKey
from traderbot.domain.shared.ids import PortfolioId, UserId
from traderbot.domain.shared.values import Currency, Price, Symbol
from traderbot.infrastructure.persistence.statements import Row

# The category of streams that decide whether anything may be sent at all. Every order reads them,
# and most of them do not exist: that they do not is a thing to hold on to as well.
GUARDING: Final = "risk"


class StaleStreamError(Exception):
    """Another writer moved a stream on since it was read. The transaction is over."""


class StreamChange(NamedTuple):
    """A stream that grew, and the version it must still have."""

    stream_id: str
    category: str
    expected: int
    version: int
    head_hash: bytes
    created_at: str


class Answer(NamedTuple):
    """What a command with an idempotency key answered."""

    scope: str
    key: str
    fingerprint: bytes
    command_id: str
    response: bytes
    created_at: str


@dataclass(slots=True)
class Changes:
    """Everything one transaction writes."""

    answers: list[Answer] = field(default_factory=list)
    streams: list[StreamChange] = field(default_factory=list)
    unchanged: list[tuple[str, int]] = field(default_factory=list)  # read, and decided upon
    absent: list[str] = field(default_factory=list)  # looked for, not there, and decided upon
    events: list[Row] = field(default_factory=list)  # every column but the position
    profiles: list[Profile] = field(default_factory=list)
    passwords: list[tuple[UserId, str]] = field(default_factory=list)  # hashes, in their order
    sealed: list[SealedExchangeKey] = field(default_factory=list)
    unsealed: list[str] = field(default_factory=list)  # keys to erase, once those above are there
    upserts: dict[Table, list[Row]] = field(default_factory=dict)
    inserts: dict[Table, list[Row]] = field(default_factory=dict)

    @property
    def is_worth_a_commit(self) -> bool:
        """Whether anything would be written: state rows change only where events are."""
        return bool(
            self.events
            or self.answers
            or self.profiles
            or self.passwords
            or self.sealed
            or self.unsealed
        )


class StoredStream(NamedTuple):
    """The part of a stream after a known version."""

    bodies: Sequence[bytes]
    head_hash: bytes | None


class Transaction(Protocol):
    """One open transaction of the writer."""

    def stream_after(self, stream_id: str, version: int) -> StoredStream:
        """Return the bodies of all events after `version`, oldest first, and the newest hash."""
        ...

    def answers(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Answer]:
        """Return the answers that are known for these (scope, key) pairs."""
        ...

    def profile_by_email(self, email: str) -> Profile | None:
        """Return the profile with that address."""
        ...

    def latest_close(self, symbol: Symbol) -> Price | None:
        """Return the close of the newest bar of that symbol."""
        ...

    def has_client_order_id(self, portfolio_id: PortfolioId, client_order_id: str) -> bool:
        """Whether an order of that portfolio has the name, as committed."""
        ...

    def at_risk(self, currency: Currency) -> Decimal:
        """Return what all portfolios have at risk in a currency, as committed.

        What open positions cost, regardless of their side, and what working orders have set aside.
        """
        ...

    def write(self, changes: Changes) -> None:
        """Write all of it, in the order of docs/architecture.md; not durable before `commit`.

        Raises:
            StaleStreamError: a stream is not at the version it was expected to be.
        """
        ...

    def commit(self) -> None:
        """Make it durable.

        Raises:
            OutcomeUnknownError: the connection broke, and nobody can tell.
        """
        ...

    def rollback(self) -> None:
        """Forget it."""
        ...


class Storage(Protocol):
    """A database for one writer thread."""

    def begin(self) -> Transaction:
        """Open a transaction that nobody else can write into."""
        ...

    def seen_elsewhere(self) -> bool:
        """Whether another process may have written since the last transaction of this writer.

        Asked inside a transaction. False promises that everything cached is still the newest.
        """
        ...

    def distrust_connection(self) -> None:
        """Have the next transaction open on a new connection: nobody knows how this one was left.

        What was not committed on the old one is rolled back.
        """
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...
