"""
Add an index of the endpoint certificates that are being rotated.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.create_index(
        "certificate_previous",
        "certificate",
        ["endpoint_certificate_id"],
        sqlite_where=sa.text("previous = 1"),
        postgresql_where=sa.text("previous"),
    )
