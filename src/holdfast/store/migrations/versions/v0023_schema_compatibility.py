"""
Add the oldest revision whose code can use the tables, so that the previous version runs on later tables.

A migration that only adds tables, indexes, and columns with a default leaves it as it is. Any other says with which
revision's code its tables can be used: `UPDATE schema_compatibility SET oldest_revision = '0030'`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    compatibility = op.create_table(
        "schema_compatibility",
        sa.Column("oldest_revision", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("oldest_revision"),
    )
    op.bulk_insert(compatibility, [{"oldest_revision": revision}])
