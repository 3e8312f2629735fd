"""Every kind of order: stops, dates, names, and the venue an order is with.

Revision: 0004; after: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from traderbot.infrastructure.persistence.types import ExactDecimal, UtcInstant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_OPEN = (
    "status IN ('approved', 'submitting', 'unknown', 'unconfirmed', 'accepted', "
    "'partially_filled', 'pending_cancel')"
)
_NAMED = "client_order_id IS NOT NULL"


def upgrade() -> None:
    """Make it so."""
    for column in (
        sa.Column("stop_price", ExactDecimal(), nullable=True),
        sa.Column("expires_at", UtcInstant(), nullable=True),
        sa.Column("client_order_id", sa.Text(), nullable=True),
        sa.Column("venue", sa.Text(), nullable=True),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("details", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
    ):
        op.add_column("orders", column)
    op.drop_index("ix_orders_open_symbol", "orders")
    op.create_index(
        "ix_orders_open_symbol",
        "orders",
        ["symbol"],
        sqlite_where=sa.text(_OPEN),
        postgresql_where=sa.text(_OPEN),
    )
    op.create_index(
        "ix_orders_client_order_id",
        "orders",
        ["portfolio_id", "client_order_id"],
        unique=True,
        sqlite_where=sa.text(_NAMED),
        postgresql_where=sa.text(_NAMED),
    )
    op.add_column(
        "order_timelines",
        sa.Column("cancel_requested", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    for end in ("expired", "rejected"):
        op.add_column(
            "order_activity",
            sa.Column(end, sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        )
    # What was accepted so far was accepted by the paper venue: there was no other.
    op.execute("UPDATE orders SET venue = 'paper' WHERE venue_order_id IS NOT NULL")
