"""
Add caller certificates, and whether an API requires one.
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.create_table(
        "caller_certificate",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("api_id", sa.String(), nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("not_before", sa.DateTime(), nullable=False),
        sa.Column("not_after", sa.DateTime(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["api_id"], ["api.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("api_id", "alias"),
        sa.UniqueConstraint("api_id", "fingerprint"),
    )
    op.create_index("ix_caller_certificate_not_before", "caller_certificate", ["not_before"])
    op.create_index("ix_caller_certificate_not_after", "caller_certificate", ["not_after"])
    op.add_column("api", sa.Column("requires_certificate", sa.Boolean(), server_default=sa.false(), nullable=False))
    _obey_what_was_kept()


def _obey_what_was_kept() -> None:
    """Require caller certificates for APIs whose description asks for them; until now anyone could call these."""
    session = op.get_bind()
    asking = "SELECT api_id, members FROM api_document WHERE lower(CAST(members AS TEXT)) LIKE '%mutualssl%'"
    for api_id, members in session.execute(sa.text(asking)).all():
        kept = members if isinstance(members, dict) else json.loads(members)
        schemes = kept.get("securityScheme")
        said = schemes if isinstance(schemes, list) else []
        if {each.strip().lower() for each in said if isinstance(each, str)} & {"mutualssl", "mutualssl_mandatory"}:
            session.execute(sa.text("UPDATE api SET requires_certificate = true WHERE id = :id"), {"id": api_id})
