"""
The form that the upload and replace dialogs share.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Form, Query, Request, UploadFile
from starlette.responses import Response

from holdfast.apis import wso2_wording
from holdfast.apis.catalog.api import Api
from holdfast.apis.errors import InvalidField
from holdfast.apis.trust.endpoint_certificate import MAX_ALIAS, check_alias
from holdfast.certificates.errors import EmptyUpload, PasswordNeeded, WrongPassword
from holdfast.certificates.formats import parsing
from holdfast.services.access.context import Context
from holdfast.services.errors import NotFound
from holdfast.services.trust import endpoint_certificates
from holdfast.web import dialog
from holdfast.web.access.session import get_runtime
from holdfast.web.belonging import apply_typed_endpoints
from holdfast.web.conditions import NO_CONDITION, Condition, SentCondition

PASSWORD_ERRORS = (PasswordNeeded, WrongPassword)
_TYPED = {"endpoint": "", "alias": "", "pem": "", "keep": "true"}
_NOTHING_FETCHED: dict[str, Any] = {
    "choices": (),
    "proposal": None,
    "refusals": {},
    "findings": (),
    "error": "",
    "presentation": None,
}


@dataclass(frozen=True, slots=True)
class TypedEndpoints:
    """
    The URLs on the Endpoints page that the dialog was opened from, which may not be saved; empty: none.

    *condition* is that page's.
    """

    production: str = ""
    sandbox: str = ""
    condition: Condition = NO_CONDITION

    def apply_to(self, api: Api) -> Api:
        """Return *api* with these endpoints."""
        return apply_typed_endpoints(api, self.production, self.sandbox)


def _read_form(
    condition: SentCondition, production: Annotated[str, Form()] = "", sandbox: Annotated[str, Form()] = ""
) -> TypedEndpoints:
    return TypedEndpoints(production, sandbox, condition)


def _read_query(
    production: Annotated[str, Query()] = "",
    sandbox: Annotated[str, Query()] = "",
    if_match: Annotated[str, Query()] = "",
) -> TypedEndpoints:
    return TypedEndpoints(production, sandbox, Condition(if_match))


EndpointsInForm = Annotated[TypedEndpoints, Depends(_read_form)]
EndpointsInQuery = Annotated[TypedEndpoints, Depends(_read_query)]


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
    form: dict[str, str],
    errors: dict[str, str],
    *,
    locked: bool = False,
    fetch_result: dict[str, Any] | None = None,
    typed_endpoints: TypedEndpoints | None = None,
    fetch: bool = False,
    saved_tag: str = "",
) -> Response:
    """
    Show the form; *purpose* is "upload" or "replace", *fetch_result* what `_fetched.html` shows.

    *typed_endpoints* are offered besides the endpoints of *api*. With *fetch*, the dialog fetches certificates at once.
    *saved_tag* is the entity tag of the API if an endpoint was saved.
    """
    typed_endpoints = typed_endpoints or TypedEndpoints()
    saved_urls = {endpoint.url for endpoint in api.endpoints}
    return dialog.show(
        request,
        context,
        "certificates/_upload.html",
        title=wso2_wording.REPLACE_CERTIFICATE if purpose == "replace" else wso2_wording.UPLOAD_CERTIFICATE,
        fields=("endpoint", "alias", "certificate"),
        errors=errors,
        api=api,
        purpose=purpose,
        form=_TYPED | form,
        typed_endpoints=typed_endpoints,
        unsaved_urls=[
            endpoint.url for endpoint in typed_endpoints.apply_to(api).endpoints if endpoint.url not in saved_urls
        ],
        gateways=get_runtime(request).probes.gateways,
        locked=locked,
        max_alias=MAX_ALIAS,
        fetch=fetch,
        fetched=fetch_result is not None,
        saved_tag=saved_tag,
        **(fetch_result or _NOTHING_FETCHED),
    )


def suggest_alias(context: Context, endpoint: str) -> str:
    """Return an alias made from the host of *endpoint* that isn't taken; empty if there is none."""
    host = re.sub(r"[.:]+", "-", urlsplit(endpoint).hostname or "").strip("-")[: MAX_ALIAS - 3]
    suggestions = [host, *(f"{host}-{number}" for number in range(2, 20))]
    return next((alias for alias in suggestions if not explain_alias(context, alias)), "")


def explain_alias(context: Context, alias: str) -> str:
    """Return why a new certificate can't have this *alias*; empty if it can."""
    try:
        name = check_alias(alias)
        endpoint_certificates.get_certificate(context, name)
    except InvalidField as error:
        return str(error)
    except NotFound:
        return ""
    return f"The alias {name} {wso2_wording.ALREADY_EXISTS}. Choose another one, or replace its certificate."
