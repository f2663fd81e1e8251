"""
Add lifecycle states that earlier versions don't know, such as Blocked.
"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.add_column("api", sa.Column("newer_state", sa.String(), nullable=True))
    op.add_column("api", sa.Column("newer_state_at", sa.DateTime(), nullable=True))
