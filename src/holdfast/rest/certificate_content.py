"""
Downloads of certificates, and `/endpoint-certificates/{alias}/content`.
"""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from holdfast.certificates.certificate import Certificate
from holdfast.rest.access.authentication import RequestContext
from holdfast.rest.errors import PREFIX
from holdfast.rest.responses import files
from holdfast.services.errors import NotFound
from holdfast.services.trust import endpoint_certificates

router = APIRouter(prefix=f"{PREFIX}/endpoint-certificates", tags=["Endpoint Certificates"])
Previous = Annotated[bool, Query(description="The previous certificates, which are trusted until they are retired.")]
_PEM_TYPES = ("application/x-pem-file", "application/pem-certificate-chain")
CERTIFICATE_TYPES = ("application/octet-stream", *_PEM_TYPES)


@router.get(
    "/{alias}/content",
    response_class=Response,
    responses=files(*CERTIFICATE_TYPES),
)
def get_content(context: RequestContext, alias: str, request: Request, previous: Previous = False) -> Response:
    """Download what is under *alias*: DER for one certificate, PEM for several or when the client accepts only that."""
    entry = endpoint_certificates.get_certificate(context, alias)
    if previous and not entry.previous:
        raise NotFound("previous certificate of", alias)
    return download(request, entry.alias, entry.previous if previous else entry.certificates)


def download(request: Request, alias: str, certificates: Sequence[Certificate]) -> Response:
    """Answer with a file: DER for one certificate, PEM for several or when the client accepts only that."""
    accept = request.headers.get("accept", "")
    asked = next((kind for kind in _PEM_TYPES if kind in accept), None)
    as_pem = asked or len(certificates) > 1
    content = "".join(each.pem for each in certificates).encode() if as_pem else certificates[0].der
    disposition = f"attachment; filename*=UTF-8''{quote(alias, safe='')}.crt"
    if alias.isascii():
        disposition = f'attachment; filename="{alias}.crt"'
    media_type = asked or "application/octet-stream"
    return Response(content, media_type=media_type, headers={"Content-Disposition": disposition})
