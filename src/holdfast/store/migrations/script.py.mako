"""
${message}.
"""

import sqlalchemy as sa
from alembic import op
import holdfast.store.tables

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the tables."""
    ${upgrades if upgrades else "pass"}
