"""
Strict inputs: query parameters and form fields that an operation doesn't know are rejected by name, not ignored.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, get_args

from fastapi import Request, params
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import AwareDatetime, BeforeValidator

from holdfast.rest.authentication import RequestContext
from holdfast.services.access.context import Context

MAX_PROBLEMS = 20  # a request may have thousands of parameters, each with a sentence in the response
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
InputTypes = dict[str, Any]  # name -> type


def _require_date(value: object) -> object:
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\d[Tt ]", value):
        raise ValueError("Send a time such as 2027-01-31T12:00:00Z.")
    return value


# A time as in RFC 3339, section 5.6. Without the check, pydantic would also take a number of seconds since 1970.
Time = Annotated[AwareDatetime, BeforeValidator(_require_date)]


def declare_ignored(**parameters: str) -> dict[str, Any]:
    """Return the `openapi_extra` of a route for parameters that WSO2's clients send and that have no effect here."""
    entries = [
        {"name": name, "in": "query", "schema": {"type": "string"}, "description": f"Ignored: {why}"}
        for name, why in parameters.items()
    ]
    return {"parameters": entries}


async def refuse_unknown_inputs(request: Request, context: RequestContext) -> None:
    """
    Reject inputs that the operation of *request* doesn't take, repeated inputs, and booleans without a value.

    Raises:
        RequestValidationError: Names at most MAX_PROBLEMS of them.
    """
    # The dependency on a context comes first, so clients that aren't signed in get 401.
    route = request.scope["route"]
    if not isinstance(route, APIRoute):
        return
    extra = route.openapi_extra or {}
    problems = _check_query(request, route)
    if _is_form(request) and (route.body_field is None or isinstance(route.body_field.field_info, params.Form)):
        problems += _find_problems(
            "form field", await _read_inputs(request, context, route), _list_form_fields(route, extra)
        )
    if problems:
        raise RequestValidationError(problems[:MAX_PROBLEMS])


def refuse_unknown_query(request: Request) -> None:
    """Reject query parameters that an operation without sign-in doesn't take. Raises RequestValidationError."""
    if problems := _check_query(request, request.scope["route"]):
        raise RequestValidationError(problems[:MAX_PROBLEMS])


def _check_query(request: Request, route: APIRoute) -> list[dict[str, Any]]:
    parameters = (route.openapi_extra or {}).get("parameters", [])
    query = _list_declared_inputs(route.dependant, "query_params") | {
        parameter["name"]: str for parameter in parameters
    }
    return list(_find_problems("query parameter", request.query_params.multi_items(), query))


async def _read_inputs(request: Request, context: Context, route: APIRoute) -> Sequence[tuple[str, Any]]:
    if route.body_field:  # FastAPI has already read it
        return (await request.form()).multi_items()
    context.release()  # the body may arrive slowly
    await request.body()  # cached, so the operation can read it too
    async with request.form() as form:
        return form.multi_items()


def _list_form_fields(route: APIRoute, extra: dict[str, Any]) -> InputTypes:
    contents = extra.get("requestBody", {}).get("content", {})
    properties = [media["schema"]["properties"] for kind, media in contents.items() if kind in _FORMS]
    return _list_declared_inputs(route.dependant, "body_params") | {name: str for names in properties for name in names}


def _find_problems(kind: str, inputs: Sequence[tuple[str, Any]], types: InputTypes) -> Iterator[dict[str, Any]]:
    offer = f"It accepts {', '.join(sorted(types))}." if types else "It accepts none."
    for name, count in Counter(name for name, _ in inputs).items():
        if name not in types:
            yield _describe_problem(kind, name, f"This operation has no such {kind}. {offer}")
        elif count > 1:
            yield _describe_problem(kind, name, f"This {kind} was sent {count} times. Send it once.")
    for name, value in inputs:
        if value == "" and bool in (types.get(name), *get_args(types.get(name))):
            yield _describe_problem(kind, name, f"This {kind} has no value. Send true or false.")


def _describe_problem(kind: str, name: str, text: str) -> dict[str, Any]:
    return {"loc": (kind, name), "type": "unexpected", "msg": text}


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() in _FORMS


def _list_declared_inputs(dependant: Dependant, kind: str) -> InputTypes:
    """Return the inputs of a *kind* that a route and its dependencies declare."""
    types = {field.alias: field.field_info.annotation for field in getattr(dependant, kind)}
    for dependency in dependant.dependencies:
        types |= _list_declared_inputs(dependency, kind)
    return types
