"""
Replace single permissions with roles; add disabled users, details of sessions, applications and tokens.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.add_column("user_account", sa.Column("roles", sa.JSON(), server_default="[]", nullable=False))
    # Users from before roles could do everything.
    op.execute("UPDATE user_account SET roles = '[\"admin\"]'")
    op.drop_column("user_account", "permissions")
    op.add_column("user_account", sa.Column("disabled", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("session", sa.Column("address", sa.String(), server_default=sa.text("''"), nullable=False))
    op.add_column("session", sa.Column("agent", sa.String(), server_default=sa.text("''"), nullable=False))
    op.create_table(
        "application",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("grants", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("used_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("application_by_user", "application", ["user_id"])
    op.create_table(
        "token",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("application_id", sa.String(), nullable=True),
        sa.Column("grant_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("used_on", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["application_id"], ["application.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index("token_by_user", "token", ["user_id"])
    op.create_index("token_by_grant", "token", ["grant_id"])
    op.create_index("token_by_expiry", "token", ["expires_at"])
