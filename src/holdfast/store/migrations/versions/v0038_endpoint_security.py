"""
Add endpoint security: how gateways sign in to the backends of an API.
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.add_column("api", sa.Column("production_security", sa.JSON(), nullable=True))
    op.add_column("api", sa.Column("sandbox_security", sa.JSON(), nullable=True))
