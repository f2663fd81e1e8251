"""
All endpoint certificates: list and export them, and delete or replace many at once.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Form, Query, Response, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from holdfast.apis.errors import InvalidField
from holdfast.apis.watch.watched_endpoint import Coverage
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.errors import PREFIX
from holdfast.rest.inputs import Time
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, paginate
from holdfast.rest.responses import declare_files
from holdfast.rest.router import Router
from holdfast.rest.shapes import read_upload
from holdfast.rest.trust.endpoint_certificates import KeepInForm, Password
from holdfast.rest.trust.responses import (
    BackendForecast,
    DeletedCertificates,
    EndpointCertificates,
    ExportedCertificates,
    ListedEndpointCertificate,
    ReplacedCertificate,
    ReplacedCertificates,
)
from holdfast.services.access.context import Context
from holdfast.services.inventory import bulk, export, lists
from holdfast.services.inventory.bulk import PlannedReplacement, Replacement
from holdfast.services.inventory.lists import ListedCertificate, Section
from holdfast.services.watch.replacements import predict_coverage
from holdfast.store.trust.inventory import Filter, Sort

_PATH = f"{PREFIX}/endpoint-certificates"
_TYPES = {"csv": "text/csv", "json": "application/json"}
router = Router(prefix=PREFIX, tags=["Endpoint certificates"])
Alias = Annotated[str, Query(description="Only the certificates of this alias.")]
EndpointUrl = Annotated[
    str,
    Query(
        description="Only certificates for the scheme, host and port of this URL. Without a port, any port; without a "
        "scheme, any scheme."
    ),
]
Issuer = Annotated[str, Query(description="Only if the issuer of a current certificate contains this text.")]
Unused = Annotated[bool, Query(description="Only certificates for endpoints that no API has.")]
Previous = Annotated[bool, Query(description="Only if previous certificates are still trusted.")]
Search = Annotated[
    str,
    Query(
        description="Text in alias, endpoint, subject or issuer, or the beginning of a serial number or of a SHA-256 "
        "fingerprint in hex."
    ),
]
Order = Annotated[
    str,
    Query(
        pattern=f"^-?({'|'.join(Sort)})$",
        description="The column to sort by, after `-` in descending order: expires (the first expiry), alias, "
        "commonName, issuer or endpoint.",
    ),
]
ExpiresBefore = Annotated[
    Time | None, Query(alias="expiresBefore", description="Only if a current certificate expires before this.")
]


class Aliases(BaseModel):
    """The aliases of endpoint certificates."""

    model_config = ConfigDict(extra="forbid")
    aliases: list[str] = Field(min_length=1, max_length=bulk.MOST_AT_ONCE)


@router.get("/endpoint-certificates")
def list_certificates(
    context: RequestContext,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    alias: Alias = "",
    endpoint: EndpointUrl = "",
    label: Annotated[str, Query(description="Only certificates with this label.")] = "",
    unused: Unused = False,
    query: Search = "",
    issuer: Issuer = "",
    expires_before: ExpiresBefore = None,
    previous: Previous = False,
    sort: Order = Sort.ALIAS,
) -> EndpointCertificates:
    """
    List endpoint certificates.

    Returns the endpoint certificates of your organization that match all parameters, by default ordered by alias.
    """
    criteria = Filter(query, alias, endpoint, issuer, expires_before, unused=unused, previous=previous, label=label)
    section = _read_section(sort, offset, limit)
    certificates = lists.list_certificates(context, criteria, section)
    total = lists.count_all(context, criteria, section, len(certificates))
    filters = {
        "alias": alias,
        "endpoint": endpoint,
        "label": label,
        "unused": "true" if unused else "",
        "query": query,
        "issuer": issuer,
        "expiresBefore": expires_before.isoformat() if expires_before else "",
        "previous": "true" if previous else "",
        "sort": sort if sort != Sort.ALIAS else "",
    }
    return {
        "count": len(certificates),
        "certificates": [_describe(certificate) for certificate in certificates],
        "pagination": paginate(_PATH, filters, offset, limit, total),
    }


@router.get(
    "/endpoint-certificates-export",
    response_class=Response,
    responses={200: {"model": ExportedCertificates, **declare_files("text/csv")[200]}},
)
def export_certificates(
    runtime: CurrentRuntime,
    context: RequestContext,
    format: Annotated[Literal["csv", "json"], Query(description="The format of the file.")] = "csv",  # noqa: A002
    query: Search = "",
    issuer: Issuer = "",
    expires_before: ExpiresBefore = None,
    unused: Unused = False,
    previous: Previous = False,
    sort: Order = Sort.EXPIRES,
) -> Response:
    """
    Export endpoint certificates.

    Returns all that match, as CSV with a row for each X.509 certificate, or as JSON with an object for each.
    """
    criteria = Filter(query, issuer=issuer, expires_before=expires_before, unused=unused, previous=previous)
    # The response is written after the request's transactions have ended.
    later = Context(runtime.store, context.user, context.now)
    rows = export.list_rows(later, criteria, _read_section(sort))
    return respond_with_export(rows, format, context.now)


@router.post("/endpoint-certificates/delete")
def delete_certificates(context: RequestContext, body: Aliases) -> DeletedCertificates:
    """
    Delete several endpoint certificates.

    Deletes all or, if one doesn't exist, none. You can restore them for 30 days.
    """
    entries = bulk.delete_certificates(context, body.aliases)
    return {"count": len(entries), "list": [entry.alias for entry in entries]}


@router.post("/endpoint-certificates/replace")
def replace_certificates(
    context: RequestContext,
    certificate: UploadFile,
    fingerprint: Annotated[str, Form(description="The SHA-256 fingerprint of the certificate to replace, in hex.")],
    password: Password = "",
    keep: KeepInForm = None,
    aliases: Annotated[str, Form(description="Only these aliases, with commas between. Default: all.")] = "",
    preview: Annotated[bool, Form(description="Return what would happen, without changing anything.")] = False,
) -> ReplacedCertificates:
    """
    Replace a certificate everywhere.

    Replaces a certificate, such as a CA, under every alias that trusts it; other certificates of these aliases stay.
    Changes all or, if one can't be changed, none.
    """
    only = [alias.strip() for alias in aliases.split(",") if alias.strip()] if aliases else None
    change = Replacement(fingerprint, read_upload(certificate), password, only, keep=bool(keep))
    plan = bulk.plan_replacement(context, change) if preview else bulk.replace_everywhere(context, change)
    coverage = predict_coverage(context, plan)
    return {
        "replaced": not preview,
        "count": len(plan),
        "list": [_describe_replacement(replacement, coverage.get(replacement.before.origin)) for replacement in plan],
    }


def respond_with_export(rows: Iterator[export.Row], file_format: str, now: datetime) -> Response:
    """Return a response that writes *rows* while it reads them."""
    chunks = export.write_csv(rows) if file_format == "csv" else export.write_json(rows)
    name = f"certificates-{now:%Y-%m-%d}.{file_format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(chunks, media_type=_TYPES[file_format], headers=headers)


def _read_section(sort: str, offset: int = 0, limit: int | None = None) -> Section:
    try:
        column = Sort(sort.removeprefix("-"))
    except ValueError:
        raise InvalidField("sort", f"Sort by {', '.join(Sort)}.") from None
    return Section(column, descending=sort.startswith("-"), offset=offset, limit=limit)


def _describe(listed_certificate: ListedCertificate) -> ListedEndpointCertificate:
    entry = listed_certificate.entry
    return {
        "alias": entry.alias,
        "endpoint": entry.endpoint,
        "expiryStatus": listed_certificate.status,
        "notAfter": max(certificate.not_after for certificate in entry.current).isoformat(),
        "createdTime": entry.created_at.isoformat(),
        "lastUpdatedTime": entry.updated_at.isoformat(),
        "commonName": entry.common_name,
        "issuer": entry.issuer,
        "expires": entry.expires_at.isoformat(),
        "fingerprints": [certificate.fingerprint for certificate in entry.current],
        "previousCertificates": len(entry.previous),
        "usedBy": listed_certificate.users.count if listed_certificate.users else 0,
        "createdBy": entry.created_by,
    }


def _describe_replacement(replacement: PlannedReplacement, coverage: Coverage | None) -> ReplacedCertificate:
    return {
        "alias": replacement.before.alias,
        "endpoint": replacement.before.endpoint,
        "usedBy": replacement.users.count if replacement.users else 0,
        "fingerprints": [certificate.fingerprint for certificate in replacement.after.certificates],
        "previousFingerprints": [certificate.fingerprint for certificate in replacement.before.certificates],
        "refusal": str(replacement.refusal) if replacement.refusal else None,
        "backend": _describe_coverage(coverage) if coverage else None,
    }


def _describe_coverage(coverage: Coverage) -> BackendForecast:
    until = coverage.until.isoformat() if coverage.until else None
    return {"accepted": coverage.accepted, "cause": coverage.cause, "until": until}
