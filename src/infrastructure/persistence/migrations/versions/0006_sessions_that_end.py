"""Sessions: which logins of a user are open.

Revision: 0006; after: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it so."""
    op.add_column(
        "users",
        sa.Column("details", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
    )
