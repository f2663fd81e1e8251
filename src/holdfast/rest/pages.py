"""
Lists in pages: how many, from where, and where the next page is.
"""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query

from holdfast.rest.prefixes import link as as_called
from holdfast.rest.responses import Pagination

MAX_OFFSET = 1_000_000_000  # far beyond any list, and far below what a database cannot count
Limit = Annotated[int, Query(ge=1, le=1000, description="How many are wanted.")]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET, description="How many are left out at the beginning.")]
DEFAULT_LIMIT = 25


def pagination(path: str, filters: dict[str, str], offset: int, limit: int, total: int) -> Pagination:
    """Make the `pagination` member of a list; `next` and `previous` are empty where there is no such page."""

    def link(start: int) -> str:
        given = {name: value for name, value in filters.items() if value}
        return f"{as_called(path)}?{urlencode({'limit': limit, 'offset': start} | given)}"

    return {
        "offset": offset,
        "limit": limit,
        "total": total,
        "next": link(offset + limit) if offset + limit < total else "",
        "previous": link(max(offset - limit, 0)) if offset else "",
    }
