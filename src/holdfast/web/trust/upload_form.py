"""
What the dialogs that take a file of certificates share: reading it, the form, errors by field, the answer at the end.
"""

from typing import Any

from fastapi import Request, UploadFile
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from holdfast.apis.catalog.api import Api
from holdfast.apis.errors import InvalidField
from holdfast.apis.trust.endpoint_certificate import MAX_ALIAS
from holdfast.certificates.errors import (
    CertificateError,
    EmptyUpload,
    PasswordNeeded,
    WrongPassword,
)
from holdfast.certificates.formats import parsing
from holdfast.services.access.principal import Principal
from holdfast.services.errors import (
    CertificateExpired,
    Conflict,
    EndpointNeedsNoCertificate,
    IndistinguishableCertificates,
    NothingBefore,
)
from holdfast.services.runtime import Runtime
from holdfast.web.rendering import NOTICES, render, wants_part
from holdfast.web.trust.certificate_rows import certificate_rows, removed_rows
from holdfast.web.trust.trust_settings import trust_rows

LOCKED = (PasswordNeeded, WrongPassword)
REFUSALS = (
    InvalidField,
    Conflict,
    EndpointNeedsNoCertificate,
    CertificateError,
    CertificateExpired,
    IndistinguishableCertificates,
    NothingBefore,
)
_TYPED = {"endpoint": "", "alias": "", "pem": "", "keep": "true"}
_NOTHING_FETCHED: dict[str, Any] = {
    "choices": (),
    "refused": {},
    "findings": (),
    "error": "",
    "seen": None,
    "now": None,
}


def read_upload(certificate: UploadFile | None, pem: str) -> bytes:
    """
    Read the file or, without one, the text; one byte more than is allowed at most, so that the parser notices.

    Raises:
        InvalidField: There is neither.
        EmptyUpload: The file is empty.
    """
    data = certificate.file.read(parsing.MAX_BYTES + 1) if certificate else b""
    if data:
        return data
    if not pem.strip() and not (certificate and certificate.filename):
        raise InvalidField("certificate", "Choose the certificate's file, drop it here, or paste its PEM text.")
    if not pem.strip():
        raise EmptyUpload
    return pem.encode()


def by_field(error: Exception) -> dict[str, str]:
    """Say at which field of the form *error* is shown."""
    match error:
        case InvalidField() | Conflict():
            return {error.field: str(error)}
        case EndpointNeedsNoCertificate():
            return {"endpoint": str(error)}
        case _:
            return {"certificate": str(error)}


def upload_form(
    request: Request,
    who: Principal,
    api: Api,
    purpose: str,
    typed: dict[str, str],
    errors: dict[str, str],
    *,
    locked: bool = False,
    fetched: dict[str, Any] | None = None,
) -> Response:
    """Show the form to upload or, by *purpose*, to replace; *fetched* is what a backend presents, to be chosen from."""
    # A dialog that is open keeps what was typed and chosen; it gets the errors alone.
    part = "certificates/_errors.html" if errors else "certificates/_upload.html"
    template = part if wants_part(request) else "certificates/upload.html"
    return render(
        request,
        template,
        who=who,
        status=422 if errors else 200,
        api=api,
        page="endpoints",
        purpose=purpose,
        typed=_TYPED | typed,
        errors=dict.fromkeys(("endpoint", "alias", "certificate"), "") | errors,
        locked=locked,
        max_alias=MAX_ALIAS,
        fetched=fetched is not None,
        **(fetched or _NOTHING_FETCHED),
    )


def done(request: Request, runtime: Runtime, who: Principal, api: Api, what: str) -> Response:
    """Answer a change that was made: the page again or, to a dialog, what has changed on the page."""
    if not wants_part(request):
        return RedirectResponse(f"/apis/{api.id}/endpoints?done={what}", 303)
    response = render(
        request,
        "certificates/_changed.html",
        who=who,
        api=api,
        rows=certificate_rows(runtime, who, api),
        removed=removed_rows(runtime, who, api),
        trust_rows=trust_rows(runtime, who, api),
        now=runtime.now(),
        done=NOTICES[what],
    )
    response.headers["HX-Trigger"] = "dialog-done"
    return response
