"""
Lists of all endpoint certificates of an organization.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from holdfast.certificates.validity import Status
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.inventory.completion import complete_facts
from holdfast.services.trust.endpoint_certificates import judge_entry
from holdfast.store.totals import find_total
from holdfast.store.trust import inventory
from holdfast.store.trust.inventory import Filter, InventoryEntry, Position, Sort, Users

MOST = 1_000  # that `count_certificates` counts unless asked for all
_BATCH = 500  # entries of an export that are read at once


@dataclass(frozen=True, slots=True)
class ListedCertificate:
    """An endpoint certificate, its status, and the APIs that use it."""

    entry: InventoryEntry
    status: Status
    users: Users | None  # None: no API


@dataclass(frozen=True, slots=True)
class Section:
    """
    A section of a list: at most *limit* entries *after* a position or, with *before*, those that end before it.
    """

    sort: Sort = Sort.EXPIRES
    descending: bool = False
    after: Position | None = None
    before: Position | None = None
    offset: int = 0
    limit: int | None = None


def list_certificates(context: Context, certificate_filter: Filter, section: Section) -> list[ListedCertificate]:
    """Return a section of the endpoint certificates that match *certificate_filter*, in its order."""
    context.user.require(Permission.VIEW_ENDPOINT_CERTIFICATES)
    complete_facts(context.store, context.user.organization)
    backward = section.before is not None
    with context.read() as session:
        entries = inventory.find(
            session,
            context.user.organization,
            certificate_filter,
            section.sort,
            descending=section.descending != backward,
            after=section.before or section.after,
            offset=section.offset,
            limit=section.limit,
        )
        origins = {entry.origin for entry in entries}
        users = inventory.list_users(session, context.user.organization, origins)
    rows = [
        ListedCertificate(entry, judge_entry(entry.current, context.now), users.get(entry.origin)) for entry in entries
    ]
    return rows[::-1] if backward else rows


def count_certificates(context: Context, certificate_filter: Filter, most: int | None = MOST) -> int:
    """Return the number of endpoint certificates that match *certificate_filter*, or *most* if there are more."""
    context.user.require(Permission.VIEW_ENDPOINT_CERTIFICATES)
    with context.read() as session:
        return inventory.count(session, context.user.organization, certificate_filter, most)


def count_all(context: Context, certificate_filter: Filter, section: Section, number: int) -> int:
    """Return the number of endpoint certificates that match *certificate_filter*; *number* are in *section*."""
    total = find_total(number, section.offset, section.limit)
    return count_certificates(context, certificate_filter, None) if total is None else total


def iterate_certificates(context: Context, certificate_filter: Filter, section: Section) -> Iterator[ListedCertificate]:
    """Yield all wanted endpoint certificates; no transaction is held meanwhile, so changes can be missed."""
    after = None
    while batch := list_certificates(context, certificate_filter, replace(section, after=after, limit=_BATCH)):
        context.release()
        yield from batch
        positions = filter(None, (row.entry.find_position(section.sort) for row in reversed(batch)))
        after = next(positions, None)
        if len(batch) < _BATCH or after is None:
            return
