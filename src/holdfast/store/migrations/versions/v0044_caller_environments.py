"""
Add the environment that a caller certificate is accepted in.
"""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.add_column("caller_certificate", sa.Column("environment", sa.String(), nullable=True))
