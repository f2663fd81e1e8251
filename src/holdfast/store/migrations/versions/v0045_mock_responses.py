"""
Add the responses that gateways give instead of a backend.
"""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.add_column("api", sa.Column("mock_responses", sa.JSON(none_as_null=True), nullable=True))
