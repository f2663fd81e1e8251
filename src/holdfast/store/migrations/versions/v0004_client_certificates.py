"""
Add gateway identities with sealed keys, and the permission to change them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.create_table(
        "client_certificate",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=True),
        sa.Column("request_der", sa.LargeBinary(), nullable=True),
        sa.Column("request_sealed_key", sa.LargeBinary(), nullable=True),
        sa.Column("request_made_at", sa.DateTime(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organization_id", "origin"),
    )
    op.create_table(
        "client_chain",
        sa.Column("client_certificate_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["client_certificate_id"], ["client_certificate.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.PrimaryKeyConstraint("client_certificate_id", "position"),
    )
    op.add_column("user_account", sa.Column("permissions", sa.JSON(), server_default="[]", nullable=False))
    # Users from before permissions could do everything.
    op.execute("UPDATE user_account SET permissions = '[\"client_certificates\"]'")
