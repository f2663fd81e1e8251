"""
Add details to audit events. The history of the lifecycle is read from them, so its old events get details, too.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    op.add_column("audit_event", sa.Column("details", sa.JSON(), nullable=True))
    if op.get_bind().dialect.name != "sqlite":
        return  # only SQLite can have events from before this revision
    op.execute(
        """
        UPDATE audit_event
        SET details = json_object(
            'before', substr(detail, 1, instr(detail, ' -> ') - 1),
            'after', substr(detail, instr(detail, ' -> ') + 4)
        )
        WHERE action = 'change lifecycle' AND instr(detail, ' -> ') > 0
        """
    )
