"""
Add groups of gateways, and deploy every API to the default one.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    groups = op.create_table(
        "gateway_group",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("urls", sa.JSON(), nullable=False),
        sa.Column("listen", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "api_deployment",
        sa.Column("api_id", sa.String(), nullable=False),
        sa.Column("group_name", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["api_id"], ["api.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["group_name"], ["gateway_group.name"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.PrimaryKeyConstraint("api_id", "group_name"),
    )
    op.create_index("api_deployment_by_group", "api_deployment", ["group_name"])
    op.create_index("api_deployment_by_organization", "api_deployment", ["organization_id"])
    _fill(groups)


def _fill(groups: sa.Table) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    values = {"name": "Default", "display_name": "", "description": "", "urls": {}, "listen": {}}
    op.bulk_insert(groups, [values | {"created_at": now, "updated_at": now}])
    op.execute("INSERT INTO api_deployment SELECT id, 'Default', organization_id FROM api")
    if op.get_bind().dialect.name == "sqlite":  # another database has no documents from before this revision
        # Until now, this member was stored without effect.
        op.execute("UPDATE api_document SET members = json_remove(members, '$.gatewayEnvironments')")
