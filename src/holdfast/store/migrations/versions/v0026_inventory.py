"""
Add what lists of endpoint certificates are sorted by and searched in, and who imported each.

The columns of existing rows are filled when the publisher starts (`services/inventory/completion.py`): this reads all
certificates, and the previous version, which may still run, writes rows without them after this migration, too.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_UNDESCRIBED = sa.text("described_at IS NULL OR described_at != updated_at")


def upgrade() -> None:
    """Upgrade the tables."""
    for name in ("created_by", "common_name", "issuer", "search_text", "issuer_text"):
        op.add_column("endpoint_certificate", sa.Column(name, sa.String(), nullable=True))
    for name in ("described_at", "expires_at"):
        op.add_column("endpoint_certificate", sa.Column(name, sa.DateTime(), nullable=True))
    for name in ("common_name", "issuer", "serial_number", "fingerprint"):
        op.add_column("certificate", sa.Column(name, sa.String(), nullable=True))
    for name in ("not_before", "not_after"):
        op.add_column("certificate", sa.Column(name, sa.DateTime(), nullable=True))
    op.add_column("certificate", sa.Column("is_ca", sa.Boolean(), nullable=True))
    by = {"common_name": "common_name", "issuer": "issuer", "expiry": "expires_at"}
    for name, column in by.items():
        columns = ["organization_id", column, "alias"]
        op.create_index(f"endpoint_certificate_by_{name}", "endpoint_certificate", columns)
    by = {"expiry": "not_after", "fingerprint": "fingerprint", "serial_number": "serial_number"}
    for name, column in by.items():
        op.create_index(f"certificate_by_{name}", "certificate", ["organization_id", column])
    op.create_index(
        "endpoint_certificate_undescribed",
        "endpoint_certificate",
        ["organization_id"],
        sqlite_where=_UNDESCRIBED,
        postgresql_where=_UNDESCRIBED,
    )
