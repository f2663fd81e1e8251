"""
The list of all endpoint certificates, and its export.
"""

from dataclasses import dataclass, replace
from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from holdfast.apis.enforcement import Enforcement
from holdfast.services.access import saved_views
from holdfast.services.access.context import Context
from holdfast.services.inventory import export, lists
from holdfast.services.inventory.lists import ListedCertificate, Section
from holdfast.services.inventory.states import CertificateState, find_state
from holdfast.services.runtime import Runtime
from holdfast.services.watch.watched_endpoints import find_rejected_changes
from holdfast.store.trust.inventory import Filter
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.inventory.query import CHIPS, PATH, SIZE, Chip, ListQuery, read_query, write_position
from holdfast.web.paging import Page
from holdfast.web.rendering import render, wants_part

VIEWS = "certificates"  # the list whose views are saved
router = APIRouter()
_MANY = 5_000  # origins in a query
_TYPES = {"csv": "text/csv", "json": "application/json"}


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the list."""

    certificate: ListedCertificate
    state: CertificateState
    enforcement: Enforcement


@dataclass(frozen=True, slots=True)
class Option:
    """A filter as a link; *count* is None if it isn't known."""

    label: str
    href: str
    is_current: bool
    count: int | None = None


@router.get(PATH)
def show(request: Request, runtime: CurrentRuntime, context: RequestContext) -> Response:
    """Show a page of all endpoint certificates."""
    query = read_query(request)
    criteria = narrow(runtime, context, query)
    certificates = lists.list_certificates(context, criteria, query.section)
    backward = query.before is not None
    visible_certificates = certificates[-SIZE:] if backward else certificates[:SIZE]
    is_whole = len(certificates) <= SIZE and not (query.after or query.before)
    total = len(certificates) if is_whole else lists.count_certificates(context, criteria, lists.MOST + 1)
    has_more = len(certificates) > SIZE
    page = Page(
        "certificates",
        _describe_total(total),
        _write_address(query, "before", visible_certificates)
        if visible_certificates and (has_more if backward else query.after)
        else None,
        _write_address(query, "after", visible_certificates)
        if visible_certificates and (backward or has_more)
        else None,
    )
    return render(
        request,
        "inventory/_table.html" if wants_part(request) else "inventory/list.html",
        context=context,
        section="certificates",
        rows=read_rows(runtime, context, visible_certificates),
        query=query,
        page=page,
        total=_describe_total(total),
        options=[_offer(runtime, context, query, chip) for chip in CHIPS],
        views=saved_views.list_views(context, VIEWS),
        address=query.build_address(),
    )


@router.get("/certificates-export")  # below PATH, an alias could have the same name
def download(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    format: Literal["csv", "json"] = "csv",  # noqa: A002
) -> Response:
    """Download what the list with the same query contains, in its order."""
    query = read_query(request)
    # The response is written after the request's transactions have ended.
    later = Context(runtime.store, context.user, context.now)
    section = Section(query.sort, query.descending)
    rows = export.list_rows(later, narrow(runtime, context, query), section)
    chunks = export.write_csv(rows) if format == "csv" else export.write_json(rows)
    name = f"certificates-{context.now:%Y-%m-%d}.{format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(chunks, media_type=_TYPES[format], headers=headers)


def narrow(runtime: Runtime, context: Context, query: ListQuery) -> Filter:
    """Return the filter of *query*."""
    criteria = query.narrow(context.now)
    if criteria.origins is None:
        return criteria
    pending = runtime.enforcements.list_pending_origins(context.user.organization)
    return replace(criteria, origins=sorted(pending)[:_MANY])


def read_rows(runtime: Runtime, context: Context, certificates: list[ListedCertificate]) -> list[Row]:
    """Return the rows for these endpoint certificates."""
    origins = {certificate.entry.origin for certificate in certificates}
    enforcements = runtime.enforcements.find_by_origin(context, origins)
    rejected_origins = find_rejected_changes(context, origins)
    return [
        Row(
            certificate,
            find_state(
                certificate,
                enforcement := enforcements[certificate.entry.origin],
                context.now,
                has_changed=certificate.entry.origin in rejected_origins,
            ),
            enforcement,
        )
        for certificate in certificates
    ]


def _offer(runtime: Runtime, context: Context, query: ListQuery, chip: Chip) -> Option:
    own = replace(query, chip=chip, after=None, before=None)
    count = None
    if chip.is_quick and chip.key and not (query.query or query.issuer):
        number = lists.count_certificates(context, narrow(runtime, context, own))
        count = number if number < lists.MOST else None
    return Option(chip.label, own.build_address(), chip == query.chip, count)


def _write_address(query: ListQuery, direction: str, certificates: list[ListedCertificate]) -> str:
    entry = certificates[0 if direction == "before" else -1].entry
    position = entry.find_position(query.sort)
    return query.build_address(**{direction: write_position(position)}) if position else query.build_address()


def _describe_total(total: int) -> str:
    if total > lists.MOST:
        return f"more than {lists.MOST:,} certificates"
    return f"{total:,} certificate{'' if total == 1 else 's'}"
