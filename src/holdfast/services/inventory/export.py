"""
Endpoint certificates as CSV and JSON, with a row for each X.509 certificate.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields

from holdfast.certificates.validity import get_status
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.inventory.lists import Section, iterate_certificates
from holdfast.store.trust.inventory import Filter

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what spreadsheets take for the beginning of a formula
_ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Row:
    """A certificate in a file; the names of the members are those of the columns. Times are in ISO 8601, in UTC."""

    alias: str
    endpoint: str
    commonName: str  # noqa: N815 - a member of REST
    issuer: str
    serialNumber: str  # noqa: N815
    fingerprint: str
    notBefore: str  # noqa: N815
    notAfter: str  # noqa: N815
    status: str
    previous: bool
    usedBy: int  # noqa: N815
    createdBy: str  # noqa: N815
    createdTime: str  # noqa: N815


def list_rows(context: Context, certificate_filter: Filter, section: Section) -> Iterator[Row]:
    """Return the certificates of all wanted endpoint certificates, which are read while they are used."""
    context.user.require(Permission.VIEW_ENDPOINT_CERTIFICATES)
    return _iterate(context, certificate_filter, section)


def _iterate(context: Context, certificate_filter: Filter, section: Section) -> Iterator[Row]:
    for row in iterate_certificates(context, certificate_filter, section):
        for certificate in row.entry.certificates:
            yield Row(
                alias=row.entry.alias,
                endpoint=row.entry.endpoint,
                commonName=certificate.common_name,
                issuer=certificate.issuer,
                serialNumber=certificate.serial_number,
                fingerprint=certificate.fingerprint,
                notBefore=certificate.not_before.isoformat(),
                notAfter=certificate.not_after.isoformat(),
                status=get_status(certificate, context.now),
                previous=certificate.previous,
                usedBy=row.users.count if row.users else 0,
                createdBy=row.entry.created_by,
                createdTime=row.entry.created_at.isoformat(),
            )


def write_csv(rows: Iterable[Row]) -> Iterator[str]:
    """Yield CSV (RFC 4180) with a header; a text that a spreadsheet would run as a formula gets an apostrophe."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(field.name for field in fields(Row))
    for number, row in enumerate(rows, 1):
        writer.writerow(_disarm(value) for value in asdict(row).values())
        if number % _ROWS_AT_ONCE == 0:
            yield _empty(buffer)
    yield _empty(buffer)


def write_json(rows: Iterable[Row]) -> Iterator[str]:
    """Yield a JSON object with an array, `certificates`, that has an object for each row."""
    separator = '{"certificates": [\n'
    for row in rows:
        yield separator + json.dumps(asdict(row))
        separator = ",\n"
    yield f"{separator if separator[0] == '{' else ''}\n]}}\n"


def _disarm(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _empty(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
