"""
Dialogs: htmx inserts them into a page; without scripts, each is a page of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from holdfast.apis.catalog.api import Api
from holdfast.services.access.context import Context
from holdfast.services.runtime import Runtime
from holdfast.web.rendering import NOTICES, render, wants_part


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the Endpoints page: the template that re-renders it after a change, and a reader of its values."""

    template: str
    read: Callable[[Runtime, Context, Api], dict[str, Any]]


def show(
    request: Request,
    context: Context,
    dialog: str,
    *,
    part: str = "",
    title: str = "",
    fields: Sequence[str] = (),
    errors: Mapping[str, str] | None = None,
    status: int = 200,
    **values: Any,
) -> Response:
    """
    Show the template *dialog*, or *part* of it: the part that htmx asks for, or the page around the dialog.

    *values* include the `api` of the page; a dialog without an API has a *title*. An open dialog keeps its input: if
    there are *errors* (by name of its *fields*), only these are sent, with status 422.
    """
    by_field = dict.fromkeys(fields, "") | dict(errors or {})
    template = "dialog/page.html"
    if wants_part(request):
        template = "dialog/_errors.html" if errors else part or dialog
    return render(
        request,
        template,
        context=context,
        status=422 if errors else status,
        dialog=dialog,
        title=title,
        errors=by_field,
        **({"page": "endpoints"} | values),
    )


def finish(
    request: Request,
    runtime: Runtime,
    context: Context,
    api: Api,
    notice: str,
    sections: Sequence[Section],
    *,
    then: str = "",
    **values: Any,
) -> Response:
    """
    Answer a change with the Endpoints page, or, for an open dialog, with the *sections* that may have changed.

    The dialog closes, or shows the template *then* with *values*.
    """
    if not wants_part(request):
        return RedirectResponse(f"/apis/{api.id}/endpoints?done={notice}", 303)
    for section in sections:
        values |= section.read(runtime, context, api)
    response = render(
        request,
        "dialog/_done.html",
        context=context,
        api=api,
        done=NOTICES[notice],
        now=context.now,
        sections=[section.template for section in sections],
        then=then,
        **values,
    )
    if not then:
        response.headers["HX-Trigger"] = "dialog-done"
    return response
