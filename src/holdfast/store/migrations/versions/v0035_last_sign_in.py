"""
Add when users last signed in, and when their browsers were last used.
"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.add_column("user_account", sa.Column("signed_in_at", sa.DateTime(), nullable=True))
    op.add_column("session", sa.Column("seen_at", sa.DateTime(), nullable=True))
