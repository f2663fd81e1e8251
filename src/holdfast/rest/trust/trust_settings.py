"""
`/endpoints/trust-settings`: how gateways verify the backends of an origin, and exceptions.
"""

from datetime import datetime
from typing import Annotated

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field

from holdfast.apis.enforcement import OriginTrust
from holdfast.apis.trust.trust_draft import TrustDraft
from holdfast.apis.trust.trust_settings import TrustException
from holdfast.certificates.description import describe_findings
from holdfast.certificates.revocation import RevocationList
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.conditions import IfMatch, quote_tag
from holdfast.rest.errors import PREFIX
from holdfast.rest.inputs import Time
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, paginate
from holdfast.rest.responses import declare_files
from holdfast.rest.router import Router
from holdfast.rest.shapes import describe_enforcement
from holdfast.rest.trust import responses
from holdfast.rest.trust.responses import Crl, InspectedTrustSettings, TrustExceptions, TrustSettings
from holdfast.services.access.context import Context
from holdfast.services.runtime import Runtime
from holdfast.services.trust import trust_settings
from holdfast.services.trust.trust_settings import EndpointTrust
from holdfast.services.versions import make_settings_tag

router = Router(prefix=f"{PREFIX}/endpoints", tags=["Trust settings"])
PEM = "application/x-pem-file"
EndpointUrl = Annotated[str, Query(alias="endpoint", description="The URL of an https endpoint of an API.")]


class TrustSettingsBody(BaseModel):
    """All trust settings except exceptions. Members that are left out get their defaults."""

    model_config = ConfigDict(populate_by_name=True, extra="forbid")
    anchors: str = Field("imported", description="`imported`, `imported-and-public` or `public`.")
    names: list[str] = []
    any_name: bool = Field(
        False, alias="anyName", description="Skip host name verification. Requires a certificate pin."
    )
    sni: str | None = None
    certificate_pins: list[str] = Field([], alias="certificatePins")
    spki_pins: list[str] = Field([], alias="spkiPins")
    crls: str | None = Field(None, description="CRLs in PEM. Empty: no CRLs. Null: keep the current ones.")
    revocation_of_path: bool = Field(True, alias="revocationOfPath")
    tls_minimum: str = Field("1.2", alias="tlsMinimum")
    tls_maximum: str = Field("1.3", alias="tlsMaximum")

    def to_draft(self) -> TrustDraft:
        """Return the draft that the service takes."""
        return TrustDraft(
            anchors=self.anchors,
            names=self.names,
            any_name=self.any_name,
            sni=self.sni,
            certificate_pins=self.certificate_pins,
            spki_pins=self.spki_pins,
            revocation=None if self.crls is None else self.crls.encode(),
            revocation_of_path=self.revocation_of_path,
            tls_minimum=self.tls_minimum,
            tls_maximum=self.tls_maximum,
        )


class ExceptionBody(BaseModel):
    """A new exception."""

    reason: str = Field(description="Why verification must be off.")
    until: Time = Field(description="When verification turns back on, within 7 days.")


@router.get("/trust-settings")
def get_trust_settings(
    runtime: CurrentRuntime,
    context: RequestContext,
    endpoint: EndpointUrl,
    response: Response,
    unused: Annotated[bool, Query(description="Also return settings that are left for an endpoint of no API.")] = False,
) -> TrustSettings:
    """
    Get the trust settings of an endpoint.

    Returns how gateways verify the endpoint's origin, as values and in plain words (`effect`).
    """
    endpoint_trust = trust_settings.get_settings(context, endpoint, unused=unused)
    response.headers["ETag"] = quote_tag(make_settings_tag(endpoint_trust.settings))
    return _describe(runtime, context, endpoint_trust)


@router.put("/trust-settings")
def put_trust_settings(
    runtime: CurrentRuntime,
    context: RequestContext,
    endpoint: EndpointUrl,
    body: TrustSettingsBody,
    expected: IfMatch,
    response: Response,
) -> TrustSettings:
    """
    Replace the trust settings of an endpoint.

    They apply to the endpoint's origin. Members that are left out get their defaults; CRLs stay if `crls` is null.
    """
    endpoint_trust = trust_settings.change_settings(context, endpoint, body.to_draft(), expected)
    response.headers["ETag"] = quote_tag(make_settings_tag(endpoint_trust.settings))
    return _describe(runtime, context, endpoint_trust)


@router.post("/trust-settings/inspect")
def inspect_trust_settings(
    context: RequestContext, endpoint: EndpointUrl, body: TrustSettingsBody
) -> InspectedTrustSettings:
    """
    Inspect trust settings.

    Returns the effect that these settings would have, and findings about their CRLs. Nothing is stored.
    """
    now = context.now
    endpoint_trust = trust_settings.preview_settings(context, endpoint, body.to_draft())
    return {
        "origin": endpoint_trust.settings.origin,
        "crls": [_describe_crl(crl, now) for crl in endpoint_trust.settings.revocation],
        "effect": list(endpoint_trust.effect),
        "findings": describe_findings(endpoint_trust.findings),
    }


@router.get(
    "/trust-settings/crls",
    response_class=Response,
    responses=declare_files(PEM, description="CRLs in PEM; empty if there are none."),
)
def get_crls(context: RequestContext, endpoint: EndpointUrl) -> Response:
    """
    Download the CRLs of an endpoint.

    Returns PEM, in the format of `crls` in trust settings.
    """
    endpoint_trust = trust_settings.get_settings(context, endpoint)
    endpoint_trust.settings.require_readable()
    content = "".join(crl.pem for crl in endpoint_trust.settings.revocation)
    return Response(content, media_type=PEM, headers={"Content-Disposition": 'attachment; filename="crls.pem"'})


@router.put("/trust-exception")
def put_exception(
    runtime: CurrentRuntime, context: RequestContext, endpoint: EndpointUrl, body: ExceptionBody
) -> TrustSettings:
    """
    Turn off verification.

    Gateways accept any certificate from the endpoint's origin until the exception expires, after 7 days at most. Anyone
    who can answer at its address can then read and change traffic.
    """
    endpoint_trust = trust_settings.grant_exception(context, endpoint, body.reason, body.until)
    return _describe(runtime, context, endpoint_trust)


@router.delete("/trust-exception")
def delete_exception(runtime: CurrentRuntime, context: RequestContext, endpoint: EndpointUrl) -> TrustSettings:
    """Turn verification back on."""
    return _describe(runtime, context, trust_settings.end_exception(context, endpoint))


@router.get("/trust-exceptions")
def list_exceptions(context: RequestContext, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0) -> TrustExceptions:
    """
    List exceptions.

    Returns the origins for which verification is off, the first to expire first.
    """
    exceptions = trust_settings.list_exceptions(context)
    page = exceptions[offset : offset + limit]
    return {
        "count": len(page),
        "list": [
            {"origin": settings.origin, **_describe_exception(settings.exception)}
            for settings in page
            if settings.exception
        ],
        "pagination": paginate(f"{router.prefix}/trust-exceptions", {}, offset, limit, len(exceptions)),
    }


def _describe(runtime: Runtime, context: Context, endpoint_trust: EndpointTrust) -> TrustSettings:
    settings = endpoint_trust.settings
    settings.require_readable()
    exception = settings.exception if endpoint_trust.trust.unverified_until else None
    return {
        "origin": settings.origin,
        "anchors": settings.anchors,
        "names": list(settings.names),
        "anyName": settings.any_name,
        "sni": settings.sni,
        "certificatePins": list(settings.certificate_pins),
        "spkiPins": list(settings.spki_pins),
        "crls": [_describe_crl(crl, context.now) for crl in settings.revocation],
        "revocationOfPath": settings.revocation_of_path,
        "tlsMinimum": str(settings.tls_minimum).removeprefix("TLS "),
        "tlsMaximum": str(settings.tls_maximum).removeprefix("TLS "),
        "exception": _describe_exception(exception) if exception else None,
        "effect": list(endpoint_trust.effect),
        "findings": describe_findings(endpoint_trust.findings),
        **describe_enforcement(runtime, context, OriginTrust(settings.origin)),
    }


def _describe_exception(exception: TrustException) -> responses.TrustException:
    return {"reason": exception.reason, "owner": exception.owner, "until": exception.ends_at.isoformat()}


def _describe_crl(crl: RevocationList, now: datetime) -> Crl:
    return {
        "issuer": crl.issuer,
        "thisUpdate": crl.this_update.isoformat(),
        "nextUpdate": crl.next_update.isoformat() if crl.next_update else None,
        "stale": crl.is_stale(now),
        "entries": crl.entries,
        "fingerprint": crl.fingerprint,
    }
