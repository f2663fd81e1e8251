"""
Add users' identities at an identity provider.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.add_column("user_account", sa.Column("issuer", sa.String(), nullable=True))
    op.add_column("user_account", sa.Column("subject", sa.String(), nullable=True))
    op.add_column("user_account", sa.Column("confirmed_at", sa.DateTime(), nullable=True))
    op.create_index("user_by_identity", "user_account", ["issuer", "subject"], unique=True)
