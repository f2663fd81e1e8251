"""
Sessions are found by user, and those that have expired by time, without reading all of them.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_index("session_by_user", "session", ["user_id"])
    op.create_index("session_by_expiry", "session", ["expires_at"])
