"""
Mark versions that apply the priorities of endpoints, which are in the groups that the tables have already.
"""

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing: control planes are compared by this revision."""
