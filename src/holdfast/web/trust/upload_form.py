"""
What the dialogs that take a file of certificates share: reading it, the form, and errors by field.
"""

from typing import Any

from fastapi import Request, UploadFile
from starlette.responses import Response

from holdfast.apis.catalog.api import Api
from holdfast.apis.errors import InvalidField
from holdfast.apis.trust.endpoint_certificate import MAX_ALIAS
from holdfast.certificates.errors import EmptyUpload, PasswordNeeded, WrongPassword
from holdfast.certificates.formats import parsing
from holdfast.services.access.context import Context
from holdfast.web import dialog

LOCKED = (PasswordNeeded, WrongPassword)
_TYPED = {"endpoint": "", "alias": "", "pem": "", "keep": "true"}
_NOTHING_FETCHED: dict[str, Any] = {
    "choices": (),
    "refused": {},
    "findings": (),
    "error": "",
    "presentation": None,
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


def show_upload_form(
    request: Request,
    context: Context,
    api: Api,
    purpose: str,
    typed: dict[str, str],
    errors: dict[str, str],
    *,
    locked: bool = False,
    fetched: dict[str, Any] | None = None,
) -> Response:
    """Show the form to upload or, by *purpose*, to replace; *fetched* is what a backend presents, to be chosen from."""
    return dialog.show(
        request,
        context,
        "certificates/_upload.html",
        fields=("endpoint", "alias", "certificate"),
        errors=errors,
        api=api,
        purpose=purpose,
        typed=_TYPED | typed,
        locked=locked,
        max_alias=MAX_ALIAS,
        fetched=fetched is not None,
        **(fetched or _NOTHING_FETCHED),
    )
