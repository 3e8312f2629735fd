"""The tables that the shipped projections keep; each belongs to one handler, which alone writes it.

They follow the log from a place of their own, so they may be a moment behind the state rows, and
any of them can be emptied and made again from the first event on (docs/events.md). A `log_index` is
an event's place in the sealed log, a `day` the UTC date as text, such as 2026-11-21.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import false, text
from sqlalchemy.orm import Mapped, mapped_column

from traderbot.infrastructure.persistence.tables import ONE_TREE, Base


class OrderTimelineRow(Base):
    """When an order got how far."""

    __tablename__ = "order_timelines"

    order_id: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[str]
    portfolio_id: Mapped[str]
    symbol: Mapped[str]
    side: Mapped[str]
    quantity: Mapped[Decimal]
    filled: Mapped[Decimal]
    fills: Mapped[int]
    status: Mapped[str]
    day: Mapped[str]  # it was placed on
    placed_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    first_fill_at: Mapped[datetime | None]
    last_fill_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    cancel_requested: Mapped[bool] = mapped_column(server_default=false())


class OrderActivityRow(Base):
    """What became of the orders that were placed on one day: each counts in one column."""

    __tablename__ = "order_activity"
    __table_args__ = ONE_TREE

    owner_id: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    working: Mapped[int]
    refused: Mapped[int]
    filled: Mapped[int]
    canceled: Mapped[int]
    expired: Mapped[int] = mapped_column(server_default=text("0"))
    rejected: Mapped[int] = mapped_column(server_default=text("0"))


class DailyProfitRow(Base):
    """What a portfolio traded and earned on one day in one currency."""

    __tablename__ = "daily_profits"
    __table_args__ = ONE_TREE

    portfolio_id: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    fills: Mapped[int]
    bought: Mapped[Decimal]
    sold: Mapped[Decimal]
    realised: Mapped[Decimal]  # before fees
    fees: Mapped[Decimal]


class RoundTripRow(Base):
    """A position from flat to flat. `closed_at` is empty while it is open.

    Once it is closed, `realised` is exactly what came in less what went out, before fees.
    """

    __tablename__ = "round_trips"
    __table_args__ = ONE_TREE

    portfolio_id: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    side: Mapped[str]  # buy: it was long; sell: short
    currency: Mapped[str]
    fills: Mapped[int]
    held: Mapped[Decimal]  # still, never below zero
    entered: Mapped[Decimal]  # all that was opened
    entry_value: Mapped[Decimal]
    exit_value: Mapped[Decimal]
    realised: Mapped[Decimal]
    fees: Mapped[Decimal]  # those in its currency
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class EquityPointRow(Base):
    """What a portfolio was worth in one currency after an event: a point of its equity curve."""

    __tablename__ = "equity_points"
    __table_args__ = ONE_TREE

    portfolio_id: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    log_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    cash: Mapped[Decimal]  # free, reserved and collateral
    positions: Mapped[Decimal]  # at the last known price; below zero if short
    equity: Mapped[Decimal]


class ValuedCashRow(Base):
    """Cash, as the valuation knows it."""

    __tablename__ = "valued_cash"
    __table_args__ = ONE_TREE

    portfolio_id: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    amount: Mapped[Decimal]


class ValuedPositionRow(Base):
    """What is held, as the valuation knows it; below zero when short."""

    __tablename__ = "valued_positions"
    __table_args__ = ONE_TREE

    portfolio_id: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str]
    quantity: Mapped[Decimal]


class LastPriceRow(Base):
    """The newest price the log knows of a symbol, and the type of the event that said it."""

    __tablename__ = "last_prices"
    __table_args__ = ONE_TREE

    symbol: Mapped[str] = mapped_column(primary_key=True)
    price: Mapped[Decimal]
    at: Mapped[datetime]
    source: Mapped[str]


class ValuedBotRow(Base):
    """Which portfolio a bot's bars are about."""

    __tablename__ = "valued_bots"
    __table_args__ = ONE_TREE

    bot_run_id: Mapped[str] = mapped_column(primary_key=True)
    portfolio_id: Mapped[str]
    symbol: Mapped[str]


class RiskExposureRow(Base):
    """What a portfolio has at stake in one symbol: held at cost, and set aside by orders."""

    __tablename__ = "risk_exposures"
    __table_args__ = ONE_TREE

    portfolio_id: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str]
    quantity: Mapped[Decimal]  # below zero when short
    cost: Mapped[Decimal]  # below zero when short
    reserved: Mapped[Decimal]
    updated_at: Mapped[datetime]


class RiskRefusalRow(Base):
    """One limit that one order broke."""

    __tablename__ = "risk_refusals"
    __table_args__ = ONE_TREE

    portfolio_id: Mapped[str] = mapped_column(primary_key=True)
    log_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    owner_id: Mapped[str]
    order_id: Mapped[str]
    symbol: Mapped[str]
    code: Mapped[str]
    limit_text: Mapped[str]
    value_text: Mapped[str]
    at: Mapped[datetime]


class RiskPendingRow(Base):
    """An order the gate has not answered yet: whose it is."""

    __tablename__ = "risk_pending"
    __table_args__ = ONE_TREE

    order_id: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[str]
    portfolio_id: Mapped[str]
    symbol: Mapped[str]


class BarImportRow(Base):
    """Where bars came from; see `BarsRecorded`."""

    __tablename__ = "bar_imports"
    __table_args__ = ONE_TREE

    symbol: Mapped[str] = mapped_column(primary_key=True)
    timeframe: Mapped[str] = mapped_column(primary_key=True)
    log_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    bars: Mapped[int]
    digest: Mapped[str]
    source: Mapped[str]
