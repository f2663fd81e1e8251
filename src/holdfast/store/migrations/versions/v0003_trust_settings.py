"""
Add trust settings.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.create_table(
        "trust_settings",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("anchors", sa.String(), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("any_name", sa.Boolean(), nullable=False),
        sa.Column("sni", sa.String(), nullable=True),
        sa.Column("certificate_pins", sa.JSON(), nullable=False),
        sa.Column("spki_pins", sa.JSON(), nullable=False),
        sa.Column("revocation_of_path", sa.Boolean(), nullable=False),
        sa.Column("tls_minimum", sa.Integer(), nullable=False),
        sa.Column("tls_maximum", sa.Integer(), nullable=False),
        sa.Column("exception_reason", sa.String(), nullable=True),
        sa.Column("exception_owner", sa.String(), nullable=True),
        sa.Column("exception_ends_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.PrimaryKeyConstraint("organization_id", "origin"),
    )
    op.create_index("ix_trust_settings_exception_ends_at", "trust_settings", ["exception_ends_at"])
    op.create_table(
        "revocation_list",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(
            ["organization_id", "origin"],
            ["trust_settings.organization_id", "trust_settings.origin"],
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "origin", "position"),
    )
