"""
Remember who imported a removed certificate, so that it is known after it was restored.
"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.add_column("removed_certificate", sa.Column("created_by", sa.String(), nullable=True))
