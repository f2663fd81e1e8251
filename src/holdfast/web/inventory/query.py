"""
The address of a list of certificates: filter, search, order and position.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from fastapi import Request

from holdfast.services.inventory.lists import Section
from holdfast.store.trust.inventory import Filter, Position, Sort

PATH = "/certificates"
SIZE = 50
MAX_QUERY = 500  # characters
_LONGEST_CURSOR = 4_000


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter above the list; *narrow* adds its conditions at a time, *is_quick* means that counting takes no time."""

    key: str
    label: str
    narrow: Callable[[Filter, datetime], Filter]
    is_quick: bool = True


def _expire_within(days: int) -> Callable[[Filter, datetime], Filter]:
    end = timedelta(days=days)
    return lambda criteria, now: replace(criteria, expires_after=now, expires_before=now + end)


CHIPS = (
    Chip("", "All", lambda criteria, _: criteria),
    Chip("expired", "Expired", lambda criteria, now: replace(criteria, expires_before=now)),
    Chip("7", "Expiring 7 days", _expire_within(7)),
    Chip("30", "Expiring 30 days", _expire_within(30)),
    Chip("90", "Expiring 90 days", _expire_within(90)),
    Chip("unused", "Not in use", lambda criteria, _: replace(criteria, unused=True), is_quick=False),
    # Its origins are known to the process only; the page adds them.
    Chip("not-in-force", "Not in force", lambda criteria, _: replace(criteria, origins=())),
    Chip("previous", "Previous", lambda criteria, _: replace(criteria, previous=True)),
)
_BY_KEY = {chip.key: chip for chip in CHIPS}


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The parameters of a list; unknown values count as missing ones."""

    chip: Chip
    query: str = ""
    issuer: str = ""
    sort: Sort = Sort.EXPIRES
    descending: bool = False
    after: Position | None = None
    before: Position | None = None

    @property
    def order(self) -> str:
        """The parameter `sort`."""
        return f"{'-' if self.descending else ''}{self.sort}"

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters without the position, as far as they differ from the defaults."""
        order = "" if self.order == Sort.EXPIRES else self.order
        values = {"show": self.chip.key, "query": self.query, "issuer": self.issuer, "sort": order}
        return {name: value for name, value in values.items() if value}

    @property
    def section(self) -> Section:
        """The section of the list, with one entry more than a page shows."""
        return Section(self.sort, self.descending, self.after, self.before, limit=SIZE + 1)

    def narrow(self, now: datetime) -> Filter:
        """Return the filter at *now*."""
        return self.chip.narrow(Filter(query=self.query, issuer=self.issuer), now)

    def build_address(self, **changes: str) -> str:
        """Return the address of this list with *changes*; empty ones remove a parameter."""
        parameters = {name: value for name, value in (self.parameters | changes).items() if value}
        return f"{PATH}?{urlencode(parameters)}" if parameters else PATH


def read_query(request: Request) -> ListQuery:
    """Read the query of a request."""
    return _read_query(request.query_params)


def parse_query(text: str) -> ListQuery:
    """Read the query of an address, without its "?"."""
    return _read_query(dict(parse_qsl(text)))


def _read_query(values: Mapping[str, str]) -> ListQuery:
    sort = values.get("sort", "")
    try:
        column = Sort(sort.removeprefix("-"))
    except ValueError:
        column, sort = Sort.EXPIRES, ""
    return ListQuery(
        chip=_BY_KEY.get(values.get("show", ""), CHIPS[0]),
        query=values.get("query", "").strip()[:MAX_QUERY],
        issuer=values.get("issuer", "").strip()[:MAX_QUERY],
        sort=column,
        descending=sort.startswith("-"),
        after=_read_position(values.get("after", ""), column),
        before=_read_position(values.get("before", ""), column),
    )


def write_position(position: Position) -> str:
    """Return a position as a parameter."""
    value = position.value.isoformat() if isinstance(position.value, datetime) else position.value
    return base64.urlsafe_b64encode(json.dumps([value, position.alias]).encode()).decode()


def _read_position(text: str, sort: Sort) -> Position | None:
    try:
        value, alias = json.loads(base64.urlsafe_b64decode(text[:_LONGEST_CURSOR]))
        f"{value}{alias}".encode()  # JSON can contain half of a surrogate pair, which databases can't
        if sort is Sort.EXPIRES:
            moment = datetime.fromisoformat(value)
            return Position(moment, str(alias)) if moment.tzinfo else None
        return Position(str(value), str(alias))
    except (ValueError, TypeError, RecursionError, binascii.Error):
        return None
