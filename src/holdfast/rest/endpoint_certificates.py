"""
`/endpoint-certificates`: list, upload, look at, replace, delete, download.
"""

from collections.abc import Iterable
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response, UploadFile

from holdfast.apis.endpoint_certificate import EndpointCertificate
from holdfast.certificates import parsing
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.findings import Finding
from holdfast.certificates.validity import Status, status_of
from holdfast.rest.authentication import Caller, Running
from holdfast.rest.conditions import IfMatch, IfNoneMatch, quote_tag
from holdfast.rest.enforcement import enforced
from holdfast.rest.errors import PREFIX
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, pagination
from holdfast.services import trust
from holdfast.services.runtime import Runtime
from holdfast.services.trust import Import
from holdfast.services.versions import tag_of_certificate

router = APIRouter(prefix=f"{PREFIX}/endpoint-certificates", tags=["Endpoint Certificates"])
Password = Annotated[str, Form(description="Opens a PKCS#12 or Java truststore that needs one.")]
_PEM_TYPES = ("application/x-pem-file", "application/pem-certificate-chain")


@router.get("")
def list_certificates(
    running: Running,
    caller: Caller,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    alias: str = "",
    endpoint: str = "",
) -> dict[str, Any]:
    """List endpoint certificates by alias."""
    found, total = trust.list_certificates(running.store, caller, alias, endpoint, offset, limit)
    return {
        "count": len(found),
        "certificates": [_summary(running, entry) for entry in found],
        "pagination": pagination(router.prefix, {"alias": alias, "endpoint": endpoint}, offset, limit, total),
    }


@router.post("", status_code=201)
def upload_certificate(
    running: Running,
    caller: Caller,
    certificate: UploadFile,
    alias: Annotated[str, Form()],
    endpoint: Annotated[str, Form()],
    response: Response,
    password: Password = "",
) -> dict[str, Any]:
    """Trust the uploaded certificates for the origin of *endpoint*."""
    made = trust.import_certificate(running.store, caller, alias, endpoint, read(certificate), running.now(), password)
    response.headers["Location"] = f"{router.prefix}/{quote(made.entry.alias, safe='')}"
    response.headers["ETag"] = quote_tag(tag_of_certificate(made.entry))
    return _summary(running, made.entry) | _imported(running, made)


@router.post("/inspect")
def inspect_certificate(
    running: Running,
    caller: Caller,
    certificate: UploadFile,
    endpoint: Annotated[str, Form()] = "",
    password: Password = "",
) -> dict[str, Any]:
    """Say what a file holds and what is noticed about it, without storing anything."""
    del caller
    now = running.now()
    found = trust.inspect(read(certificate), endpoint, now, password)
    return {
        "certificates": [_described(each, status_of(each, now).value) for each in found.certificates],
        "findings": _findings(found.findings),
        "ignored": [{"what": part.what, "why": part.why} for part in found.ignored],
    }


@router.get("/{alias}")
def get_certificate(running: Running, caller: Caller, alias: str, unless: IfNoneMatch) -> dict[str, Any]:
    """Say what is under *alias*."""
    entry = trust.get_certificate(running.store, caller, alias)
    unless.known(tag_of_certificate(entry))
    return _summary(running, entry) | _information(running, entry) | enforced(running, entry.organization, entry.origin)


@router.put("/{alias}")
def replace_certificate(
    running: Running,
    caller: Caller,
    alias: str,
    certificate: UploadFile,
    expected: IfMatch,
    response: Response,
    password: Password = "",
) -> dict[str, Any]:
    """Trust the uploaded certificates instead of those under *alias*."""
    data, now = read(certificate), running.now()
    made = trust.replace_certificate(running.store, caller, alias, data, now, password, expected)
    response.headers["ETag"] = quote_tag(tag_of_certificate(made.entry))
    return _summary(running, made.entry) | _imported(running, made)


@router.delete("/{alias}", response_class=Response)
def delete_certificate(running: Running, caller: Caller, alias: str, expected: IfMatch) -> Response:
    """End the trust in what is under *alias*."""
    trust.delete_certificate(running.store, caller, alias, running.now(), expected)
    return Response()


@router.get("/{alias}/usage")
def get_usage(
    running: Running, caller: Caller, alias: str, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0
) -> dict[str, Any]:
    """List the APIs with an endpoint of the origin that *alias* is trusted for, by name."""
    every = trust.apis_using(running.store, caller, trust.get_certificate(running.store, caller, alias))
    found = every[offset : offset + limit]
    path = f"{router.prefix}/{quote(alias, safe='')}/usage"
    return {
        "count": len(found),
        "list": [
            {"id": api.id, "name": api.name, "context": api.context, "version": api.version, "provider": api.provider}
            for api in found
        ],
        "pagination": pagination(path, {}, offset, limit, len(every)),
    }


@router.get(
    "/{alias}/content",
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in ("application/octet-stream", *_PEM_TYPES)}}},
)
def get_content(running: Running, caller: Caller, alias: str, request: Request) -> Response:
    """Download what is under *alias*: DER for one certificate, PEM for several or when the client accepts only that."""
    entry = trust.get_certificate(running.store, caller, alias)
    accept = request.headers.get("accept", "")
    asked = next((kind for kind in _PEM_TYPES if kind in accept), None)
    as_pem = asked or len(entry.certificates) > 1
    content = "".join(c.pem for c in entry.certificates).encode() if as_pem else entry.certificates[0].der
    disposition = f"attachment; filename*=UTF-8''{quote(entry.alias, safe='')}.crt"
    if entry.alias.isascii():
        disposition = f'attachment; filename="{entry.alias}.crt"'
    media_type = asked or "application/octet-stream"
    return Response(content, media_type=media_type, headers={"Content-Disposition": disposition})


def read(upload: UploadFile) -> bytes:
    """Read an upload, one byte more than is allowed at most, so that the parser can see that it is too large."""
    return upload.file.read(parsing.MAX_BYTES + 1)


def _summary(running: Runtime, entry: EndpointCertificate) -> dict[str, Any]:
    state = trust.entry_status(entry.certificates, running.now())
    return {
        "alias": entry.alias,
        "endpoint": entry.endpoint,
        "expiryStatus": state.value,
        "notAfter": max(certificate.not_after for certificate in entry.certificates).isoformat(),
        "createdTime": entry.created_at.isoformat(),
        "lastUpdatedTime": entry.updated_at.isoformat(),
    }


def _imported(running: Runtime, made: Import) -> dict[str, Any]:
    ignored = [{"what": part.what, "why": part.why} for part in made.ignored]
    return _information(running, made.entry) | {"ignored": ignored}


def _information(running: Runtime, entry: EndpointCertificate) -> dict[str, Any]:
    now = running.now()
    first = entry.certificates[0]
    state = trust.entry_status(entry.certificates, now)
    return {
        # Scripts written for WSO2 test for "Active"; that it ends soon stands in expiryStatus.
        "status": (Status.ACTIVE if state is Status.EXPIRING else state).value,
        "validity": {"from": first.not_before.isoformat(), "to": first.not_after.isoformat()},
        "version": first.version,
        "subject": first.subject,
        "certificates": [
            _described(certificate, status_of(certificate, now).value) for certificate in entry.certificates
        ],
        "findings": _findings(trust.examine_entry(entry, now)),
    }


def _described(certificate: Certificate, status: str) -> dict[str, Any]:
    return {
        "status": status,
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serialNumber": f"{certificate.serial_number:x}",
        "validity": {"from": certificate.not_before.isoformat(), "to": certificate.not_after.isoformat()},
        "version": certificate.version,
        "subjectAltNames": list(certificate.subject_alt_names),
        "fingerprint": certificate.fingerprint,
        "key": str(certificate.public_key),
        "signatureAlgorithm": certificate.signature_algorithm,
        "isCa": certificate.is_ca,
    }


def _findings(findings: Iterable[Finding]) -> list[dict[str, str]]:
    return [
        {
            "code": finding.code,
            "severity": finding.severity.value,
            "message": finding.message,
            "remedy": finding.remedy,
            "fingerprint": finding.fingerprint,
        }
        for finding in findings
    ]
