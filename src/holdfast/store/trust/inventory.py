"""
Queries over the endpoint certificates of an organization: sorted, filtered, searched, page by page.

Rows must have their facts (facts.py); only columns are read, never the certificates themselves.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, literal, literal_column, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from holdfast.apis.label import LabeledKind
from holdfast.store.api_origins import select_users
from holdfast.store.labels import has_label
from holdfast.store.parameters import bind
from holdfast.store.substring import contains
from holdfast.store.tables import ApiRow, EndpointCertificateRow, TrustedCertificateRow
from holdfast.store.tables.columns import UNREADABLE_TIME
from holdfast.store.trust import unused_origins
from holdfast.store.trust.endpoint_search import is_at, spell_schemes
from holdfast.store.trust.facts import to_searchable
from holdfast.store.trust.unused_origins import is_unused
from holdfast.store.unindexed import disable_index

_HEX = re.compile(r"(?:[0-9a-f]{2}[: ]?){2,}[0-9a-f]?")  # a serial number or fingerprint, or its beginning
FEW = 1_000  # origins that are looked up one by one
_MANY = 1_000  # endpoint certificates that a number is searched in; a fingerprint's first four digits match few
_TABLE = EndpointCertificateRow
_uses = select_users(ApiRow.id, ApiRow.name, ApiRow.version).subquery()
_USERS = select(_uses.c.origin, func.count(), func.min(_uses.c.name + " " + _uses.c.version)).group_by(_uses.c.origin)


class Sort(StrEnum):
    """A column to sort by; equal values are sorted by alias."""

    EXPIRES = "expires"
    ALIAS = "alias"
    COMMON_NAME = "commonName"
    ISSUER = "issuer"
    ENDPOINT = "endpoint"


_COLUMNS: dict[Sort, InstrumentedAttribute[Any]] = {
    Sort.EXPIRES: _TABLE.expires_at,
    Sort.ALIAS: _TABLE.alias,
    Sort.COMMON_NAME: _TABLE.common_name,
    Sort.ISSUER: _TABLE.issuer,
    Sort.ENDPOINT: _TABLE.endpoint,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """
    Which endpoint certificates to list; all conditions that are set must hold.

    Those about expiry and issuer are about the current certificates of an alias, of which one must match.
    """

    query: str = ""  # in alias, endpoint, subject or issuer; or the beginning of a serial number or fingerprint
    alias: str = ""
    endpoint: str = ""  # a URL or a host; see `endpoint_search.is_at`
    issuer: str = ""  # in its distinguished name, whatever the case
    expires_before: datetime | None = None
    expires_after: datetime | None = None  # the first expiry
    unused: bool = False  # no API has an endpoint at the origin
    previous: bool = False  # previous certificates are still trusted
    origins: Collection[str] | None = None
    aliases: Collection[str] | None = None
    label: str = ""

    @property
    def reads_all(self) -> bool:
        """Whether no index of the organization helps: texts are searched, or few rows have previous certificates."""
        return bool(self.query.strip() or self.issuer or self.previous)

    @property
    def is_at_few(self) -> bool:
        """Whether the index of origins leads to few rows."""
        return bool(self.endpoint) or (self.origins is not None and len(self.origins) <= FEW)


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a sorted list: the value that it is sorted by, and the alias."""

    value: str | datetime
    alias: str


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """One certificate of an alias, as lists show it."""

    common_name: str
    issuer: str
    serial_number: str  # hex digits
    fingerprint: str
    not_before: datetime
    not_after: datetime
    is_ca: bool
    previous: bool


@dataclass(frozen=True, slots=True)
class InventoryEntry:
    """An endpoint certificate, as lists show it; *common_name* and *issuer* are those of its first certificate."""

    id: str
    alias: str
    endpoint: str
    origin: str
    common_name: str
    issuer: str
    expires_at: datetime  # the first expiry of a current certificate
    created_at: datetime
    created_by: str  # empty: unknown
    updated_at: datetime
    certificates: tuple[CertificateFacts, ...]  # current ones first

    @property
    def current(self) -> tuple[CertificateFacts, ...]:
        """The current certificates."""
        return tuple(certificate for certificate in self.certificates if not certificate.previous)

    @property
    def previous(self) -> tuple[CertificateFacts, ...]:
        """The previous certificates, which are still trusted."""
        return tuple(certificate for certificate in self.certificates if certificate.previous)

    def find_position(self, sort: Sort) -> Position | None:
        """Return the place of this entry in a list sorted by *sort*; None: it can't be read, so none is after it."""
        if sort is Sort.EXPIRES and self.expires_at == UNREADABLE_TIME:
            return None
        values: dict[Sort, str | datetime] = {
            Sort.EXPIRES: self.expires_at,
            Sort.ALIAS: self.alias,
            Sort.COMMON_NAME: self.common_name,
            Sort.ISSUER: self.issuer,
            Sort.ENDPOINT: self.endpoint,
        }
        return Position(values[sort], self.alias)


@dataclass(frozen=True, slots=True)
class Users:
    """The number of APIs with an endpoint at an origin, and the name and version of one of them."""

    count: int
    example: str


def find(
    session: Session,
    organization: str,
    criteria: Filter,
    sort: Sort = Sort.EXPIRES,
    *,
    descending: bool = False,
    after: Position | None = None,
    offset: int = 0,
    limit: int | None = None,
) -> list[InventoryEntry]:
    """Return the matching endpoint certificates in order, those *after* a position; *offset* skips some of them."""
    column = _COLUMNS[sort]
    criteria = _name_unused(session, organization, criteria)
    query = _select_matching(session, organization, criteria)
    if after:
        query = query.where(_is_beyond(column, after, descending=descending))
    first = disable_index(column) if criteria.reads_all or criteria.is_at_few else column
    order = (first.desc(), _TABLE.alias.desc()) if descending else (first, _TABLE.alias)
    return _read_entries(session, session.execute(query.order_by(*order).offset(offset).limit(limit)).all())


def count(session: Session, organization: str, criteria: Filter, limit: int | None = None) -> int:
    """Return the number of matching endpoint certificates, or *limit* if there are more."""
    criteria = _name_unused(session, organization, criteria)
    # Without columns, so that indexes have all that is needed.
    rows: Select[Any] = (
        _select_matching(session, organization, criteria).with_only_columns(literal_column("1")).limit(limit)
    )
    return session.scalar(select(func.count()).select_from(rows.subquery())) or 0


def list_aliases_with_certificate(session: Session, organization: str, fingerprint: str) -> list[str]:
    """Return the aliases that currently trust a certificate, in order; a previous certificate doesn't count."""
    table = TrustedCertificateRow
    query = select(_TABLE.alias).join(table, table.endpoint_certificate_id == _TABLE.id)
    of_organization = (_TABLE.organization_id == organization, table.organization_id == organization)
    query = query.where(*of_organization, table.fingerprint == fingerprint, ~table.previous)
    return sorted(set(session.scalars(query)))


def list_users(session: Session, organization: str, origins: Collection[str]) -> dict[str, Users]:
    """Return which APIs use each of *origins*; unused ones are left out."""
    rows = (row for parameters in bind(organization, origins) for row in session.execute(_USERS, parameters))
    return {origin: Users(number, example) for origin, number, example in rows}


def _name_unused(session: Session, organization: str, criteria: Filter) -> Filter:
    """Return *wanted* with the unused origins if there are few: all rows would be read to find theirs in order."""
    if not criteria.unused:
        return criteria
    all_unused = unused_origins.list_with_certificates(session, organization, FEW + 1)
    if len(all_unused) > FEW:
        return criteria
    origins = (
        all_unused if criteria.origins is None else [origin for origin in all_unused if origin in criteria.origins]
    )
    return replace(criteria, unused=False, origins=origins)


def _select_matching(session: Session, organization: str, criteria: Filter) -> Select[Any]:
    names = ("id", "alias", "endpoint", "origin", "common_name", "issuer", "expires_at", "created_at", "created_by")
    query = select(*(getattr(_TABLE, name) for name in names), _TABLE.updated_at)
    # To read all rows takes several times as long in the order of an index, so none must fit.
    own = disable_index(_TABLE.organization_id) if criteria.reads_all else _TABLE.organization_id
    is_readable = _TABLE.expires_at.is_not(None)
    return query.where(own == organization, is_readable, *_list_conditions(session, organization, criteria))


def _list_conditions(session: Session, organization: str, criteria: Filter) -> Iterator[ColumnElement[bool]]:
    if criteria.alias:
        yield _TABLE.alias == criteria.alias
    if criteria.endpoint:
        yield is_at(_TABLE.origin, criteria.endpoint)
    if criteria.label:
        yield has_label(organization, LabeledKind.CERTIFICATE, _TABLE.alias, criteria.label)
    if criteria.aliases is not None:
        yield _TABLE.alias.in_(criteria.aliases)
    if criteria.origins is not None:
        yield _TABLE.origin.in_(criteria.origins)
    if criteria.expires_before:
        yield _TABLE.expires_at < criteria.expires_before
    if criteria.expires_after:
        yield _TABLE.expires_at >= criteria.expires_after
    if criteria.issuer:
        yield contains(_TABLE.issuer_text, to_searchable(criteria.issuer))
    if criteria.unused:
        yield is_unused(_TABLE)
    if criteria.previous:
        # Without the organization, so that the index is used that contains only previous certificates.
        yield _TABLE.id.in_(select(TrustedCertificateRow.endpoint_certificate_id).where(TrustedCertificateRow.previous))
    if criteria.query.strip():
        yield _search(session, organization, to_searchable(criteria.query.strip()))


def _search(session: Session, organization: str, text: str) -> ColumnElement[bool]:
    has_text = or_(*(contains(_TABLE.search_text, spelling) for spelling in spell_schemes(text)))
    ids = _find_numbers(session, organization, re.sub("[: ]", "", text)) if _HEX.fullmatch(text) else set()
    return or_(has_text, _TABLE.id.in_(ids)) if ids else has_text


def _find_numbers(session: Session, organization: str, digits: str) -> set[str]:
    """Return the endpoint certificates with a fingerprint or serial number that begins with these hex digits."""
    table = TrustedCertificateRow
    ids: set[str] = set()
    for column, begin in ((table.fingerprint, digits), (table.serial_number, digits.lstrip("0") or "0")):
        of_organization = select(table.endpoint_certificate_id).where(table.organization_id == organization)
        # "g" follows all hex digits.
        matching = of_organization.where(column >= begin, column < f"{begin}g").limit(_MANY)
        ids.update(session.scalars(matching))
    return ids


def _is_beyond(column: InstrumentedAttribute[Any], position: Position, *, descending: bool) -> ColumnElement[bool]:
    row_position = tuple_(column, _TABLE.alias)
    position_values = tuple_(literal(position.value, column.type), literal(position.alias, _TABLE.alias.type))
    return row_position < position_values if descending else row_position > position_values


def _read_entries(session: Session, rows: Sequence[Row[Any]]) -> list[InventoryEntry]:
    if not rows:
        return []
    facts = defaultdict(list)
    table = TrustedCertificateRow
    names = ("common_name", "issuer", "serial_number", "fingerprint", "not_before", "not_after", "is_ca", "previous")
    query = select(table.endpoint_certificate_id, *(getattr(table, name) for name in names))
    of_rows = table.endpoint_certificate_id.in_([row.id for row in rows])
    for entry_id, *values in session.execute(query.where(of_rows).order_by(table.position)):
        facts[entry_id].append(CertificateFacts(*values))
    return [
        InventoryEntry(
            id=row.id,
            alias=row.alias,
            endpoint=row.endpoint,
            origin=row.origin,
            common_name=row.common_name,
            issuer=row.issuer,
            expires_at=row.expires_at,
            created_at=row.created_at,
            created_by=row.created_by or "",
            updated_at=row.updated_at,
            certificates=tuple(facts[row.id]),
        )
        for row in rows
    ]
