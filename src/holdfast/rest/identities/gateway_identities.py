"""
`/endpoints/client-certificate`: the client certificate that gateways present to the backends of an origin.

No response ever contains a private key. The certificates of callers are at WSO2's `/apis/{apiId}/client-certificates`.
"""

from typing import Annotated, cast

from fastapi import File, Form, Query, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.enforcement import OriginTrust
from holdfast.apis.identities.gateway_identity import (
    GatewayIdentity,
    PendingRequest,
    RequestDraft,
)
from holdfast.certificates.description import describe_certificate, describe_ignored
from holdfast.certificates.formats.private_keys import KeyType
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.errors import PREFIX
from holdfast.rest.identities import responses
from holdfast.rest.identities.responses import ImportedIdentity, SigningRequest
from holdfast.rest.router import Router
from holdfast.rest.shapes import describe_enforcement, read_upload
from holdfast.services.access.context import Context
from holdfast.services.errors import NotFound
from holdfast.services.identities import gateway_identities
from holdfast.services.runtime import Runtime

router = Router(prefix=f"{PREFIX}/endpoints/client-certificate", tags=["Gateway identities"])
EndpointUrl = Annotated[str, Query(alias="endpoint", description="The URL of an https endpoint of an API.")]
Chain = Annotated[UploadFile, File(description="The certificate and its chain, with or without the key.")]
SignedCertificate = Annotated[UploadFile, File(description="The certificate that the CA signed, with its chain.")]
Password = Annotated[str, Form(description="The password of an encrypted key or a PKCS#12 file.")]


class RequestBody(BaseModel):
    """The content of a certificate signing request."""

    model_config = ConfigDict(populate_by_name=True, extra="forbid")
    subject: str = Field(description="The common name.")
    dns_names: list[str] = Field([], alias="dnsNames", description="DNS names for subjectAltName.")
    key_type: str = Field(KeyType.P256.value, alias="keyType", description="`ec-p256`, `rsa-2048` or `rsa-3072`.")


@router.get("")
def get_gateway_identity(
    runtime: CurrentRuntime, context: RequestContext, endpoint: EndpointUrl
) -> responses.GatewayIdentity:
    """
    Get a gateway identity.

    Returns the client certificate that gateways present to the endpoint's origin, and the pending signing request.
    """
    identity = gateway_identities.get_gateway_identity(context, endpoint)
    if identity is None:
        raise NotFound("gateway identity", str(parse_endpoint(endpoint).origin))
    return _describe(runtime, context, identity)


@router.put("")
def put_gateway_identity(
    runtime: CurrentRuntime,
    context: RequestContext,
    endpoint: EndpointUrl,
    certificate: Chain,
    key: UploadFile | None = None,
    password: Password = "",
) -> ImportedIdentity:
    """
    Import a gateway identity.

    Gateways present the chain in `certificate` with the private key in it or in `key`. The key is stored encrypted and
    is never returned.
    """
    result = gateway_identities.import_gateway_identity(
        context,
        runtime.sealing,
        endpoint,
        read_upload(certificate),
        password,
        read_upload(key) if key else b"",
    )
    return {**_describe(runtime, context, result.entry), "ignored": describe_ignored(result.ignored_parts)}


@router.delete("", response_class=Response)
def delete_gateway_identity(context: RequestContext, endpoint: EndpointUrl) -> Response:
    """
    Delete a gateway identity.

    Gateways no longer present a client certificate to the origin. Its private keys are deleted.
    """
    gateway_identities.remove_gateway_identity(context, endpoint)
    return Response()


@router.post("/request", status_code=201)
def make_request(
    runtime: CurrentRuntime, context: RequestContext, endpoint: EndpointUrl, body: RequestBody
) -> SigningRequest:
    """
    Create a signing request.

    Creates a private key and a certificate signing request. Send the request to your CA, then import the signed
    certificate. The key never leaves Holdfast.
    """
    draft = RequestDraft(body.subject, body.dns_names, body.key_type)
    entry = gateway_identities.make_request(context, runtime.sealing, endpoint, draft)
    return _describe_request(cast(PendingRequest, entry.pending))  # it was just created, so it isn't None


@router.delete("/request", response_class=Response)
def discard_request(context: RequestContext, endpoint: EndpointUrl) -> Response:
    """
    Discard the signing request.

    Deletes its private key, too.
    """
    gateway_identities.discard_request(context, endpoint)
    return Response()


@router.put("/answer")
def put_answer(
    runtime: CurrentRuntime, context: RequestContext, endpoint: EndpointUrl, certificate: SignedCertificate
) -> ImportedIdentity:
    """
    Import a signed certificate.

    Completes the pending signing request. Gateways then present this certificate.
    """
    result = gateway_identities.import_answer(context, runtime.sealing, endpoint, read_upload(certificate))
    return {**_describe(runtime, context, result.entry), "ignored": describe_ignored(result.ignored_parts)}


def _describe(runtime: Runtime, context: Context, entry: GatewayIdentity) -> responses.GatewayIdentity:
    now = context.now
    return {
        "endpoint": entry.endpoint,
        "origin": entry.origin,
        "certificates": [describe_certificate(certificate, now) for certificate in entry.chain],
        "request": _describe_request(entry.pending) if entry.pending else None,
        "createdTime": entry.created_at.isoformat(),
        "lastUpdatedTime": entry.updated_at.isoformat(),
        **describe_enforcement(runtime, context, OriginTrust(entry.origin)),
    }


def _describe_request(pending: PendingRequest) -> SigningRequest:
    request = pending.request
    return {
        "csr": request.pem,
        "subject": request.subject,
        "dnsNames": list(request.dns_names),
        "createdTime": pending.made_at.isoformat(),
    }
