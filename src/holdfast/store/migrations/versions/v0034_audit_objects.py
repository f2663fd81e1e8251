"""
Index audit events by what they are about and time, for the history of an object.
"""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.create_index("audit_event_by_object", "audit_event", ["organization_id", "subject", "at"])
