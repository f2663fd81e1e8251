"""
Add traffic by minute, hour and day.
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def _period(number: type[sa.types.TypeEngine[int]] | sa.types.TypeEngine[int]) -> list[sa.Column[object]]:
    """Return the columns of requests in a period."""
    return [
        sa.Column("organization_id", sa.String(), sa.ForeignKey("organization.id"), nullable=False),
        sa.Column("api_id", sa.String(), nullable=False),
        sa.Column("resolution", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("requests", number, nullable=False),
    ]


def upgrade() -> None:
    """Upgrade the tables."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    key = ("organization_id", "api_id", "resolution", "at", "environment", "gateway")
    op.create_table(
        "traffic",
        *_period(number),
        sa.Column("failures", number, nullable=False),
        sa.Column("measures", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint(*key),
    )
    op.create_index("traffic_by_time", "traffic", ["resolution", "at"])
    op.create_table(
        "traffic_cause",
        *_period(number),
        sa.Column("cause", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(*key, "cause"),
    )
    op.create_index("traffic_cause_by_time", "traffic_cause", ["resolution", "at"])
    op.create_table(
        "traffic_coverage",
        sa.Column("resolution", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("is_late", sa.Boolean(), nullable=False),
        sa.Column("uncounted", number, nullable=False),
        sa.Column("dropped", number, nullable=False),
        sa.PrimaryKeyConstraint("resolution", "at", "gateway"),
    )
    op.create_table(
        "traffic_source",
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("number", number, nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("gateway", "source"),
    )
