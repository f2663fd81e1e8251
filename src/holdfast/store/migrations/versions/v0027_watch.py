"""
Add watched endpoints and the chains that their backends presented.
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # which has 64 bits, too


def upgrade() -> None:
    """Upgrade the tables."""
    op.create_table(
        "watched_endpoint",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), sa.ForeignKey("organization.id"), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("chain", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("issuer", sa.String(), nullable=True),
        sa.Column("expires_at", sa.DateTime(), nullable=True),
        sa.Column("presented_since", sa.DateTime(), nullable=True),
        sa.Column("trust", sa.String(), nullable=True),
        sa.Column("accepted", sa.Boolean(), nullable=True),
        sa.Column("cause", sa.String(), nullable=True),
        sa.Column("accepted_until", sa.DateTime(), nullable=True),
        sa.Column("by_gateway", sa.Boolean(), nullable=True),
        sa.Column("changed_at", sa.DateTime(), nullable=True),
        sa.Column("key_changed_at", sa.DateTime(), nullable=True),
        sa.Column("issuer_changed_at", sa.DateTime(), nullable=True),
        sa.Column("names_changed_at", sa.DateTime(), nullable=True),
        sa.Column("silent_since", sa.DateTime(), nullable=True),
        sa.Column("silence_cause", sa.String(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=True),
        sa.Column("retry_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organization_id", "origin"),
    )
    op.create_index("watched_endpoint_by_expiry", "watched_endpoint", ["organization_id", "expires_at"])
    op.create_table(
        "presented_chain",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), sa.ForeignKey("organization.id"), nullable=False),
        sa.Column(
            "watched_endpoint_id",
            sa.String(),
            sa.ForeignKey("watched_endpoint.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("first_at", sa.DateTime(), nullable=False),
        sa.Column("last_at", sa.DateTime(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("certificates", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("watched_endpoint_id", "chain"),
    )
    op.create_index("presented_chain_by_time", "presented_chain", ["last_at"])
    op.create_table(
        "watch_progress",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("checked_until", sa.DateTime(), nullable=False),
        sa.Column("change", _NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
