"""
The dialogs of the trust settings section: the settings, and exceptions.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, UploadFile
from starlette.responses import Response

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint, Environment
from holdfast.apis.enforcement import Enforcement
from holdfast.apis.errors import InvalidField, InvalidFields
from holdfast.apis.trust.trust_draft import TrustDraft
from holdfast.apis.trust.trust_settings import AnchorMode
from holdfast.certificates.revocation import MAX_BYTES
from holdfast.services.access.context import Context
from holdfast.services.catalog import apis
from holdfast.services.errors import ContentChanged, NotFound
from holdfast.services.runtime import Runtime
from holdfast.services.trust import trust_settings
from holdfast.services.trust.trust_settings import EndpointTrust
from holdfast.services.versions import make_settings_tag
from holdfast.web import dialog
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.belonging import find_endpoint_of
from holdfast.web.conditions import Condition, SentCondition
from holdfast.web.dialog import Section
from holdfast.web.members import list_members
from holdfast.web.rendering import render
from holdfast.web.trust.endpoint_health import read_health
from holdfast.web.trust.watched_endpoints import read_watched_endpoints

router = APIRouter(prefix="/apis/{api_id}/trust/{environment}")
ANCHORS = {
    AnchorMode.IMPORTED: "Imported certificates, or public CAs if there are none",
    AnchorMode.IMPORTED_AND_PUBLIC: "Imported certificates and public CAs",
    AnchorMode.PUBLIC: "Public CAs only",
}
DURATIONS = {1: "1 hour", 8: "8 hours", 24: "1 day", 72: "3 days", 168: "7 days"}  # hours
_FIELDS = ("names", "sni", "certificatePins", "spkiPins", "crls", "tlsMinimum", "anyName", "reason")


@dataclass(frozen=True, slots=True)
class TrustRow:
    """One origin in the section; *is_for_tokens*: gateways send only requests for tokens there."""

    environments: tuple[Environment, ...]
    endpoint: Endpoint
    trust: EndpointTrust
    enforcement: Enforcement
    is_for_tokens: bool = False


def read_trust_rows(runtime: Runtime, context: Context, api: Api) -> list[TrustRow]:
    """Make the rows for the https endpoints of *api*, one per origin, and then for its token endpoints."""
    rows: dict[str, TrustRow] = {}
    backends = [(env, member.endpoint, False) for env in ENVIRONMENTS for member in api.list_members(env)]
    tokens = [(env, endpoint, True) for env in ENVIRONMENTS if (endpoint := api.find_token_endpoint(env))]
    secure = [row for row in (*backends, *tokens) if row[1].origin.is_secure]
    enforcements = runtime.enforcements.find_by_origin(context, {str(endpoint.origin) for _, endpoint, _ in secure})
    for environment, endpoint, is_for_tokens in secure:
        origin = str(endpoint.origin)
        if origin in rows:
            environments = dict.fromkeys((*rows[origin].environments, environment))
            rows[origin] = replace(rows[origin], environments=tuple(environments))
        else:
            trust = trust_settings.get_settings(context, endpoint.url)
            rows[origin] = TrustRow((environment,), endpoint, trust, enforcements[origin], is_for_tokens)
    return list(rows.values())


def _read_section(runtime: Runtime, context: Context, api: Api) -> dict[str, Any]:
    watched_endpoints = read_watched_endpoints(context, api)
    return {
        "trust_rows": read_trust_rows(runtime, context, api),
        "watched_endpoints": watched_endpoints,
        "members": list_members(api),
        "group_health": read_health(runtime, context, api, watched_endpoints),
    }


TRUST = Section("trust/_changed.html", _read_section)


def _read_draft(
    anchors: Annotated[str, Form()] = AnchorMode.IMPORTED.value,
    names: Annotated[str, Form()] = "",
    any_name: Annotated[bool, Form()] = False,
    sni: Annotated[str, Form()] = "",
    no_sni: Annotated[bool, Form()] = False,
    certificate_pins: Annotated[str, Form()] = "",
    spki_pins: Annotated[str, Form()] = "",
    crl: UploadFile | None = None,
    forget_crls: Annotated[bool, Form()] = False,
    revocation: Annotated[str, Form()] = "path",
    tls_minimum: Annotated[str, Form()] = "1.2",
    tls_maximum: Annotated[str, Form()] = "1.3",
) -> TrustDraft:
    file = crl.file.read(MAX_BYTES + 1) if crl else b""
    return TrustDraft(
        anchors=anchors,
        names=names.split(),
        any_name=any_name,
        sni="" if no_sni else sni.strip() or None,
        certificate_pins=certificate_pins.splitlines() if certificate_pins.strip() else (),
        spki_pins=spki_pins.splitlines() if spki_pins.strip() else (),
        revocation=file or (b"" if forget_crls else None),
        revocation_of_path=revocation == "path",
        tls_minimum=tls_minimum,
        tls_maximum=tls_maximum,
    )


Draft = Annotated[TrustDraft, Depends(_read_draft)]


def _read_target(
    context: RequestContext, api_id: str, environment: Environment, endpoint: str = ""
) -> tuple[Api, Endpoint]:
    api = apis.get_api(context, api_id)
    target = find_endpoint_of(api, environment, endpoint)
    if not target.origin.is_secure:
        raise NotFound("https endpoint", endpoint or environment)
    return api, target


Target = Annotated[tuple[Api, Endpoint], Depends(_read_target)]


@router.get("")
def ask(request: Request, context: RequestContext, environment: Environment, target: Target) -> Response:
    """Show the form with the current settings."""
    api, endpoint = target
    trust = trust_settings.get_settings(context, endpoint.url)
    return _show_form(request, context, api, environment, endpoint, trust, Condition(make_settings_tag(trust.settings)))


@router.post("")
def save(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    environment: Environment,
    target: Target,
    draft: Draft,
    condition: SentCondition,
) -> Response:
    """Save the settings, or explain what is wrong."""
    api, endpoint = target
    try:
        trust_settings.change_settings(context, endpoint.url, draft, condition.expected)
    except ContentChanged as error:
        trust = _apply_draft(context, endpoint, draft)
        condition = Condition.after(error, loss="the CRL file" if draft.revocation else "")
        return _show_form(request, context, api, environment, endpoint, trust, condition)
    except InvalidFields as error:
        errors = error.map_to_fields()
        trust = trust_settings.get_settings(context, endpoint.url)
        return _show_form(request, context, api, environment, endpoint, trust, condition, errors)
    return dialog.finish(request, runtime, context, api, "trust-saved", str(endpoint.origin), [TRUST])


@router.post("/preview")
def preview(request: Request, context: RequestContext, target: Target, draft: Draft) -> Response:
    """Describe the effect of the values in the form without saving them."""
    _, endpoint = target
    try:
        trust = trust_settings.preview_settings(context, endpoint.url, draft)
    except InvalidFields as error:
        first = error.errors[0]
        of_crls = first.field == "crls"
        return render(
            request, "trust/_effect.html", context=context, sentences=(), findings=(), error=str(first), of_crls=of_crls
        )
    return render(
        request, "trust/_effect.html", context=context, sentences=trust.effect, findings=trust.findings, error=""
    )


@router.get("/exception")
def ask_for_exception(request: Request, context: RequestContext, environment: Environment, target: Target) -> Response:
    """Ask for the reason and the duration of an exception."""
    api, endpoint = target
    return _show_exception_form(request, context, api, environment, endpoint)


@router.post("/exception")
def grant_exception(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    environment: Environment,
    target: Target,
    reason: Annotated[str, Form()] = "",
    hours: Annotated[int, Form()] = 1,
) -> Response:
    """Turn off verification until the chosen time."""
    api, endpoint = target
    now = context.now
    try:
        until = now + timedelta(hours=min(max(hours, 1), 1000))
        trust_settings.grant_exception(context, endpoint.url, reason, until)
    except InvalidField as error:
        errors = error.map_to_fields()
        return _show_exception_form(request, context, api, environment, endpoint, reason, errors)
    return dialog.finish(request, runtime, context, api, "exception-granted", str(endpoint.origin), [TRUST])


@router.post("/exception/end")
def end_exception(request: Request, runtime: CurrentRuntime, context: RequestContext, target: Target) -> Response:
    """Turn verification back on."""
    api, endpoint = target
    trust_settings.end_exception(context, endpoint.url)
    return dialog.finish(request, runtime, context, api, "exception-ended", str(endpoint.origin), [TRUST])


def _apply_draft(context: Context, endpoint: Endpoint, draft: TrustDraft) -> EndpointTrust:
    """Return the settings for a page that keeps its input, except for a file, which pages can't keep."""
    current = trust_settings.get_settings(context, endpoint.url)
    try:
        draft_trust = trust_settings.preview_settings(context, endpoint.url, draft)
    except InvalidFields:  # it rejects a certificate that has been imported since
        return current
    return replace(draft_trust, settings=replace(draft_trust.settings, revocation=current.settings.revocation))


def _show_form(
    request: Request,
    context: Context,
    api: Api,
    environment: Environment,
    endpoint: Endpoint,
    trust: EndpointTrust,
    condition: Condition,
    errors: dict[str, str] | None = None,
) -> Response:
    return dialog.show(
        request,
        context,
        "trust/_form.html",
        title="Trust settings",
        fields=_FIELDS,
        errors=errors,
        condition=condition,
        api=api,
        environment=environment,
        endpoint=endpoint,
        settings=trust.settings,
        unreadable=trust.problem if trust.settings != trust.settings.readable else "",
        sentences=trust.effect,
        findings=trust.findings,
        anchors=ANCHORS,
        error="",
    )


def _show_exception_form(
    request: Request,
    context: Context,
    api: Api,
    environment: Environment,
    endpoint: Endpoint,
    reason: str = "",
    errors: dict[str, str] | None = None,
) -> Response:
    return dialog.show(
        request,
        context,
        "trust/_exception.html",
        title="Turn off verification",
        fields=_FIELDS,
        errors=errors,
        api=api,
        environment=environment,
        endpoint=endpoint,
        reason=reason,
        lasting=DURATIONS,
    )
