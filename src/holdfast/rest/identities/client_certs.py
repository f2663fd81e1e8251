"""
`/apis/{apiId}/client-certs/{keyType}`: the caller certificates that only production or only the sandbox accepts.

Certificates without an environment, such as those of `/client-certificates`, are accepted by both, and listed for both.
"""

from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, File, Form, Path, Request, Response, UploadFile

from holdfast.apis.catalog.endpoint import Environment
from holdfast.apis.enforcement import ApiCallers
from holdfast.apis.errors import InvalidField
from holdfast.apis.identities.caller_certificate import check_environment
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.conditions import IfMatch, IfNoneMatch
from holdfast.rest.errors import PREFIX
from holdfast.rest.identities import responses
from holdfast.rest.identities.caller_certificates import (
    Alias,
    Tier,
    Upload,
    answer_with_caller,
    describe_caller,
    summarize_caller,
)
from holdfast.rest.identities.responses import CallerCertificates, EnforcedCallerCertificate
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, paginate
from holdfast.rest.responses import declare_files
from holdfast.rest.router import Router
from holdfast.rest.shapes import CERTIFICATE_TYPES, describe_enforcement, download, read_upload
from holdfast.services.identities import caller_certificates
from holdfast.services.versions import make_caller_tag

router = Router(prefix=f"{PREFIX}/apis/{{api_id}}/client-certs", tags=["Caller certificates"])


def _read_key_type(key_type: Annotated[str, Path()]) -> Environment:
    try:
        environment = check_environment(key_type)
    except InvalidField:
        environment = None
    if environment is None:
        raise InvalidField("keyType", f"{key_type[:40]!r} isn't a key type. Use PRODUCTION or SANDBOX.")
    return environment


KeyType = Annotated[Environment, Depends(_read_key_type)]


@router.get("/{key_type}")
def list_callers_of_environment(
    context: RequestContext,
    api_id: str,
    environment: KeyType,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    alias: str = "",
) -> CallerCertificates:
    """
    List the caller certificates of an environment.

    Returns the client certificates that callers of the environment may present, ordered by alias.
    """
    entries, total = caller_certificates.list_certificates(context, api_id, alias, offset, limit, environment)
    return {
        "count": len(entries),
        "certificates": [summarize_caller(context, entry) for entry in entries],
        "pagination": paginate(_write_path(api_id, environment), {"alias": alias}, offset, limit, total),
    }


@router.post("/{key_type}", status_code=201)
def upload_caller_of_environment(
    context: RequestContext,
    api_id: str,
    environment: KeyType,
    certificate: Upload,
    alias: Alias,
    tier: Tier,
    response: Response,
) -> responses.CallerCertificate:
    """
    Upload a caller certificate for an environment.

    Only callers of this environment may present it. From the first upload on, gateways reject calls of the API without
    an accepted certificate, in both environments.
    """
    data = read_upload(certificate)
    entry = caller_certificates.accept_certificate(context, api_id, alias, tier, data, environment)
    response.headers["Location"] = f"{_write_path(api_id, environment)}/{quote(entry.alias, safe='')}"
    return answer_with_caller(context, entry, response)


@router.get("/{key_type}/{alias}")
def get_caller_of_environment(
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: str,
    environment: KeyType,
    alias: str,
    unless: IfNoneMatch,
) -> EnforcedCallerCertificate:
    """
    Get a caller certificate of an environment.

    Returns the certificate, and whether the gateways enforce it.
    """
    entry = caller_certificates.get_certificate(context, api_id, alias, environment)
    unless.send_tag(make_caller_tag(entry))
    return {**describe_caller(context, entry), **describe_enforcement(runtime, context, ApiCallers(entry.api_id))}


@router.get("/{key_type}/{alias}/content", response_class=Response, responses=declare_files(*CERTIFICATE_TYPES))
def get_content_of_environment(
    context: RequestContext, api_id: str, environment: KeyType, alias: str, request: Request
) -> Response:
    """
    Download a caller certificate of an environment.

    Returns DER, or PEM if `Accept` names it.
    """
    entry = caller_certificates.get_certificate(context, api_id, alias, environment)
    return download(request, entry.alias, [entry.require_readable()])


@router.put("/{key_type}/{alias}")
def replace_caller_of_environment(
    context: RequestContext,
    api_id: str,
    environment: KeyType,
    alias: str,
    expected: IfMatch,
    response: Response,
    certificate: Annotated[UploadFile | None, File(description="A file with the new certificate.")] = None,
    tier: Annotated[str | None, Form()] = None,
) -> responses.CallerCertificate:
    """
    Replace a caller certificate of an environment.

    Changes the certificate, the tier, or both; also for the other environment, if that accepts the certificate.
    """
    data = read_upload(certificate) if certificate else None
    entry = caller_certificates.replace_certificate(context, api_id, alias, data, tier, expected, environment)
    return answer_with_caller(context, entry, response)


@router.delete("/{key_type}/{alias}", response_class=Response)
def delete_caller_of_environment(
    context: RequestContext, api_id: str, environment: KeyType, alias: str, expected: IfMatch
) -> Response:
    """
    Delete a caller certificate of an environment.

    Gateways reject it from now on, in the other environment as well if that accepted it.
    """
    caller_certificates.delete_certificate(context, api_id, alias, expected, environment)
    return Response()


def _write_path(api_id: str, environment: Environment) -> str:
    return f"{PREFIX}/apis/{quote(api_id, safe='')}/client-certs/{environment.upper()}"
