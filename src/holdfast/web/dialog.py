"""
Dialogs: htmx inserts them into a page; without JavaScript, each is a separate page.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.responses import Response

from holdfast.apis.catalog.api import Api
from holdfast.services.access.context import Context
from holdfast.services.runtime import Runtime
from holdfast.web import notices
from holdfast.web.conditions import NO_CONDITION, Condition
from holdfast.web.rendering import render, wants_part


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
    condition: Condition = NO_CONDITION,
    **values: Any,
) -> Response:
    """
    Show the template *dialog* or, to htmx, *part* of it. Without htmx, the dialog is a separate page.

    *title* is the title of that page; *values* include its `api`, if it has one. If there are *errors* (by name of the
    dialog's *fields*), an open dialog keeps its input and receives only the errors, with status 422. If *condition* has
    failed, it keeps its input, too, and receives the current entity tag, with status 412.
    """
    by_field = dict.fromkeys(fields, "") | dict(errors or {})
    template = "dialog/page.html"
    if wants_part(request):
        partial_template = "dialog/_errors.html" if errors else "dialog/_outdated.html" if condition.has_failed else ""
        template = partial_template or part or dialog
    return render(
        request,
        template,
        context=context,
        status=422 if errors else 412 if condition.has_failed else status,
        dialog=dialog,
        title=title,
        errors=by_field,
        condition=condition,
        **({"page": "endpoints"} | values),
    )


def finish(
    request: Request,
    runtime: Runtime,
    context: Context,
    api: Api,
    notice: str,
    name: str,
    sections: Sequence[Section],
    *,
    then: str = "",
    **values: Any,
) -> Response:
    """
    Respond to a change with the Endpoints page or, for an open dialog, with the *sections* that may have changed.

    *notice* is a key of NOTICES, *name* its object. The dialog closes, or shows the template *then* with *values*.
    """
    if not wants_part(request):
        return notices.redirect(request, f"/apis/{api.id}/endpoints", notice, name)
    for section in sections:
        values |= section.read(runtime, context, api)
    response = render(
        request,
        "dialog/_done.html",
        context=context,
        api=api,
        done=notices.describe(notice, name),
        sections=[section.template for section in sections],
        then=then,
        **values,
    )
    if not then:
        response.headers["HX-Trigger"] = "dialog-done"
    return response
