"""
Pages: the list of APIs, and the overview of an API.
"""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from holdfast.apis.catalog.api_types import get_type
from holdfast.apis.catalog.obedience import list_unobeyed
from holdfast.services.access import audit_log
from holdfast.services.attention.api_overviews import list_overviews
from holdfast.services.catalog import apis, deletion, documents
from holdfast.services.catalog.change_records import name_subject
from holdfast.services.notifications.owners import list_owners
from holdfast.services.trust import endpoint_certificates, unused_trust
from holdfast.store.catalog.api_overviews import Show, Sort
from holdfast.web import dialog, notices
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.catalog.call_commands import build_call_commands
from holdfast.web.catalog.environments import find_deployments, find_permission
from holdfast.web.identities.caller_certificates import find_callers
from holdfast.web.members import list_members, read_failures
from holdfast.web.paging import limit_page, number_pages
from holdfast.web.rendering import render, wants_part
from holdfast.web.trust.trust_settings import read_trust_rows

router = APIRouter()
PAGE = 50
_LATEST = 5  # changes on the overview
_SHOWS = {
    Show.ALL: "All",
    Show.FAILING: "Failing",
    Show.UNVERIFIED: "Not verified",
    Show.NOT_TRUSTED: "Not trusted",
    Show.UNREACHABLE: "Not reachable",
    Show.EXPIRING: "Expire within 30 days",
    Show.PLAIN: "Not encrypted",
    Show.WITHOUT_ENDPOINT: "No endpoint",
    Show.NOT_LIVE: "Not live",
}


@router.get("/apis")
def list_apis(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    query: str = "",
    show: str = "",
    sort: str = "",
    page: int = 1,
) -> Response:
    """List the APIs whose name, context, version or endpoint contains *query*; *sort* begins with - if descending."""
    page, query = limit_page(page), query.strip()
    view = Show(show) if show in list(Show) else Show.ALL
    column = Sort(sort.removeprefix("-")) if sort.removeprefix("-") in list(Sort) else Sort.NAME
    overviews, total = list_overviews(
        context,
        runtime.failures,
        query,
        view,
        column,
        descending=sort.startswith("-"),
        offset=(page - 1) * PAGE,
        limit=PAGE,
    )
    filters = {name: value for name, value in (("query", query), ("show", view.value)) if value}
    return render(
        request,
        "apis/_panel.html" if wants_part(request) else "apis/list.html",
        context=context,
        overviews=overviews,
        total=total,
        query=query,
        show=view,
        shows=_SHOWS,
        sort=f"{'-' if sort.startswith('-') else ''}{column}",
        filters=filters,
        pages=number_pages("APIs", "/apis", page, PAGE, total, **filters, sort=sort),
        page=page,
    )


@router.get("/apis/{api_id}")
def show_overview(request: Request, runtime: CurrentRuntime, context: RequestContext, api_id: str) -> Response:
    """Show the overview of an API."""
    full_api = apis.get_full_api(context, api_id)
    api = full_api.api
    certificates = endpoint_certificates.list_certificates_of_api(context, api)
    origins = {str(endpoint.origin) for endpoint in api.endpoints}
    deployments = find_deployments(runtime, context, api)
    urls = next((deployment.urls for deployment in deployments if deployment.urls), ())
    return render(
        request,
        "api/overview.html",
        context=context,
        api=api,
        page="overview",
        description_problem=apis.explain_description(context, api),
        certificates=certificates,
        owners=list_owners(context, "api", api.id),
        trust_rows=read_trust_rows(runtime, context, api),
        enforcements=runtime.enforcements.find_by_origin(context, origins),
        failures=read_failures(runtime, api),
        members=list_members(api),
        gateways=runtime.gateways,
        refused_listeners=[listener for listener in runtime.listeners if listener.is_refused],
        callers=find_callers(runtime, context, api),
        documents=documents.list_documents(context, api.id),
        commands=build_call_commands(urls, api, get_type(full_api.members), full_api.operations),
        deployments=deployments,
        ignored_members=list_unobeyed(full_api.members),
        choose=find_permission(context, api),
        history=audit_log.list_history(context, [name_subject(api)])[:_LATEST],
        history_link=f"/audit?{urlencode({'subject': name_subject(api)})}",
    )


@router.get("/apis/{api_id}/delete")
def ask_to_delete(request: Request, context: RequestContext, api_id: str) -> Response:
    """Ask for confirmation to delete the API."""
    api = apis.get_api(context, api_id)
    trusts = unused_trust.find_used_only_by(context, api)
    return dialog.show(
        request, context, "api/_delete.html", title="Delete API", api=api, page="overview", trusts=trusts
    )


@router.post("/apis/{api_id}/delete")
def delete_api(
    request: Request, context: RequestContext, api_id: str, delete_unused: Annotated[bool, Form()] = False
) -> Response:
    """Delete the API and, with *delete_unused*, the trust that no other API uses."""
    api = apis.get_api(context, api_id)
    trust = deletion.delete_api(context, api_id, delete_unused=delete_unused)
    notice = (
        "api-deleted-unused"
        if trust.unused_trust
        else "api-deleted-with-trust"
        if trust.deleted_trust
        else "api-deleted"
    )
    return notices.redirect(request, "/apis", notice, f"{api.name} {api.version}")
