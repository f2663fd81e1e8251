"""
Add rotation with overlap, and removed certificates that can be restored.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.add_column("certificate", sa.Column("previous", sa.Boolean(), server_default=sa.false(), nullable=False))
    for name in ("replaced_at", "looked_at", "observed_at", "current_first_seen_at", "previous_last_needed_at"):
        op.add_column("endpoint_certificate", sa.Column(name, sa.DateTime(), nullable=True))
    op.add_column("endpoint_certificate", sa.Column("observed", sa.String(), nullable=True))

    op.create_table(
        "removed_certificate",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("endpoint_certificate_id", sa.String(), nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("certificates", sa.LargeBinary(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("replaced_at", sa.DateTime(), nullable=True),
        sa.Column("removed_at", sa.DateTime(), nullable=False),
        sa.Column("removed_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("removed_certificate_by_time", "removed_certificate", ["organization_id", "removed_at"])
