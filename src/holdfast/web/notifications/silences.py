"""
The dialogs to create and end a silence.
"""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from holdfast.apis.notifications.silence import SilenceDraft
from holdfast.refusals import Refusal
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.notifications import silences
from holdfast.web import dialog, notices
from holdfast.web.access.session import RequestContext
from holdfast.web.notifications import words

router = APIRouter(prefix="/notifications/silences")
PAGE = "/notifications"
_FIELDS = ("kind", "about", "reason", "hours")


@router.get("/new")
def ask_for_silence(request: Request, context: RequestContext, about: str = "", kind: str = "") -> Response:
    """Show the form for a new silence."""
    context.user.require(Permission.MANAGE_NOTIFICATIONS)
    return _show_form(request, context, {"kind": kind, "about": about, "reason": "", "hours": 4}, {})


@router.post("/new")
def create_silence(
    request: Request,
    context: RequestContext,
    kind: Annotated[str, Form()] = "",
    about: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
    hours: Annotated[int, Form()] = 4,
) -> Response:
    """Create a silence."""
    length = timedelta(hours=min(max(hours, 0), 10_000))
    try:
        silences.create_silence(context, SilenceDraft(kind, about, reason, context.now + length))
    except Refusal as error:
        form: dict[str, object] = {"kind": kind, "about": about, "reason": reason, "hours": hours}
        errors = error.map_to_fields("reason")
        if "until" in errors:
            errors["hours"] = errors.pop("until")
        return _show_form(request, context, form, errors)
    return notices.redirect(request, PAGE, "silence-created")


@router.post("/{silence_id}/end")
def end_silence(request: Request, context: RequestContext, silence_id: str) -> Response:
    """End a silence."""
    silences.end_silence(context, silence_id)
    return notices.redirect(request, PAGE, "silence-ended")


def _show_form(request: Request, context: Context, form: dict[str, object], errors: dict[str, str]) -> Response:
    return dialog.show(
        request,
        context,
        "notifications/_silence.html",
        title="Silence notifications",
        fields=_FIELDS,
        errors=errors,
        section="notifications",
        form=form,
        events=words.EVENTS,
        durations=words.DURATIONS,
    )
