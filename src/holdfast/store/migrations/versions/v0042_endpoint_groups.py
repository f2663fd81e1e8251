"""
Add load-balanced and failover groups of endpoints.
"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.add_column("api", sa.Column("production_group", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("api", sa.Column("sandbox_group", sa.JSON(none_as_null=True), nullable=True))
