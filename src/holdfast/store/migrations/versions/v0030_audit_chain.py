"""
Chain audit events by hashes, and index them for searches. The rows that exist are chained by a running Holdfast.
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Upgrade the tables."""
    op.add_column("audit_event", sa.Column("request_id", sa.String(), nullable=True))
    op.add_column("audit_event", sa.Column("number", _NUMBER, nullable=True))
    op.add_column("audit_event", sa.Column("previous_hash", sa.LargeBinary(), nullable=True))
    op.add_column("audit_event", sa.Column("hash", sa.LargeBinary(), nullable=True))
    op.add_column("audit_event", sa.Column("chained_later", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("audit_event_by_order", "audit_event", ["organization_id", "id"])
    op.create_index("audit_event_by_user", "audit_event", ["organization_id", "user", "at"])
    op.create_index("audit_event_by_action", "audit_event", ["organization_id", "action", "at"])
    op.create_table(
        "audit_chain",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("event_id", _NUMBER, nullable=False),
        sa.Column("anchor_number", _NUMBER, nullable=False),
        sa.Column("anchor_hash", sa.LargeBinary(), nullable=False),
        sa.Column("anchored_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.PrimaryKeyConstraint("organization_id"),
    )
