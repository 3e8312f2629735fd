"""The first tables.

Revision: 0001; after: None
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from traderbot.infrastructure.persistence.types import ExactDecimal, UtcInstant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _big() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make it so."""
    op.create_table(
        "balances",
        sa.Column("portfolio_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("free", ExactDecimal(), nullable=False),
        sa.Column("reserved", ExactDecimal(), nullable=False),
        sa.Column("collateral", ExactDecimal(), nullable=False),
        sa.Column("stream_version", _big(), nullable=False),
        sa.PrimaryKeyConstraint("portfolio_id", "currency", name=op.f("pk_balances")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "bars",
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("timeframe", sa.Text(), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("open", ExactDecimal(), nullable=False),
        sa.Column("high", ExactDecimal(), nullable=False),
        sa.Column("low", ExactDecimal(), nullable=False),
        sa.Column("close", ExactDecimal(), nullable=False),
        sa.Column("volume", ExactDecimal(), nullable=False),
        sa.PrimaryKeyConstraint("symbol", "timeframe", "at", name=op.f("pk_bars")),
    )
    op.create_table(
        "bot_runs",
        sa.Column("bot_run_id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("portfolio_id", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("timeframe", sa.Text(), nullable=False),
        sa.Column("allocation", ExactDecimal(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("last_bar_at", UtcInstant(), nullable=True),
        sa.Column("input_digest", sa.Text(), nullable=False),
        sa.Column("decisions", _big(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("stream_version", _big(), nullable=False),
        sa.PrimaryKeyConstraint("bot_run_id", name=op.f("pk_bot_runs")),
    )
    with op.batch_alter_table("bot_runs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_bot_runs_owner_id_bot_run_id"), ["owner_id", "bot_run_id"], unique=False
        )

    op.create_table(
        "events",
        sa.Column("position", _big(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("stream_id", sa.Text(), nullable=False),
        sa.Column("version", _big(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("schema", _big(), nullable=False),
        sa.Column("occurred_at", UtcInstant(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("causation_id", sa.Text(), nullable=False),
        sa.Column("actor_type", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_events")),
        sa.UniqueConstraint("event_id", name=op.f("uq_events_event_id")),
        sa.UniqueConstraint("stream_id", "version", name=op.f("uq_events_stream_id_version")),
    )

    op.create_table(
        "idempotency",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_idempotency")),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("portfolio_id", sa.Text(), nullable=False),
        sa.Column("stream_version", _big(), nullable=False),
        sa.Column("line", _big(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("amount", ExactDecimal(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint(
            "portfolio_id", "stream_version", "line", name=op.f("pk_ledger_entries")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_queue",
        sa.Column("position", _big(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_log_queue")),
    )
    op.create_table(
        "orders",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("portfolio_id", sa.Text(), nullable=False),
        sa.Column("bot_run_id", sa.Text(), nullable=True),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("time_in_force", sa.Text(), nullable=False),
        sa.Column("quantity", ExactDecimal(), nullable=False),
        sa.Column("limit_price", ExactDecimal(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("filled", ExactDecimal(), nullable=False),
        sa.Column("paid", ExactDecimal(), nullable=False),
        sa.Column("fees", ExactDecimal(), nullable=False),
        sa.Column("reserved", ExactDecimal(), nullable=False),
        sa.Column("closing", ExactDecimal(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("venue_order_id", sa.Text(), nullable=True),
        sa.Column("placed_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("stream_version", _big(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_orders")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(
            "ix_orders_open_symbol",
            ["symbol"],
            unique=False,
            sqlite_where=sa.text("status IN ('approved', 'accepted', 'partially_filled')"),
            postgresql_where=sa.text("status IN ('approved', 'accepted', 'partially_filled')"),
        )
        batch_op.create_index(
            batch_op.f("ix_orders_owner_id_order_id"), ["owner_id", "order_id"], unique=False
        )

    op.create_table(
        "portfolios",
        sa.Column("portfolio_id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("opened_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("stream_version", _big(), nullable=False),
        sa.PrimaryKeyConstraint("portfolio_id", name=op.f("pk_portfolios")),
    )
    with op.batch_alter_table("portfolios", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_portfolios_owner_id_portfolio_id"),
            ["owner_id", "portfolio_id"],
            unique=False,
        )

    op.create_table(
        "positions",
        sa.Column("portfolio_id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("quantity", ExactDecimal(), nullable=False),
        sa.Column("cost", ExactDecimal(), nullable=False),
        sa.Column("realised", ExactDecimal(), nullable=False),
        sa.Column("fees", ExactDecimal(), nullable=False),
        sa.Column("collateral", ExactDecimal(), nullable=False),
        sa.Column("claimed", ExactDecimal(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("opened_at", UtcInstant(), nullable=True),
        sa.Column("closed_at", UtcInstant(), nullable=True),
        sa.Column("stream_version", _big(), nullable=False),
        sa.PrimaryKeyConstraint("portfolio_id", "symbol", name=op.f("pk_positions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "profiles",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_profiles")),
        sa.UniqueConstraint("email", name=op.f("uq_profiles_email")),
    )
    op.create_table(
        "streams",
        sa.Column("stream_id", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("version", _big(), nullable=False),
        sa.Column("head_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("stream_id", name=op.f("pk_streams")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "trades",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("fill_id", sa.Text(), nullable=False),
        sa.Column("portfolio_id", sa.Text(), nullable=False),
        sa.Column("bot_run_id", sa.Text(), nullable=True),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("quantity", ExactDecimal(), nullable=False),
        sa.Column("price", ExactDecimal(), nullable=False),
        sa.Column("notional", ExactDecimal(), nullable=False),
        sa.Column("fee", ExactDecimal(), nullable=False),
        sa.Column("fee_currency", sa.Text(), nullable=False),
        sa.Column("realised", ExactDecimal(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("stream_version", _big(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "fill_id", name=op.f("pk_trades")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("trades", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_trades_portfolio_id_at"), ["portfolio_id", "at"], unique=False
        )

    op.create_table(
        "users",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("registered_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("stream_version", _big(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_users")),
    )
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_users_active"), ["active"], unique=False)
    # The log in its final order. SQLite's writers are serial, so positions are that order already;
    # in PostgreSQL the sealer assigns it after the commit.
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIEW log AS SELECT position - 1 AS log_index, position, leaf_hash FROM events"
        )
    else:
        op.create_table(
            "log",
            sa.Column("log_index", sa.BigInteger(), primary_key=True, autoincrement=False),
            sa.Column("position", sa.BigInteger(), nullable=False, unique=True),
            sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        )


def downgrade() -> None:
    """Nothing: a log is never taken apart. Restore a copy instead."""
