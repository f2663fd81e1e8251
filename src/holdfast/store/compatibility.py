"""
The oldest revision of the tables whose code can use them.
"""

from sqlalchemy import update
from sqlalchemy.orm import Session

from holdfast.store.tables import SchemaCompatibilityRow


def require_revision(session: Session, revision: str) -> None:
    """Let no version start anymore that doesn't know *revision* of the tables."""
    table = SchemaCompatibilityRow
    session.execute(update(table).where(table.oldest_revision < revision).values(oldest_revision=revision))
