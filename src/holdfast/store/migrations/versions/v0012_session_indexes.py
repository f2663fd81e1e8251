"""
Add indexes of sessions by user and by expiry.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.create_index("session_by_user", "session", ["user_id"])
    op.create_index("session_by_expiry", "session", ["expires_at"])
