"""
The pages of a list, as the component `pager` shows them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

MAX_PAGE = 1_000_000  # longer than any list, and well within the integers of databases


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list of something; *previous* and *next* are the addresses of its neighbors."""

    of: str  # a plural, such as "APIs"
    summary: str
    previous: str | None = None
    next: str | None = None


def limit_page(number: int) -> int:
    """Return the number of a page, as typed, within those that a list can have."""
    return min(max(number, 1), MAX_PAGE)


def number_pages(of: str, path: str, number: int, size: int, total: int, **query: str) -> Page:
    """
    Describe page *number* (from 1) of a list of *total* items, *size* of them per page.

    Addresses are those of *path* with *query*; parameters without a value are left out.
    """
    pages = max(1, -(-total // size))
    parameters = {name: value for name, value in query.items() if value}
    return Page(
        of,
        f"Page {number:,} of {pages:,}",
        _write_address(path, parameters, number - 1) if 1 < number <= pages else None,
        _write_address(path, parameters, number + 1) if number < pages else None,
    )


def _write_address(path: str, query: Mapping[str, str], number: int) -> str:
    return f"{path}?{urlencode({**query, 'page': number})}"
