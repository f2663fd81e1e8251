"""
Add an index for the first expiry of an origin's certificates, by which the list of APIs is sorted.
"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    columns = ["organization_id", "origin", "expires_at"]
    op.create_index("endpoint_certificate_first_expiry", "endpoint_certificate", columns)
