"""
Pagination of lists: `limit`, `offset`, and links to the next and previous pages.
"""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query

from holdfast.rest.prefixes import add_prefix as as_called
from holdfast.rest.responses import Pagination

MAX_OFFSET = 1_000_000_000  # longer than any list, and well within SQLite's integers
Limit = Annotated[int, Query(ge=1, le=1000, description="The maximum number of entries to return.")]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET, description="The number of entries to skip.")]
DEFAULT_LIMIT = 25


def paginate(path: str, filters: dict[str, str], offset: int, limit: int, total: int) -> Pagination:
    """Return the `pagination` member of a list; `next` and `previous` are empty if there is no such page."""

    def build_link(start: int) -> str:
        parameters = {name: value for name, value in filters.items() if value}
        return f"{as_called(path)}?{urlencode({'limit': limit, 'offset': start} | parameters)}"

    return {
        "offset": offset,
        "limit": limit,
        "total": total,
        "next": build_link(offset + limit) if offset + limit < total else "",
        "previous": build_link(max(offset - limit, 0)) if offset else "",
    }
