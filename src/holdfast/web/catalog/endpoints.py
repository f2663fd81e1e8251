"""
The Endpoints page of an API, with its certificates.
"""

import json
from dataclasses import replace
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.api_types import get_type, has_examples
from holdfast.apis.catalog.connection_settings import SETTINGS
from holdfast.apis.catalog.description import FullApi, complete_endpoint_config
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint, Environment
from holdfast.apis.catalog.endpoint_group import MAX_MEMBERS
from holdfast.apis.enforcement import Progress
from holdfast.apis.errors import InvalidFields
from holdfast.services.access.context import Context
from holdfast.services.catalog import apis
from holdfast.services.catalog.endpoint_security import SECURITY_FIELD
from holdfast.services.catalog.http1_fallback import find_fallback_times
from holdfast.services.credentials.sealing import seal_drafts
from holdfast.services.errors import ContentChanged, OldControlPlanes
from holdfast.services.trust import unused_trust
from holdfast.services.trust.unused_trust import UnusedTrust
from holdfast.services.versions import make_api_tag
from holdfast.web import notices
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.catalog import group_form, security_form
from holdfast.web.catalog.connection_form import (
    NO_VALUES,
    TypedConnections,
    Values,
    choose_connections,
    read_connections,
)
from holdfast.web.catalog.group_form import TypedGroups
from holdfast.web.catalog.security_form import TypedSecurity
from holdfast.web.conditions import Condition, SentCondition
from holdfast.web.identities.gateway_identities import read_identity_rows
from holdfast.web.members import list_members, read_failures
from holdfast.web.probing.testing import Gateway, HeadAnswer, check_endpoint
from holdfast.web.rendering import render, wants_part
from holdfast.web.trust.certificate_rows import read_certificate_rows, read_removed_rows
from holdfast.web.trust.endpoint_health import read_health
from holdfast.web.trust.trust_settings import read_trust_rows
from holdfast.web.trust.watched_endpoints import read_watched_endpoints

router = APIRouter()


@router.get("/apis/{api_id}/endpoints")
def show(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: str,
    left: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """Show the endpoints; *left* are previous origins of the API, whose trust may be unused now."""
    return _show_page(request, runtime, context, apis.get_full_api(context, api_id), left=left)


@router.post("/apis/{api_id}/endpoints")
def save(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: str,
    settings: TypedConnections,
    security: TypedSecurity,
    group: TypedGroups,
    condition: SentCondition,
    production: Annotated[str, Form()] = "",
    sandbox: Annotated[str, Form()] = "",
    with_production: Annotated[bool, Form()] = False,
    with_sandbox: Annotated[bool, Form()] = False,
) -> Response:
    """Save the endpoints whose boxes are checked."""
    has_endpoint = {"production": with_production, "sandbox": with_sandbox}
    with_endpoint = {name for name, is_checked in has_endpoint.items() if is_checked}
    new_urls = (production if with_production else None, sandbox if with_sandbox else None)
    connections, errors = read_connections({name: values for name, values in settings.items() if name in with_endpoint})
    checked_security = {name: members for name, members in security.items() if name in with_endpoint}
    drafts, security_errors = security_form.read_drafts(checked_security)
    urls = {"production": production, "sandbox": sandbox}
    checked_urls = {name: urls[name] for name in ENVIRONMENTS if name in with_endpoint}
    groups, group_errors = group_form.read_groups(group, checked_urls)
    errors |= security_errors | group_errors
    trusts: tuple[UnusedTrust, ...] = ()
    try:
        if not errors:
            securities = seal_drafts(context, runtime.sealing, drafts)
            change = partial(apis.change_endpoints, expected=condition.expected)
            trusts = change(context, api_id, *new_urls, connections, securities, groups).trust.unused_trust
    except ContentChanged as error:
        condition = Condition.after(
            error, subject="this API", loss="secrets" if security_form.has_secrets(checked_security) else ""
        )
    except InvalidFields as error:
        errors = error.map_to_fields()
    except OldControlPlanes as error:
        errors = error.map_to_fields(f"{group_form.PREFIX}kind")
    full_api = apis.get_full_api(context, api_id)
    if errors or condition.has_failed:
        show = partial(_show_page, settings=settings, security=security, group=group, condition=condition)
        return show(request, runtime, context, full_api, 422 if errors else 412, urls, has_endpoint, errors)
    api = full_api.api
    name, origins = f"{api.name} {api.version}", [trust.origin for trust in trusts]
    return notices.redirect(request, f"/apis/{api_id}/endpoints", "endpoints-saved", name, left=origins)


@router.post("/apis/{api_id}/endpoints/check")
async def check(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: str,
    environment: Environment,
    settings: TypedConnections,
    group: TypedGroups,
    condition: SentCondition,
    member: Annotated[int, Query(ge=0, lt=MAX_MEMBERS)] = 0,
    gateway: Gateway = "",
    production: Annotated[str, Form()] = "",
    sandbox: Annotated[str, Form()] = "",
    with_production: Annotated[bool, Form()] = False,
    with_sandbox: Annotated[bool, Form()] = False,
) -> Response:
    """Show the status that the backend at a URL returns; it needn't be saved, except that of a further *member*."""
    full_api = await run_in_threadpool(apis.get_full_api, context, api_id)
    api = full_api.api
    urls = {"production": production, "sandbox": sandbox}
    connections, _ = read_connections(settings)
    members = api.list_members(environment)[member:]
    url = urls[environment] if not member else members[0].endpoint.url if members else ""
    answer = await check_endpoint(runtime, context, url, connections.get(environment), gateway)
    name = f"{environment}-{member}" if member else environment
    if members and members[0].endpoint.url == url and (failure := read_failures(runtime, api).get(name)):
        answer = replace(answer, listed_cause=failure.cause)
    if wants_part(request):
        return await run_in_threadpool(lambda: render(request, "testing/_answer.html", context=context, answer=answer))
    has_endpoint = {"production": with_production, "sandbox": with_sandbox}
    answers = {name: answer}
    show = partial(_show_page, answers=answers, settings=settings, group=group, condition=condition)
    return await run_in_threadpool(show, request, runtime, context, full_api, 200, urls, has_endpoint)


def _show_page(
    request: Request,
    runtime: CurrentRuntime,
    context: Context,
    full_api: FullApi,
    status: int = 200,
    urls: dict[str, str] | None = None,
    has_endpoint: dict[str, bool] | None = None,
    errors: dict[str, str] | None = None,
    answers: dict[str, HeadAnswer] | None = None,
    settings: Values = NO_VALUES,
    security: security_form.SecurityValues = security_form.NO_VALUES,
    group: group_form.GroupValues | None = None,
    left: list[str] | None = None,
    condition: Condition | None = None,
) -> Response:
    api = full_api.api
    watched_endpoints, failures = read_watched_endpoints(context, api), read_failures(runtime, api)
    health, trust_rows = read_health(runtime, context, api, watched_endpoints), read_trust_rows(runtime, context, api)
    saved_urls = {
        "production": api.production.url if api.production else "",
        "sandbox": api.sandbox.url if api.sandbox else "",
    }
    return render(
        request,
        "api/endpoints.html",
        context=context,
        status=status,
        api=api,
        page="endpoints",
        urls=urls or saved_urls,
        has_endpoint=has_endpoint or {name: bool(url) for name, url in saved_urls.items()},
        errors=errors or {},
        condition=condition or Condition(make_api_tag(full_api)),
        answers=answers or {},
        connections=choose_connections(api, settings),
        connection_fields=SETTINGS,
        security=security_form.choose_security(api, security),
        stored_secrets=security_form.list_stored_secrets(api),
        security_kinds=security_form.summarize(api),
        group=group_form.choose_groups(api, group),
        group_summary=group_form.summarize(api),
        blank_row=group_form.MemberRow(),
        group_members=_list_members(api),
        group_health=health,
        group_open=any(name.startswith(group_form.PREFIX) for name in errors or {})
        or any(line.needs_attention for lines in health.values() for line in lines)
        or bool(failures.keys() - ENVIRONMENTS),  # those of the first endpoints are above
        fallback=find_fallback_times(context, api),
        as_json=_write_json(full_api),
        has_examples=has_examples(get_type(full_api.members)),
        examples=sum(mock.is_example for mock in api.mocks or ()),
        schemas=sum(bool(mock.media_type) and not mock.is_example for mock in api.mocks or ()),
        empty=sum(not mock.media_type for mock in api.mocks or ()),
        trusts=unused_trust.find_unused(context, left) if left else [],
        rows=read_certificate_rows(runtime, context, api),
        removed_rows=read_removed_rows(context, api),
        trust_rows=trust_rows,
        identity_rows=read_identity_rows(runtime, context, api),
        failures=failures,
        watched_endpoints=watched_endpoints,
        gateways=runtime.probes.gateways,
        expanded=_is_about_certificates(request)
        or any(name.startswith(SECURITY_FIELD) for name in errors or {})
        or any(row.enforcement.progress is Progress.UNUSABLE for row in trust_rows),
    )


def _list_members(api: Api) -> dict[str, dict[str, tuple[str, Endpoint]]]:
    """Return the saved endpoints of groups, with their names, by environment and by the URL in their row."""
    rows: dict[str, dict[str, tuple[str, Endpoint]]] = {name: {} for name in ENVIRONMENTS if api.find_group(name)}
    for name, (environment, endpoint) in list_members(api).items():
        if environment in rows:
            rows[environment]["" if name == environment else endpoint.url] = name, endpoint
    return rows


def _write_json(full_api: FullApi) -> str:
    """Write the body of a `PUT` that keeps the endpoints of an API with all their settings."""
    config = complete_endpoint_config(full_api)
    if not full_api.api.endpoints:
        config["production_endpoints"] = {"url": "PRODUCTION"}
    return json.dumps({"endpointConfig": config}, ensure_ascii=False)


def _is_about_certificates(request: Request) -> bool:
    notice = request.query_params.get("done", "")
    return "certificates" in request.query_params or notice.startswith(("certificate", "client", "trust", "exception"))
