"""
The form that the upload and replace dialogs share.
"""

from typing import Any

from fastapi import Request, UploadFile
from starlette.responses import Response

from holdfast.apis import wso2_wording
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
    Read the file or, without one, the text: at most one byte more than the limit, so that the parser rejects it.

    Raises:
        InvalidField: There is neither a file nor text.
        EmptyUpload: The file is empty.
    """
    data = certificate.file.read(parsing.MAX_BYTES + 1) if certificate else b""
    if data:
        return data
    if not pem.strip() and not (certificate and certificate.filename):
        raise InvalidField("certificate", "Choose a certificate file, drop it here, or paste PEM text.")
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
    """Show the form; *purpose* is "upload" or "replace", *fetched* the certificates that a backend presents."""
    return dialog.show(
        request,
        context,
        "certificates/_upload.html",
        title=wso2_wording.REPLACE_CERTIFICATE if purpose == "replace" else wso2_wording.UPLOAD_CERTIFICATE,
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
