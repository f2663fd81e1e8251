"""
Add revisions of APIs, which of them each group of gateways serves, and what control planes know of the tables.
"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.create_table(
        "api_revision",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("api_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("members", sa.JSON(), nullable=False),
        sa.Column("definition", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["api_id"], ["api.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organization_id", "api_id", "number"),
    )
    op.add_column("api", sa.Column("last_revision", sa.Integer(), server_default="0", nullable=False))
    op.add_column("api_deployment", sa.Column("revision_id", sa.String(), nullable=True))
    op.add_column("api_deployment", sa.Column("deployed_at", sa.DateTime(), nullable=True))
    op.add_column(
        "api_deployment", sa.Column("display_on_devportal", sa.Boolean(), server_default=sa.true(), nullable=False)
    )
    op.create_index("api_deployment_by_revision", "api_deployment", ["revision_id"])
    op.add_column("control_plane", sa.Column("schema_revision", sa.String(), nullable=True))
