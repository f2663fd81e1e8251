"""
Add default versions, and what gateways check requests with, both from the members that were only stored until now.
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

_WITH_EFFECT = sa.text(
    "SELECT api.id, api.organization_id, api.context, api.state, members FROM api "
    "JOIN api_document ON api_document.api_id = api.id "
    "WHERE CAST(members AS TEXT) LIKE '%isDefaultVersion%' OR CAST(members AS TEXT) LIKE '%maxTps%' "
    "OR CAST(members AS TEXT) LIKE '%corsConfigurationEnabled%' ORDER BY api.updated_at, api.id"
)


def upgrade() -> None:
    """Upgrade the tables."""
    for name in ("is_default", "has_short_path"):
        op.add_column("api", sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("api", sa.Column("request_rules", sa.JSON(none_as_null=True), nullable=True))
    _obey_stored_members()
    op.create_index(
        "api_by_short_path",
        "api",
        ["organization_id", "context"],
        unique=True,
        sqlite_where=sa.text("has_short_path"),
        postgresql_where=sa.text("has_short_path"),
    )


def _obey_stored_members() -> None:
    session = op.get_bind()
    table = sa.table(
        "api",
        sa.column("id"),
        sa.column("is_default"),
        sa.column("has_short_path"),
        sa.column("request_rules", sa.JSON),
    )
    defaults = {}  # by organization and context: of several, the one that was changed last
    for api_id, organization, context, state, stored in session.execute(_WITH_EFFECT).all():
        members = stored if isinstance(stored, dict) else json.loads(stored)
        cors, limits = members.get("corsConfiguration"), members.get("maxTps")
        rules = {"maxTps": limits} if isinstance(limits, dict) and any(limits.values()) else {}
        if isinstance(cors, dict) and cors.get("corsConfigurationEnabled") is True:
            rules["corsConfiguration"] = cors
        if rules:
            session.execute(table.update().where(table.c.id == api_id).values(request_rules=rules))
        if members.get("isDefaultVersion") is True:
            defaults[organization, context] = api_id, state in {"PUBLISHED", "DEPRECATED"}
    for api_id, is_served in defaults.values():
        session.execute(table.update().where(table.c.id == api_id).values(is_default=True, has_short_path=is_served))
