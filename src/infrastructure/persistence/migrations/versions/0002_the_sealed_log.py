"""The sealed log, and those who follow it.

Revision: 0002; after: 0001
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from alembic import op

from traderbot.infrastructure.persistence.types import ExactDecimal, UtcInstant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _big() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make it so."""
    op.create_index(
        "ix_events_corrections",
        "events",
        ["stream_id"],
        unique=False,
        sqlite_where=sa.text("type = 'portfolio.cash_corrected'"),
        postgresql_where=sa.text("type = 'portfolio.cash_corrected'"),
    )
    _sealed()
    _followed()
    _projected()
    op.create_table(
        "snapshots",
        sa.Column("size", _big(), autoincrement=False, nullable=False),
        sa.Column("part", _big(), autoincrement=False, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("states", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("size", "part", name=op.f("pk_snapshots")),
    )


def _sealed() -> None:
    op.create_table(
        "log_head",
        sa.Column("id", _big(), autoincrement=False, nullable=False),
        sa.Column("size", _big(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("epoch", _big(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_head")),
    )
    op.create_table(
        "log_tiles",
        sa.Column("level", _big(), autoincrement=False, nullable=False),
        sa.Column("tile", _big(), autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "tile", name=op.f("pk_log_tiles")),
    )
    op.create_table(
        "log_checkpoints",
        sa.Column("tree_size", _big(), autoincrement=False, nullable=False),
        sa.Column("epoch", _big(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("sealed_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("tree_size", "epoch", name=op.f("pk_log_checkpoints")),
    )
    op.create_table(
        "log_epochs",
        sa.Column("epoch", _big(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("started_at", UtcInstant(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("previous_size", _big(), nullable=False),
        sa.Column("previous_root", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name=op.f("pk_log_epochs")),
    )


def _followed() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("position", _big(), nullable=False),
        sa.Column("generation", _big(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until", UtcInstant(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_subscriptions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "parked_events",
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("log_index", _big(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("sequence_key", sa.Text(), nullable=False),
        sa.Column("attempts", _big(), nullable=False),
        sa.Column("first_at", UtcInstant(), nullable=False),
        sa.Column("last_at", UtcInstant(), nullable=False),
        sa.Column("next_at", UtcInstant(), nullable=True),
        sa.Column("error_type", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("subscription", "log_index", name=op.f("pk_parked_events")),
    )
    with op.batch_alter_table("parked_events", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_parked_events_subscription_sequence_key_log_index"),
            ["subscription", "sequence_key", "log_index"],
            unique=False,
        )
    op.create_table(
        "effects",
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", _big(), nullable=False),
        sa.Column("response_digest", sa.Text(), nullable=True),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("subscription", "event_id", name=op.f("pk_effects")),
    )


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, _big(), autoincrement=False, nullable=False)


def _exact(name: str) -> sa.Column[Decimal]:
    return sa.Column(name, ExactDecimal(), nullable=False)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, UtcInstant(), nullable=nullable)


def _projected() -> None:
    op.create_table(
        "order_timelines",
        _text("order_id"),
        _text("owner_id"),
        _text("portfolio_id"),
        _text("symbol"),
        _text("side"),
        _exact("quantity"),
        _exact("filled"),
        _number("fills"),
        _text("status"),
        _text("day"),
        _instant("placed_at"),
        _instant("decided_at", nullable=True),
        _instant("accepted_at", nullable=True),
        _instant("first_fill_at", nullable=True),
        _instant("last_fill_at", nullable=True),
        _instant("closed_at", nullable=True),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_order_timelines")),
    )
    op.create_table(
        "order_activity",
        _text("owner_id"),
        _text("day"),
        _text("symbol"),
        _number("working"),
        _number("refused"),
        _number("filled"),
        _number("canceled"),
        sa.PrimaryKeyConstraint("owner_id", "day", "symbol", name=op.f("pk_order_activity")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "daily_profits",
        _text("portfolio_id"),
        _text("day"),
        _text("currency"),
        _number("fills"),
        _exact("bought"),
        _exact("sold"),
        _exact("realised"),
        _exact("fees"),
        sa.PrimaryKeyConstraint("portfolio_id", "day", "currency", name=op.f("pk_daily_profits")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "round_trips",
        _text("portfolio_id"),
        _text("symbol"),
        _number("number"),
        _text("side"),
        _text("currency"),
        _number("fills"),
        _exact("held"),
        _exact("entered"),
        _exact("entry_value"),
        _exact("exit_value"),
        _exact("realised"),
        _exact("fees"),
        _instant("opened_at"),
        _instant("closed_at", nullable=True),
        sa.PrimaryKeyConstraint("portfolio_id", "symbol", "number", name=op.f("pk_round_trips")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "equity_points",
        _text("portfolio_id"),
        _text("currency"),
        _number("log_index"),
        _instant("at"),
        _exact("cash"),
        _exact("positions"),
        _exact("equity"),
        sa.PrimaryKeyConstraint(
            "portfolio_id", "currency", "log_index", name=op.f("pk_equity_points")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "valued_cash",
        _text("portfolio_id"),
        _text("currency"),
        _exact("amount"),
        sa.PrimaryKeyConstraint("portfolio_id", "currency", name=op.f("pk_valued_cash")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "valued_positions",
        _text("portfolio_id"),
        _text("symbol"),
        _text("currency"),
        _exact("quantity"),
        sa.PrimaryKeyConstraint("portfolio_id", "symbol", name=op.f("pk_valued_positions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "last_prices",
        _text("symbol"),
        _exact("price"),
        _instant("at"),
        _text("source"),
        sa.PrimaryKeyConstraint("symbol", name=op.f("pk_last_prices")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "valued_bots",
        _text("bot_run_id"),
        _text("portfolio_id"),
        _text("symbol"),
        sa.PrimaryKeyConstraint("bot_run_id", name=op.f("pk_valued_bots")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "risk_exposures",
        _text("portfolio_id"),
        _text("symbol"),
        _text("currency"),
        _exact("quantity"),
        _exact("cost"),
        _exact("reserved"),
        _instant("updated_at"),
        sa.PrimaryKeyConstraint("portfolio_id", "symbol", name=op.f("pk_risk_exposures")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "risk_refusals",
        _text("portfolio_id"),
        _number("log_index"),
        _number("line"),
        _text("owner_id"),
        _text("order_id"),
        _text("symbol"),
        _text("code"),
        _text("limit_text"),
        _text("value_text"),
        _instant("at"),
        sa.PrimaryKeyConstraint("portfolio_id", "log_index", "line", name=op.f("pk_risk_refusals")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "risk_pending",
        _text("order_id"),
        _text("owner_id"),
        _text("portfolio_id"),
        _text("symbol"),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_risk_pending")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "bar_imports",
        _text("symbol"),
        _text("timeframe"),
        _number("log_index"),
        _instant("at"),
        _instant("first_at"),
        _instant("last_at"),
        _number("bars"),
        _text("digest"),
        _text("source"),
        sa.PrimaryKeyConstraint("symbol", "timeframe", "log_index", name=op.f("pk_bar_imports")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Nothing: a log is never taken apart. Restore a copy instead."""
