"""
Test a backend through the gateway, and fetch its certificates, before anything is saved.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, UploadFile
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.connection_settings import ConnectionSettings
from holdfast.apis.catalog.endpoint import Environment
from holdfast.certificates.choices import list_choices
from holdfast.certificates.findings.examination import examine_presented
from holdfast.certificates.trust import TrustSet
from holdfast.network.presentation import FailedHandshake, Presentation
from holdfast.refusals import Refusal, TryLater
from holdfast.services.access.context import Context
from holdfast.services.catalog import apis
from holdfast.services.catalog.http1_fallback import find_connection
from holdfast.services.errors import NotFound
from holdfast.services.probing.offers import explain_refusal
from holdfast.services.probing.outcomes import CheckOutcome, ProbeOutcome
from holdfast.services.probing.terms import UNCHANGED, Change, find_terms_to_call, find_terms_to_test
from holdfast.services.runtime import Runtime
from holdfast.store.errors import write_public_text
from holdfast.web import dialog
from holdfast.web.access.session import CurrentRuntime, RequestContext, get_runtime
from holdfast.web.belonging import find_endpoint_of, get_certificate_of, require_origin_of
from holdfast.web.rendering import render, wants_part
from holdfast.web.trust.upload_form import EndpointsInForm, TypedEndpoints, read_upload, show_upload_form

router = APIRouter(prefix="/apis/{api_id}")
_REASONS = (Refusal, TryLater, NotFound)  # errors that the page shows in place of a result


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a test, or why there is none; *uploaded* means that it included a file."""

    probe: ProbeOutcome | None = None
    uploaded: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class HeadAnswer:
    """The result of checking an endpoint, or why there is none."""

    check: CheckOutcome | None = None
    error: str = ""
    listed_cause: str = ""  # of the failure that the page shows for the same endpoint, empty: none


async def check_endpoint(
    runtime: Runtime, context: Context, url: str, connection: ConnectionSettings | None = None, gateway: str = ""
) -> HeadAnswer:
    """
    Send one HEAD request through a gateway to a backend; *connection* are the settings in the form.

    *gateway* is the name of a connected gateway; empty: any.
    """
    try:
        terms = await run_in_threadpool(find_terms_to_call, context, runtime.sealing, url)
        settings = await run_in_threadpool(find_connection, context, url, connection)
        context.release()
        return HeadAnswer(await runtime.probes.check(context.user, url, terms, settings, gateway))
    except _REASONS as error:
        return HeadAnswer(error=write_public_text(error, reading=True))


def _read_change(
    endpoint: Annotated[str, Form()] = "",
    pem: Annotated[str, Form()] = "",
    fetched: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    replaced: Annotated[str, Form()] = "",
    keep: Annotated[bool, Form()] = False,
    certificate: UploadFile | None = None,
) -> tuple[str, Change]:
    if not (pem.strip() or fetched or (certificate and certificate.filename)):
        return endpoint, UNCHANGED  # without a file, nothing would be replaced
    data = read_upload(certificate, pem or fetched)
    return endpoint, Change(data, password or None, replaced or None, keep and bool(replaced))


Upload = Annotated[tuple[str, Change], Depends(_read_change)]
Gateway = Annotated[str, Form()]  # the name of a connected gateway; empty: any


@router.post("/certificates/test")
async def probe_upload(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: str,
    upload: Upload,
    typed_endpoints: EndpointsInForm,
    gateway: Gateway = "",
) -> Response:
    """Test an endpoint with a file that isn't saved."""
    api = await run_in_threadpool(apis.get_api, context, api_id)
    outcome = await _test(runtime, context, api, *upload, gateway, typed_endpoints.apply_to(api))
    return await _show(request, context, api, outcome, upload[0], part="testing/_outcome.html")


@router.get("/trust/{environment}/test")
async def probe_endpoint(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: str,
    environment: Environment,
    endpoint: str = "",
    gateway: str = "",
) -> Response:
    """Test an endpoint with the current trust settings."""
    api = await run_in_threadpool(apis.get_api, context, api_id)
    target = find_endpoint_of(api, environment, endpoint)
    outcome = await _test(runtime, context, api, target.url, UNCHANGED, gateway)
    return await _show(request, context, api, outcome, str(target.origin), environment=environment, gateway=gateway)


@router.post("/certificates/fetch")
async def fetch(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: str,
    typed_endpoints: EndpointsInForm,
    endpoint: Annotated[str, Form()] = "",
    gateway: Gateway = "",
    alias: Annotated[str, Form()] = "",
    replaced: Annotated[str, Form()] = "",
) -> Response:
    """Show the certificates that a backend presents, to choose from."""
    if replaced:
        api, _ = await run_in_threadpool(get_certificate_of, context, api_id, replaced)
    else:
        api = await run_in_threadpool(apis.get_api, context, api_id)
    result = await _fetch_chain(runtime, context, api, endpoint, typed_endpoints, replaced, gateway)
    if wants_part(request):
        return await run_in_threadpool(lambda: render(request, "testing/_fetched.html", context=context, **result))
    # Without JavaScript, show the whole form again, with its input.
    form = {"endpoint": endpoint, "alias": replaced or alias}
    purpose = "replace" if replaced else "upload"
    return await run_in_threadpool(
        lambda: show_upload_form(
            request, context, api, purpose, form, {}, fetch_result=result, typed_endpoints=typed_endpoints
        )
    )


async def _fetch_chain(
    runtime: Runtime,
    context: Context,
    api: Api,
    endpoint: str,
    typed_endpoints: TypedEndpoints,
    replaced: str,
    gateway: str,
) -> dict[str, Any]:
    """Return what `testing/_fetched.html` shows: the certificates to choose from, or the error."""
    result: dict[str, Any] = {"choices": (), "proposal": None, "refusals": {}, "findings": [], "presentation": None}
    result |= {"now": context.now, "error": ""}
    try:
        require_origin_of(api, endpoint, typed_endpoints.apply_to(api))
        change = Change(instead_of=replaced or None)
        terms = await run_in_threadpool(find_terms_to_test, context, runtime.sealing, endpoint, change)
        context.release()
        presentation, _ = await runtime.probes.fetch(context.user, endpoint, terms, gateway)
    except _REASONS as refusal:
        return result | {"error": str(refusal)}
    if isinstance(presentation, FailedHandshake):
        error = f"Couldn't fetch the backend's certificates ({presentation.obstacle}): {presentation.text}"
        return result | {"error": error, "presentation": presentation}
    return result | _describe_choices(presentation, terms.trust, context.now)


def _describe_choices(presentation: Presentation, trust: TrustSet, now: datetime) -> dict[str, Any]:
    choices = list_choices(presentation.chain)
    refusals = {
        choice.certificate.fingerprint: why_not
        for choice in choices
        if (why_not := explain_refusal(choice.certificate, trust.anchors, now))
    }
    importable = [choice for choice in choices if choice.certificate.fingerprint not in refusals]
    return {
        "choices": choices,
        # There is nothing to choose if only one can be trusted; who saves it has its fingerprint in front of them.
        "proposal": importable[0] if len(importable) == 1 else None,
        "refusals": refusals,
        "findings": examine_presented(presentation.chain, trust.accepted_names, now),
        "error": "" if choices else "The backend presented no readable certificate.",
        "presentation": presentation,
    }


async def _show(
    request: Request,
    context: Context,
    api: Api,
    outcome: Outcome,
    origin: str,
    part: str = "",
    environment: Environment | None = None,
    gateway: str = "",
) -> Response:
    return await run_in_threadpool(
        lambda: dialog.show(
            request,
            context,
            "testing/_test.html",
            part=part,
            title="Test against the endpoint",
            api=api,
            outcome=outcome,
            origin=origin,
            environment=environment,
            gateway=gateway,
            gateways=get_runtime(request).probes.gateways,
        )
    )


async def _test(
    runtime: Runtime,
    context: Context,
    api: Api,
    endpoint: str,
    change: Change,
    gateway: str,
    unsaved_api: Api | None = None,
) -> Outcome:
    try:
        require_origin_of(api, endpoint, unsaved_api)
        terms = await run_in_threadpool(find_terms_to_test, context, runtime.sealing, endpoint, change)
        context.release()
        return Outcome(await runtime.probes.probe(context.user, endpoint, terms, gateway), terms.with_upload)
    except _REASONS as error:
        return Outcome(error=write_public_text(error, reading=True))
