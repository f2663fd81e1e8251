"""
Add an index of endpoint certificates by endpoint.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.create_index(
        "endpoint_certificate_by_endpoint", "endpoint_certificate", ["organization_id", "endpoint", "alias"]
    )
