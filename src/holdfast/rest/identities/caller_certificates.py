"""
`/apis/{apiId}/client-certificates`: the client certificates that callers of an API may present.

The certificates that gateways present to backends are at `/endpoints/client-certificate`.
"""

from typing import Annotated
from urllib.parse import quote

from fastapi import File, Form, Request, Response, UploadFile

from holdfast.apis.enforcement import ApiCallers
from holdfast.apis.identities.caller_certificate import CallerCertificate
from holdfast.certificates.description import describe_certificate, describe_findings
from holdfast.certificates.findings.examination import examine_caller
from holdfast.certificates.validity import Status, get_status
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.conditions import IfMatch, IfNoneMatch, quote_tag
from holdfast.rest.errors import PREFIX
from holdfast.rest.identities import responses
from holdfast.rest.identities.responses import CallerCertificates, CallerCertificateSummary, EnforcedCallerCertificate
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, paginate
from holdfast.rest.responses import declare_files
from holdfast.rest.router import Router
from holdfast.rest.shapes import CERTIFICATE_TYPES, describe_as_wso2, describe_enforcement, download, read_upload
from holdfast.services.access.context import Context
from holdfast.services.identities import caller_certificates
from holdfast.services.versions import make_caller_tag

router = Router(prefix=f"{PREFIX}/apis/{{api_id}}/client-certificates", tags=["Caller certificates"])
Upload = Annotated[UploadFile, File(description="A file with one certificate.")]
Alias = Annotated[str, Form(description="A name for the certificate.")]
Tier = Annotated[str, Form(description="Stored and returned; gateways don't use it.")]


@router.get("")
def list_caller_certificates(
    context: RequestContext,
    api_id: str,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    alias: str = "",
) -> CallerCertificates:
    """
    List the caller certificates of an API.

    Returns the client certificates that callers may present, ordered by alias.
    """
    entries, total = caller_certificates.list_certificates(context, api_id, alias, offset, limit)
    return {
        "count": len(entries),
        "certificates": [summarize_caller(context, entry) for entry in entries],
        "pagination": paginate(_write_path(api_id), {"alias": alias}, offset, limit, total),
    }


@router.post("", status_code=201)
def upload_caller_certificate(
    context: RequestContext,
    api_id: str,
    certificate: Upload,
    alias: Alias,
    tier: Tier,
    response: Response,
) -> responses.CallerCertificate:
    """
    Upload a caller certificate.

    Callers may present this client certificate. From the first upload on, gateways reject calls of the API without one.
    """
    entry = caller_certificates.accept_certificate(
        context,
        api_id,
        alias,
        tier,
        read_upload(certificate),
    )
    response.headers["Location"] = f"{_write_path(api_id)}/{quote(entry.alias, safe='')}"
    return answer_with_caller(context, entry, response)


@router.get("/{alias}")
def get_caller_certificate(
    runtime: CurrentRuntime, context: RequestContext, api_id: str, alias: str, unless: IfNoneMatch
) -> EnforcedCallerCertificate:
    """
    Get a caller certificate.

    Returns the certificate, and whether the gateways enforce it.
    """
    entry = caller_certificates.get_certificate(context, api_id, alias)
    unless.send_tag(make_caller_tag(entry))
    return {**describe_caller(context, entry), **describe_enforcement(runtime, context, ApiCallers(entry.api_id))}


@router.get("/{alias}/content", response_class=Response, responses=declare_files(*CERTIFICATE_TYPES))
def get_caller_certificate_content(context: RequestContext, api_id: str, alias: str, request: Request) -> Response:
    """
    Download a caller certificate.

    Returns DER, or PEM if `Accept` names it.
    """
    entry = caller_certificates.get_certificate(context, api_id, alias)
    return download(request, entry.alias, [entry.require_readable()])


@router.put("/{alias}")
def replace_caller_certificate(
    context: RequestContext,
    api_id: str,
    alias: str,
    expected: IfMatch,
    response: Response,
    certificate: Annotated[UploadFile | None, File(description="A file with the new certificate.")] = None,
    tier: Annotated[str | None, Form()] = None,
    environment: Annotated[
        str | None, Form(description="Where it is accepted from now on: `production`, `sandbox` or `both`.")
    ] = None,
) -> responses.CallerCertificate:
    """
    Replace a caller certificate.

    Changes the certificate, the tier, where it is accepted, or all of them. Fields that are left out keep their values.
    """
    data = read_upload(certificate) if certificate else None
    entry = caller_certificates.replace_certificate(
        context, api_id, alias, data, tier, expected, accepted_in=environment
    )
    return answer_with_caller(context, entry, response)


@router.delete("/{alias}", response_class=Response)
def delete_caller_certificate(context: RequestContext, api_id: str, alias: str, expected: IfMatch) -> Response:
    """
    Delete a caller certificate.

    Gateways reject it from now on. Without any caller certificate left, nobody can call the API.
    """
    caller_certificates.delete_certificate(context, api_id, alias, expected)
    return Response()


def _write_path(api_id: str) -> str:
    return f"{PREFIX}/apis/{quote(api_id, safe='')}/client-certificates"


def answer_with_caller(context: Context, entry: CallerCertificate, response: Response) -> responses.CallerCertificate:
    """Describe *entry*, and set `ETag` of *response*."""
    response.headers["ETag"] = quote_tag(make_caller_tag(entry))
    return describe_caller(context, entry)


def summarize_caller(context: Context, entry: CallerCertificate) -> CallerCertificateSummary:
    """Describe *entry* in lists."""
    return {
        "alias": entry.alias,
        "apiId": entry.api_id,
        "tier": entry.tier,
        "keyType": entry.environment.upper() if entry.environment else None,
        "fingerprint": entry.certificate.fingerprint,
        "expiryStatus": get_status(entry.certificate, context.now) if entry.readable else Status.UNREADABLE,
        "notAfter": entry.certificate.not_after.isoformat(),
        "createdTime": entry.created_at.isoformat(),
        "lastUpdatedTime": entry.updated_at.isoformat(),
    }


def describe_caller(context: Context, entry: CallerCertificate) -> responses.CallerCertificate:
    """Describe *entry*, without its enforcement."""
    now, certificate = context.now, entry.require_readable()
    state = get_status(certificate, now)
    return {
        **summarize_caller(context, entry),
        # Scripts written for WSO2 test for "Active"; expiryStatus says that it expires soon.
        "status": Status.ACTIVE if state is Status.EXPIRING else state,
        **describe_as_wso2(certificate),
        "certificates": [describe_certificate(certificate, now)],
        "findings": describe_findings(examine_caller(certificate, now)),
    }
