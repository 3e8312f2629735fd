"""Bots that run: who holds a run, why it is paused or stopped, and which processes are alive.

Revision: 0005; after: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from traderbot.infrastructure.persistence.types import UtcInstant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it so."""
    op.add_column(
        "bot_runs",
        sa.Column("details", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
    )
    op.create_table(
        "bot_holders",
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("alive_until", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("holder", name=op.f("pk_bot_holders")),
    )
