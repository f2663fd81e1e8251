"""
Pages of lists of APIs.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, null, select
from sqlalchemy.orm import Session

from holdfast.store.tables import ApiRow
from holdfast.store.totals import find_total


def find_ids(
    session: Session,
    organization: str,
    conditions: Sequence[ColumnElement[bool]],
    order: Sequence[ColumnElement[Any]],
    offset: int = 0,
    limit: int | None = None,
) -> tuple[list[str], int]:
    """Return the ids of a page of the APIs that meet all *conditions*, and the number of all these APIs."""
    matching = (ApiRow.organization_id == organization, *conditions)
    # Without conditions, an index is counted, which is fast; with some, each API is compared only once.
    number = func.count().over() if conditions else null()
    page = select(ApiRow.id, number.label("total")).where(*matching).order_by(*order).offset(offset).limit(limit)
    rows = session.execute(page).all() if limit != 0 else []
    total = rows[0].total if rows else find_total(0, offset, limit)
    if total is None:
        total = session.scalar(select(func.count()).select_from(ApiRow).where(*matching)) or 0
    return [row.id for row in rows], total
