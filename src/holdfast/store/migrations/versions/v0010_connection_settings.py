"""
Add connection settings of endpoints.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    for environment in ("production", "sandbox"):
        op.add_column("api", sa.Column(f"{environment}_connection", sa.JSON(), nullable=True))
