"""
Uploads, downloads and the member `enforcement`, which operations on several subjects share.
"""

from collections.abc import Sequence
from urllib.parse import quote

from fastapi import Request, Response, UploadFile

from holdfast.apis.enforcement import Enforcement, Policy
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.certificate_list import UnreadableEntry
from holdfast.certificates.formats import parsing
from holdfast.rest import responses
from holdfast.services.access.context import Context
from holdfast.services.runtime import Runtime

_JAVA_DATE = "%a %b %d %H:%M:%S UTC %Y"  # times are in UTC, and Python's names are English unless a locale is set
_PEM_TYPES = ("application/x-pem-file", "application/pem-certificate-chain")
CERTIFICATE_TYPES = ("application/octet-stream", *_PEM_TYPES)


def describe_unreadable(certificate: UnreadableEntry) -> responses.UnreadableCertificate:
    """Describe a certificate that a backend presents and that can't be read."""
    return {
        "position": certificate.position,
        "fingerprint": certificate.fingerprint,
        "size": certificate.size,
        "reason": certificate.why,
    }


def describe_as_wso2(certificate: Certificate) -> responses.CertificateInfo:
    """Describe *certificate* in WSO2's formats: times as Java's `Date.toString()`, and the version without a V."""
    start, end = certificate.not_before, certificate.not_after
    return {
        "validity": {"from": f"{start:{_JAVA_DATE}}", "to": f"{end:{_JAVA_DATE}}"},
        "validityPeriod": {"from": start.isoformat(), "to": end.isoformat()},
        "version": certificate.version.removeprefix("V"),
        "subject": certificate.subject,
    }


def read_upload(upload: UploadFile) -> bytes:
    """Read an upload, at most one byte more than allowed, so that the parser can reject it as too large."""
    return upload.file.read(parsing.MAX_BYTES + 1)


def download(request: Request, alias: str, certificates: Sequence[Certificate]) -> Response:
    """Respond with a file: DER for one certificate; PEM for several, or if the client accepts PEM."""
    accept = request.headers.get("accept", "")
    pem_type = next((kind for kind in _PEM_TYPES if kind in accept), None)
    as_pem = pem_type or len(certificates) > 1
    content = "".join(certificate.pem for certificate in certificates).encode() if as_pem else certificates[0].der
    disposition = f"attachment; filename*=UTF-8''{quote(alias, safe='')}.crt"
    if alias.isascii():
        disposition = f'attachment; filename="{alias}.crt"'
    media_type = pem_type or "application/octet-stream"
    return Response(content, media_type=media_type, headers={"Content-Disposition": disposition})


def describe_enforcement(runtime: Runtime, context: Context, policy: Policy) -> responses.Enforced:
    """Return the member `enforcement` for *policy*."""
    return {"enforcement": write_enforcement(runtime.enforcements.find(context, policy))}


def write_enforcement(enforcement: Enforcement) -> responses.Enforcement:
    """Describe the progress of a change at the gateways."""
    return {
        "progress": enforcement.progress.words,
        "gateways": enforcement.gateways,
        "enforcedOn": enforcement.enforced_on,
        "milliseconds": enforcement.milliseconds,
        "reason": enforcement.reason,
        "waitingFor": list(enforcement.waiting_for),
        "disconnected": list(enforcement.disconnected),
    }
