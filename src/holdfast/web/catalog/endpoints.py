"""
The Endpoints page of an API, with its certificates.
"""

import json
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.description import complete_endpoint_config
from holdfast.apis.catalog.endpoint import Environment
from holdfast.apis.errors import InvalidFields
from holdfast.services.access.context import Context
from holdfast.services.catalog import apis
from holdfast.services.catalog.http1_fallback import fallback_since
from holdfast.services.trust import unused_trust
from holdfast.services.trust.unused_trust import UnusedTrust
from holdfast.web import notices
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.catalog.connection_form import (
    NOTHING_TYPED,
    TypedConnections,
    Values,
    choose_connections,
    read_typed,
)
from holdfast.web.identities.gateway_identities import read_identity_rows
from holdfast.web.probing.testing import HeadAnswer, check_endpoint
from holdfast.web.rendering import render, wants_part
from holdfast.web.trust.certificate_rows import read_certificate_rows, read_removed_rows
from holdfast.web.trust.trust_settings import read_trust_rows

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
    return _show_page(request, runtime, context, apis.get_api(context, api_id), left=left)


@router.post("/apis/{api_id}/endpoints")
def save(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: str,
    settings: TypedConnections,
    production: Annotated[str, Form()] = "",
    sandbox: Annotated[str, Form()] = "",
    with_production: Annotated[bool, Form()] = False,
    with_sandbox: Annotated[bool, Form()] = False,
) -> Response:
    """Save the endpoints whose boxes are checked."""
    with_endpoint = {name for name, kept in (("production", with_production), ("sandbox", with_sandbox)) if kept}
    chosen = (production if with_production else None, sandbox if with_sandbox else None)
    connections, errors = read_typed({name: values for name, values in settings.items() if name in with_endpoint})
    left: tuple[UnusedTrust, ...] = ()
    try:
        if not errors:
            left = apis.change_endpoints(context, api_id, *chosen, connections).left.kept
    except InvalidFields as error:
        errors = error.fields()
    api = apis.get_api(context, api_id)
    if errors:
        typed = {"production": production, "sandbox": sandbox}
        checked = {"production": with_production, "sandbox": with_sandbox}
        return _show_page(request, runtime, context, api, 422, typed, checked, errors, settings=settings)
    name, origins = f"{api.name} {api.version}", [trust.origin for trust in left]
    return notices.redirect(request, f"/apis/{api_id}/endpoints", "endpoints-saved", name, left=origins)


@router.post("/apis/{api_id}/endpoints/check")
async def check(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: str,
    environment: Environment,
    settings: TypedConnections,
    production: Annotated[str, Form()] = "",
    sandbox: Annotated[str, Form()] = "",
    with_production: Annotated[bool, Form()] = False,
    with_sandbox: Annotated[bool, Form()] = False,
) -> Response:
    """Show the status that the backend at a URL returns; the URL needn't be saved."""
    api = await run_in_threadpool(apis.get_api, context, api_id)
    typed = {"production": production, "sandbox": sandbox}
    connections, _ = read_typed(settings)
    answer = await check_endpoint(runtime, context, typed[environment], connections.get(environment))
    if wants_part(request):
        return await run_in_threadpool(lambda: render(request, "testing/_answer.html", context=context, answer=answer))
    checked = {"production": with_production, "sandbox": with_sandbox}
    show = partial(_show_page, answers={environment: answer}, settings=settings)
    return await run_in_threadpool(show, request, runtime, context, api, 200, typed, checked)


def _show_page(
    request: Request,
    runtime: CurrentRuntime,
    context: Context,
    api: Api,
    status: int = 200,
    typed: dict[str, str] | None = None,
    checked: dict[str, bool] | None = None,
    errors: dict[str, str] | None = None,
    answers: dict[Environment, HeadAnswer] | None = None,
    settings: Values = NOTHING_TYPED,
    left: list[str] | None = None,
) -> Response:
    saved = {
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
        typed=typed or saved,
        checked=checked or {name: bool(url) for name, url in saved.items()},
        errors=errors or {},
        answers=answers or {},
        connections=choose_connections(api, settings),
        fallback=fallback_since(context, api),
        as_json=_write_json(context, api),
        unused=unused_trust.find_unused(context, left) if left else [],
        now=context.now,
        rows=read_certificate_rows(runtime, context, api),
        removed=read_removed_rows(context, api),
        trust_rows=read_trust_rows(runtime, context, api),
        identity_rows=read_identity_rows(runtime, context, api),
        failures=runtime.failures.of(api),
        expanded=_is_about_certificates(request),
    )


def _write_json(context: Context, api: Api) -> str:
    """Write the body of a `PUT` that keeps the endpoints of *api* with all their settings."""
    config = complete_endpoint_config(apis.get_described(context, api.id))
    if not api.endpoints:
        config["production_endpoints"] = {"url": "PRODUCTION"}
    return json.dumps({"endpointConfig": config}, ensure_ascii=False)


def _is_about_certificates(request: Request) -> bool:
    done = request.query_params.get("done", "")
    return "certificates" in request.query_params or done.startswith(("certificate", "client", "trust", "exception"))
