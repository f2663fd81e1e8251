"""
The dialog that decides whether gateways answer with the examples of an API's definition or forward requests.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.prototype import FORWARDED, MEMBER, MOCKED
from holdfast.refusals import Refusal
from holdfast.services.access.context import Context
from holdfast.services.catalog import apis
from holdfast.web import dialog, notices
from holdfast.web.access.session import RequestContext

router = APIRouter(prefix="/apis/{api_id}/prototype")


@router.get("")
def ask(request: Request, context: RequestContext, api_id: str) -> Response:
    """Explain what changes for callers."""
    return _ask(request, context, apis.get_api(context, api_id))


@router.post("")
def change(request: Request, context: RequestContext, api_id: str, mocked: Annotated[bool, Form()] = False) -> Response:
    """Answer with examples if *mocked*, otherwise forward requests to the endpoints."""
    api = apis.get_api(context, api_id)
    try:
        apis.change_api(context, api_id, members={MEMBER: MOCKED if mocked else FORWARDED})
    except Refusal as error:
        return _ask(request, context, api, " ".join(error.map_to_fields("mocked").values()))
    notice = "examples-chosen" if mocked else "endpoints-chosen"
    return notices.redirect(request, f"/apis/{api_id}/endpoints", notice, f"{api.name} {api.version}")


def _ask(request: Request, context: Context, api: Api, error: str = "") -> Response:
    return dialog.show(
        request,
        context,
        "api/_prototype.html",
        title="Prototype",
        fields=("mocked",),
        errors={"mocked": error} if error else None,
        api=api,
    )
