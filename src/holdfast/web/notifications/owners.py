"""
The dialog to set the owners of an API or an endpoint certificate.
"""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from holdfast.refusals import Refusal
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog import apis
from holdfast.services.errors import ContentChanged
from holdfast.services.notifications import owners
from holdfast.services.versions import make_owners_tag
from holdfast.web import dialog, notices
from holdfast.web.access.session import RequestContext
from holdfast.web.conditions import Condition, SentCondition

router = APIRouter(prefix="/owners")


@router.get("/{kind}/{name}")
def ask_for_owners(request: Request, context: RequestContext, kind: str, name: str) -> Response:
    """Show the form for the owners of an `api`, by its id, or a `certificate`, by its alias."""
    context.user.require(Permission.CHANGE_OWNERS)
    addresses = owners.list_owners(context, kind, name)
    return _show_form(request, context, kind, name, "\n".join(addresses), Condition(make_owners_tag(addresses)), {})


@router.post("/{kind}/{name}")
def change_owners(
    request: Request,
    context: RequestContext,
    kind: str,
    name: str,
    condition: SentCondition,
    text: Annotated[str, Form(alias="owners")] = "",
) -> Response:
    """Replace the owners of an API or a certificate."""
    try:
        owners.change_owners(context, kind, name, text.splitlines(), condition.expected)
    except ContentChanged as error:
        return _show_form(request, context, kind, name, text, Condition.after(error), {})
    except Refusal as error:
        return _show_form(request, context, kind, name, text, condition, error.map_to_fields("owners"))
    return notices.redirect(request, _find_page(kind, name), "owners-saved", _find_title(context, kind, name))


def _find_page(kind: str, name: str) -> str:
    return f"/{'apis' if kind == 'api' else 'certificates'}/{quote(name, safe='')}"


def _find_title(context: Context, kind: str, name: str) -> str:
    if kind != "api":
        return name
    api = apis.get_api(context, name)
    return f"{api.name} {api.version}"


def _show_form(
    request: Request,
    context: Context,
    kind: str,
    name: str,
    text: str,
    condition: Condition,
    errors: dict[str, str],
) -> Response:
    title = _find_title(context, kind, name)
    return dialog.show(
        request,
        context,
        "notifications/_owners.html",
        title=f"Owners of {title}",
        fields=("owners",),
        errors=errors,
        condition=condition,
        section="apis" if kind == "api" else "certificates",
        about=title,
        action=f"/owners/{kind}/{quote(name, safe='')}",
        back=_find_page(kind, name),
        text=text,
    )
