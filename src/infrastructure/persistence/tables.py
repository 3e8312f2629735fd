"""Every table of the platform, defined once; migrations and statements are made from these.

`events` is the truth. The tables here are state rows: what the events add up to, kept in the same
transaction, for reading. `audit diff` proves that they agree, `audit rebuild` makes them again.
What seals the log and follows it has tables of its own, in `log_tables.py`.
Amounts are `ExactDecimal`, instants `UtcInstant`; ids are UUID text.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.infrastructure.persistence.metadata import metadata as shared_metadata
from traderbot.infrastructure.persistence.types import ExactDecimal, UtcInstant

# In SQLite, keep such a table in the tree of its key instead of in a second one beside it.
ONE_TREE = {"sqlite_with_rowid": False}
BIG = BigInteger().with_variant(Integer, "sqlite")  # SQLite's rowid is an INTEGER by that name


class Base(DeclarativeBase):
    """The root of the table definitions."""

    metadata = shared_metadata
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own protocol
        Decimal: ExactDecimal,
        datetime: UtcInstant,
        str: Text,
        bytes: LargeBinary,
        int: BIG,
    }


class StreamRow(Base):
    """One aggregate's history: how long it is and the hash of its last event."""

    __tablename__ = "streams"
    __table_args__ = ONE_TREE

    stream_id: Mapped[str] = mapped_column(primary_key=True)
    category: Mapped[str]
    version: Mapped[int]
    head_hash: Mapped[bytes]
    created_at: Mapped[datetime]


class EventRow(Base):
    """One event. `body` is the truth, byte for byte; the other columns are copies to search by."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("stream_id", "version"),
        # A handful of rows: what `audit explain` asks for among a portfolio's many events.
        Index(
            "ix_events_corrections",
            "stream_id",
            sqlite_where=text("type = 'portfolio.cash_corrected'"),
            postgresql_where=text("type = 'portfolio.cash_corrected'"),
        ),
    )

    position: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(unique=True)
    stream_id: Mapped[str]
    version: Mapped[int]
    type: Mapped[str]
    schema: Mapped[int]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    command_id: Mapped[str]  # no index: an event's id is its command's, numbered (unit.py)
    correlation_id: Mapped[str]
    causation_id: Mapped[str]
    actor_type: Mapped[str]
    actor_id: Mapped[str]
    body: Mapped[bytes]
    leaf_hash: Mapped[bytes]


class AnswerRow(Base):
    """What a command with an idempotency key answered, so that asking again answers the same."""

    __tablename__ = "idempotency"  # not in one tree: keys come in any order, answers are long

    scope: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    command_id: Mapped[str]
    response: Mapped[bytes]
    created_at: Mapped[datetime]


class UserRow(Base):
    """State of a user stream."""

    __tablename__ = "users"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    active: Mapped[bool] = mapped_column(index=True)
    registered_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    details: Mapped[str] = mapped_column(server_default=text("'{}'"))
    stream_version: Mapped[int]


class ProfileRow(Base):
    """What is known of a person. Not in the log, so that it can be erased."""

    __tablename__ = "profiles"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    created_at: Mapped[datetime]


class ExchangeKeyRow(Base):
    """The sealed secrets of an exchange key. Not in the log, so that they can be erased."""

    __tablename__ = "exchange_keys"

    key_id: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[str]
    api_key: Mapped[str]
    secret: Mapped[str]
    passphrase: Mapped[str | None]
    sealed_with: Mapped[str]
    created_at: Mapped[datetime]


class PortfolioRow(Base):
    """State of a portfolio stream."""

    __tablename__ = "portfolios"
    __table_args__ = (Index(None, "owner_id", "portfolio_id"),)

    portfolio_id: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[str]
    name: Mapped[str]
    opened_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    stream_version: Mapped[int]


class BalanceRow(Base):
    """One currency of a portfolio."""

    __tablename__ = "balances"
    __table_args__ = ONE_TREE

    portfolio_id: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    free: Mapped[Decimal]
    reserved: Mapped[Decimal]
    collateral: Mapped[Decimal]
    stream_version: Mapped[int]


class PositionRow(Base):
    """What a portfolio holds of one symbol; `quantity` is below zero when short."""

    __tablename__ = "positions"
    __table_args__ = ONE_TREE

    portfolio_id: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    quantity: Mapped[Decimal]
    cost: Mapped[Decimal]
    realised: Mapped[Decimal]
    fees: Mapped[Decimal]
    collateral: Mapped[Decimal]
    claimed: Mapped[Decimal]
    currency: Mapped[str]
    is_open: Mapped[bool]
    opened_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    stream_version: Mapped[int]


# Written as `questions.IS_OPEN` comes out, or SQLite would not use the index for it.
OPEN_STATUSES = ", ".join(f"'{status.value}'" for status in OrderStatus if status.is_open)
_IS_OPEN = f"status IN ({OPEN_STATUSES})"


class OrderRow(Base):
    """State of an order stream. `details` holds what no question asks for, as JSON."""

    __tablename__ = "orders"
    __table_args__ = (
        Index(None, "owner_id", "order_id"),
        Index(
            "ix_orders_open_symbol",
            "symbol",
            sqlite_where=text(_IS_OPEN),
            postgresql_where=text(_IS_OPEN),
        ),
        # The caller's own name for an order, given once in a portfolio.
        Index(
            "ix_orders_client_order_id",
            "portfolio_id",
            "client_order_id",
            unique=True,
            sqlite_where=text("client_order_id IS NOT NULL"),
            postgresql_where=text("client_order_id IS NOT NULL"),
        ),
        ONE_TREE,
    )

    order_id: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[str]
    portfolio_id: Mapped[str]
    bot_run_id: Mapped[str | None]
    symbol: Mapped[str]
    side: Mapped[str]
    kind: Mapped[str]
    time_in_force: Mapped[str]
    quantity: Mapped[Decimal]
    limit_price: Mapped[Decimal | None]
    status: Mapped[str]
    filled: Mapped[Decimal]
    paid: Mapped[Decimal]
    fees: Mapped[Decimal]
    reserved: Mapped[Decimal]
    closing: Mapped[Decimal]
    currency: Mapped[str]
    reasons: Mapped[str]
    venue_order_id: Mapped[str | None]
    stop_price: Mapped[Decimal | None]
    expires_at: Mapped[datetime | None]
    client_order_id: Mapped[str | None]
    venue: Mapped[str | None]
    account: Mapped[str | None]
    details: Mapped[str] = mapped_column(server_default=text("'{}'"))
    placed_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    stream_version: Mapped[int]


class TradeRow(Base):
    """One booked fill."""

    __tablename__ = "trades"
    __table_args__ = (Index(None, "portfolio_id", "at"), ONE_TREE)

    order_id: Mapped[str] = mapped_column(primary_key=True)
    fill_id: Mapped[str] = mapped_column(primary_key=True)
    portfolio_id: Mapped[str]
    bot_run_id: Mapped[str | None]
    symbol: Mapped[str]
    side: Mapped[str]
    quantity: Mapped[Decimal]
    price: Mapped[Decimal]
    notional: Mapped[Decimal]
    fee: Mapped[Decimal]
    fee_currency: Mapped[str]
    realised: Mapped[Decimal]
    currency: Mapped[str]
    at: Mapped[datetime]
    stream_version: Mapped[int]


class LedgerRow(Base):
    """One posting of the double-entry ledger; the lines of one event sum to zero."""

    __tablename__ = "ledger_entries"
    __table_args__ = ONE_TREE

    portfolio_id: Mapped[str] = mapped_column(primary_key=True)
    stream_version: Mapped[int] = mapped_column(primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str]
    amount: Mapped[Decimal]
    currency: Mapped[str]
    at: Mapped[datetime]


class BotRunRow(Base):
    """State of a bot-run stream."""

    __tablename__ = "bot_runs"
    __table_args__ = (Index(None, "owner_id", "bot_run_id"),)

    bot_run_id: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[str]
    portfolio_id: Mapped[str]
    strategy: Mapped[str]
    parameters: Mapped[str]
    symbol: Mapped[str]
    timeframe: Mapped[str]
    allocation: Mapped[Decimal]
    status: Mapped[str]
    started_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    last_bar_at: Mapped[datetime | None]
    input_digest: Mapped[str]
    decisions: Mapped[int]
    order_id: Mapped[str | None]
    details: Mapped[str] = mapped_column(server_default=text("'{}'"))
    stream_version: Mapped[int]


class BotHolderRow(Base):
    """A process that runs bots, and until when it is taken to be alive. Not made from the log."""

    __tablename__ = "bot_holders"

    holder: Mapped[str] = mapped_column(primary_key=True)
    alive_until: Mapped[datetime]
