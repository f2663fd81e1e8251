"""
Add what each control plane writes down about its gateways.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.create_table(
        "gateway_overview",
        sa.Column("control_plane_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("enforced", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["control_plane_id"], ["control_plane.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("control_plane_id"),
    )
    op.create_table(
        "connected_gateway",
        sa.Column("control_plane_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("group_name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("connected_since", sa.DateTime(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.Column("applied", sa.Integer(), nullable=True),
        sa.Column("applied_since", sa.DateTime(), nullable=True),
        sa.Column("behind", sa.Integer(), nullable=False),
        sa.Column("behind_since", sa.DateTime(), nullable=True),
        sa.Column("missing", sa.JSON(), nullable=True),
        sa.Column("rejected", sa.JSON(), nullable=False),
        sa.Column("rejections", sa.Integer(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=True),
        sa.Column("clock_offset", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["control_plane_id"], ["control_plane.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("control_plane_id", "name"),
    )
