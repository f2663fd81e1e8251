"""
Add the client's address to audit events.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.add_column("audit_event", sa.Column("address", sa.String(), nullable=True))
