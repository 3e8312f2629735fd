"""Exchange keys: their sealed secrets, beside the log.

Revision: 0007; after: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from traderbot.infrastructure.persistence.types import UtcInstant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it so."""
    op.create_table(
        "exchange_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("api_key", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("passphrase", sa.Text(), nullable=True),
        sa.Column("sealed_with", sa.Text(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_exchange_keys")),
    )
