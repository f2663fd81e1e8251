"""
`/endpoint-certificates`: import, inspect, replace, undo, retire, download and delete endpoint certificates.

Their list is in inventory.py.
"""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

from fastapi import Form, Query, Request, Response, UploadFile

from holdfast.apis.enforcement import OriginTrust
from holdfast.apis.errors import InvalidField
from holdfast.apis.trust.endpoint_certificate import EndpointCertificate
from holdfast.certificates.description import describe_certificate, describe_file, describe_findings
from holdfast.certificates.findings.examination import Finding
from holdfast.certificates.validity import Status
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.conditions import IfMatch, IfNoneMatch, quote_tag
from holdfast.rest.errors import PREFIX
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, paginate
from holdfast.rest.responses import declare_files
from holdfast.rest.router import Router
from holdfast.rest.shapes import CERTIFICATE_TYPES, describe_as_wso2, describe_enforcement, download, read_upload
from holdfast.rest.trust import responses
from holdfast.rest.trust.responses import (
    CertificateUsage,
    EndpointCertificateSummary,
    EnforcedCertificate,
    ImportedCertificate,
    InspectedFile,
)
from holdfast.services.access.context import Context
from holdfast.services.errors import NotFound
from holdfast.services.runtime import Runtime
from holdfast.services.trust import endpoint_certificates, examination, pinning, rotation
from holdfast.services.trust.endpoint_certificates import Import
from holdfast.services.versions import make_certificate_tag

router = Router(prefix=f"{PREFIX}/endpoint-certificates", tags=["Endpoint certificates"])
Previous = Annotated[bool, Query(description="Download the previous certificates, which are trusted until retired.")]
Password = Annotated[str, Form(description="The password of a PKCS#12 or Java truststore.")]
Pin = Annotated[
    bool,
    Form(description="Pin the certificates if gateways would reject them for their names. Default: false."),
]
_KEEP = {
    "alias": "keepPrevious",
    "description": "Keep trusting the old certificates until they are retired. Default: false.",
}
KeepInQuery = Annotated[bool | None, Query(**_KEEP)]
KeepInForm = Annotated[bool | None, Form(**_KEEP)]


@router.post("", status_code=201)
def upload_certificate(
    runtime: CurrentRuntime,
    context: RequestContext,
    certificate: UploadFile,
    alias: Annotated[str, Form(description="A name for the certificates, unique in the organization.")],
    endpoint: Annotated[str, Form(description="The URL of an https endpoint; an API can have it later.")],
    response: Response,
    password: Password = "",
    pin: Pin = False,
) -> ImportedCertificate:
    """
    Import an endpoint certificate.

    Gateways trust the certificates in the file for the endpoint's origin (scheme, host and port), and nowhere else.
    If no API has an endpoint there yet, they do so once one has; `findings` then has `endpoint-unused`.
    """
    result = endpoint_certificates.import_certificate(
        context, alias, endpoint, read_upload(certificate), password, pin=pin
    )
    response.headers["Location"] = f"{router.prefix}/{quote(result.entry.alias, safe='')}"
    response.headers["ETag"] = quote_tag(make_certificate_tag(result.entry))
    return _describe_import(runtime, context, result)


@router.post("/inspect")
def inspect_certificate(
    context: RequestContext,
    certificate: UploadFile,
    endpoint: Annotated[str, Form(description="The endpoint that the file is for, so that names are checked.")] = "",
    password: Password = "",
    alias: Annotated[str, Form(description="The alias whose certificates the file would replace.")] = "",
) -> InspectedFile:
    """
    Inspect a certificate file.

    Returns the certificates in the file, findings about them, and why the file can't be imported, such as because all
    its certificates have expired. Nothing is stored.
    """
    now = context.now
    inspection = examination.inspect(context, read_upload(certificate), endpoint, password, alias)
    return {
        "certificates": [describe_certificate(certificate, now) for certificate in inspection.certificates],
        "refusal": inspection.refusal or None,
        **describe_file(inspection.findings, inspection.used_parts, inspection.ignored_parts),
    }


@router.get("/{alias}")
def get_certificate(
    runtime: CurrentRuntime, context: RequestContext, alias: str, unless: IfNoneMatch
) -> EnforcedCertificate:
    """
    Get an endpoint certificate.

    Returns the certificates of the alias, findings about them, and whether the gateways enforce them.
    """
    entry = endpoint_certificates.get_certificate(context, alias)
    unless.send_tag(make_certificate_tag(entry))
    return {
        **describe_entry(runtime, context, entry),
        **describe_enforcement(runtime, context, OriginTrust(entry.origin)),
    }


@router.put("/{alias}")
def replace_certificate(
    runtime: CurrentRuntime,
    context: RequestContext,
    alias: str,
    certificate: UploadFile,
    expected: IfMatch,
    response: Response,
    password: Password = "",
    keep_in_query: KeepInQuery = None,
    keep_in_form: KeepInForm = None,
    pin: Pin = False,
) -> ImportedCertificate:
    """
    Replace an endpoint certificate.

    Gateways trust the certificates in the file instead of the old ones. With `keepPrevious`, they also trust the old
    ones until you retire them.
    """
    keep = keep_previous(keep_in_query, keep_in_form)
    data = read_upload(certificate)
    result = endpoint_certificates.replace_certificate(context, alias, data, password, expected, keep=keep, pin=pin)
    response.headers["ETag"] = quote_tag(make_certificate_tag(result.entry))
    return _describe_import(runtime, context, result)


@router.delete("/{alias}", response_class=Response)
def delete_certificate(context: RequestContext, alias: str, expected: IfMatch) -> Response:
    """
    Delete an endpoint certificate.

    Gateways no longer trust it. You can restore it for 30 days.
    """
    endpoint_certificates.delete_certificate(context, alias, expected)
    return Response()


@router.get("/{alias}/usage")
def get_usage(
    context: RequestContext, alias: str, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0
) -> CertificateUsage:
    """
    List the APIs that use an endpoint certificate.

    Returns the APIs with an endpoint at its origin, ordered by name; none if there is no such alias.
    """
    all_apis = endpoint_certificates.list_apis_using_alias(context, alias)
    apis = all_apis[offset : offset + limit]
    path = f"{router.prefix}/{quote(alias, safe='')}/usage"
    return {
        "count": len(apis),
        "list": [
            {"id": api.id, "name": api.name, "context": api.context, "version": api.version, "provider": api.provider}
            for api in apis
        ],
        "pagination": paginate(path, {}, offset, limit, len(all_apis)),
    }


@router.post("/{alias}/undo")
def undo_replacement(
    runtime: CurrentRuntime, context: RequestContext, alias: str, expected: IfMatch, response: Response
) -> responses.EndpointCertificate:
    """
    Undo a replacement.

    Gateways trust the previous certificates again, instead of the current ones.
    """
    after = rotation.undo_replacement(context, alias, expected)
    return _write_with_tag(runtime, context, after, response)


@router.post("/{alias}/retire")
def retire_previous(
    runtime: CurrentRuntime, context: RequestContext, alias: str, expected: IfMatch, response: Response
) -> responses.EndpointCertificate:
    """
    Retire the previous certificates.

    Gateways no longer trust them. You can restore them for 30 days.
    """
    return _write_with_tag(runtime, context, rotation.retire_previous(context, alias, expected), response)


@router.post("/{alias}/pin")
def pin_certificate(
    runtime: CurrentRuntime, context: RequestContext, alias: str, response: Response
) -> responses.EndpointCertificate:
    """
    Pin an endpoint certificate.

    Gateways accept exactly this certificate, instead of checking its names. Does nothing if they accept it anyway.
    """
    return _write_with_tag(runtime, context, pinning.pin_certificate(context, alias), response)


@router.delete("/{alias}/pin")
def unpin_certificate(
    runtime: CurrentRuntime, context: RequestContext, alias: str, response: Response
) -> responses.EndpointCertificate:
    """
    Undo the pin of an endpoint certificate.

    Removes its pins from the trust settings. Without any other pin, gateways check the name again.
    """
    return _write_with_tag(runtime, context, pinning.unpin_certificate(context, alias), response)


@router.get(
    "/{alias}/content",
    response_class=Response,
    responses=declare_files(*CERTIFICATE_TYPES),
)
def get_content(context: RequestContext, alias: str, request: Request, previous: Previous = False) -> Response:
    """
    Download an endpoint certificate.

    Returns DER for one certificate; PEM for several, or if `Accept` names it.
    """
    entry = endpoint_certificates.get_certificate(context, alias)
    entry.require_readable()
    if previous and not entry.previous:
        raise NotFound("previous certificate of", alias)
    return download(request, entry.alias, entry.previous if previous else entry.certificates)


def keep_previous(in_query: bool | None, in_form: bool | None) -> bool:
    """Return whether to keep the old certificates. Raises InvalidField if query and form contradict each other."""
    if None not in (in_query, in_form) and in_query != in_form:
        raise InvalidField("keepPrevious", "Query and form contradict each other. Send keepPrevious once.")
    return bool(in_query or in_form)


def describe_entry(
    runtime: Runtime, context: Context, entry: EndpointCertificate, findings: Sequence[Finding] | None = None
) -> responses.EndpointCertificate:
    """Describe *entry* without its enforcement; *findings* are computed if they are None."""
    if findings is None:
        findings = examination.examine_entry(context, entry)
    now = context.now
    first, *_ = entry.trusted
    summary = _summarize(context, entry)
    state = summary["expiryStatus"]
    pin = pinning.judge_pin(context, entry)
    return {
        **summary,
        # Scripts written for WSO2 test for "Active"; expiryStatus says that it expires soon.
        "status": Status.ACTIVE if state is Status.EXPIRING else state,
        **describe_as_wso2(first),
        "certificates": [describe_certificate(certificate, now) for certificate in entry.certificates],
        "findings": describe_findings(findings),
        "previous": [describe_certificate(certificate, now) for certificate in entry.previous],
        "replacedTime": entry.replaced_at.isoformat() if entry.replaced_at else None,
        "inUse": rotation.recall_generation(entry, now) or "unknown",
        "pinned": pin is pinning.Pin.PRESENT,
        "pinProposed": pinning.REJECTED_WITHOUT_PIN if pin is pinning.Pin.NEEDED else "",
        "retireProposed": rotation.should_retire(entry, now, runtime.retire_after),
    }


def _write_with_tag(
    runtime: Runtime, context: Context, entry: EndpointCertificate, response: Response
) -> responses.EndpointCertificate:
    response.headers["ETag"] = quote_tag(make_certificate_tag(entry))
    return describe_entry(runtime, context, entry)


def _describe_import(runtime: Runtime, context: Context, result: Import) -> ImportedCertificate:
    parts = describe_file(result.findings, result.used_parts, result.ignored_parts)
    return {**describe_entry(runtime, context, result.entry, result.findings), **parts}


def _summarize(context: Context, entry: EndpointCertificate) -> EndpointCertificateSummary:
    state = endpoint_certificates.judge_entry(entry.certificates, context.now)
    return {
        "alias": entry.alias,
        "endpoint": entry.endpoint,
        "expiryStatus": state,
        "notAfter": max(certificate.not_after for certificate in entry.certificates).isoformat(),
        "createdTime": entry.created_at.isoformat(),
        "lastUpdatedTime": entry.updated_at.isoformat(),
    }
