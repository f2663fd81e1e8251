"""
`/apis`: list, create, get, update, delete, copy; and their search.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from holdfast.apis.catalog.description import Described, full, summary
from holdfast.apis.errors import InvalidFields
from holdfast.rest.access.authentication import Caller, CurrentRuntime
from holdfast.rest.catalog.api_body import (
    FALLBACK,
    ApiAnswer,
    ApiBody,
    ApiChange,
    ApiListAnswer,
    in_rest_words,
)
from holdfast.rest.catalog.queries import read_query
from holdfast.rest.conditions import IfMatch, IfNoneMatch, quote_tag
from holdfast.rest.errors import PREFIX
from holdfast.rest.failures.failures import describe_failure
from holdfast.rest.inputs import ignores
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, pagination
from holdfast.services.catalog import api_names, apis, copies, deletion
from holdfast.services.catalog.http1_fallback import fallback_since
from holdfast.services.runtime import Runtime
from holdfast.services.trust.unused_trust import LeftBehind, UnusedTrust
from holdfast.services.versions import tag_of_api

router = APIRouter(prefix=f"{PREFIX}/apis", tags=["APIs"])
MAX_EXPANDED = 100  # all of an API can be much
ApiId = Annotated[str, Query(alias="apiId", description="The id of an API, or provider-name-version.")]
DeleteUnused = Annotated[
    bool,
    Query(
        alias="deleteUnusedCertificates",
        description="Delete certificates, trust settings and client certificates that no API uses any more.",
    ),
]
Search = Annotated[str, Query(description="A part of the name, or name:, context:, version:, status: and so on.")]


@router.get(
    "",
    responses={200: {"model": ApiListAnswer}},
    openapi_extra=ignores(sortBy="the list is sorted by name.", sortOrder="the list is ascending."),
)
def list_apis(
    runtime: CurrentRuntime,
    caller: Caller,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    query: Search = "",
    expand: Annotated[bool, Query(description="Whether all of each API is wanted.")] = False,
) -> dict[str, Any]:
    """List APIs by name."""
    limit = min(limit, MAX_EXPANDED) if expand else limit
    page, total = apis.list_apis(runtime.store, caller, read_query(query), offset, limit)
    filters = {"query": query} | ({"expand": "true"} if expand else {})
    if expand:
        listed = [_answer(runtime, each) for each in apis.describe(runtime.store, caller, page)]
    else:
        types = apis.types_of(runtime.store, caller, page)
        listed = [summary(api, types.get(api.id)) for api in page]
    return {
        "count": len(page),
        "list": listed,
        "pagination": pagination(f"{PREFIX}/apis", filters, offset, limit, total),
    }


@router.post(
    "",
    status_code=201,
    responses={201: {"model": ApiAnswer}},
    openapi_extra=ignores(openAPIVersion="a definition that is sent later says its version."),
)
def create_api(runtime: CurrentRuntime, caller: Caller, body: ApiBody, response: Response) -> dict[str, Any]:
    """Create an API."""
    try:
        draft, may = body.draft(), runtime.asks_callers
        made = apis.create_described(runtime.store, caller, draft, runtime.now(), may_require_certificate=may)
    except InvalidFields as error:
        raise in_rest_words(error) from error
    return created(runtime, made, response)


@router.post(
    "/copy-api",
    status_code=201,
    responses={201: {"model": ApiAnswer}},
    openapi_extra=ignores(serviceVersion="there is no service catalog."),
)
def copy_api(
    runtime: CurrentRuntime,
    caller: Caller,
    response: Response,
    new_version: Annotated[str, Query(alias="newVersion")],
    api_id: ApiId,
    default_version: Annotated[bool, Query(alias="defaultVersion")] = False,
) -> dict[str, Any]:
    """Create a new version of an API, with all that the old one has."""
    known, now = api_names.resolve_id(runtime.store, caller, api_id), runtime.now()
    made = copies.copy_api(runtime.store, caller, known, new_version, now, is_default=default_version)
    return created(runtime, made, response)


@router.get("/{api_id}", responses={200: {"model": ApiAnswer}})
def get_api(runtime: CurrentRuntime, caller: Caller, api_id: str, unless: IfNoneMatch) -> dict[str, Any]:
    """Get an API."""
    found = apis.get_described(runtime.store, caller, api_id)
    unless.known(tag_of_api(found))
    return _answer(runtime, found)


@router.get("/{api_id}/failures")
def get_failures(runtime: CurrentRuntime, caller: Caller, api_id: str) -> dict[str, Any]:
    """Say why requests to the backends of an API failed last at each gateway: for operators, never for callers."""
    api = apis.get_api(runtime.store, caller, api_id)
    found = [describe_failure(failure) for each in runtime.failures.of_api(api).values() for failure in each]
    return {"count": len(found), "list": found}


@router.put("/{api_id}", responses={200: {"model": ApiAnswer}})
def update_api(
    runtime: CurrentRuntime,
    caller: Caller,
    api_id: str,
    body: ApiChange,
    expected: IfMatch,
    response: Response,
    delete_unused: DeleteUnused = False,
) -> dict[str, Any]:
    """Change description, endpoints and kept members, where they are sent; name, context, version and state stay."""
    body.refuse_unknown_type()
    try:
        changed = apis.change_api(
            runtime.store,
            caller,
            api_id,
            runtime.now(),
            description=body.description,
            endpoints=(body.production, body.sandbox) if body.endpoint_config else None,
            connections=body.connections,
            members=body.members,
            expected=expected,
            may_require_certificate=runtime.asks_callers,
            delete_unused=delete_unused,
        )
    except InvalidFields as error:
        raise in_rest_words(error) from error
    response.headers["ETag"] = quote_tag(tag_of_api(changed.described))
    return _answer(runtime, changed.described) | (_left(changed.left) if changed.left != LeftBehind() else {})


@router.delete("/{api_id}", response_class=Response)
def delete_api(
    runtime: CurrentRuntime, caller: Caller, api_id: str, expected: IfMatch, delete_unused: DeleteUnused = False
) -> Response:
    """Delete an API; the answer is empty, or says which trust no API uses any more because of it."""
    now = runtime.now()
    left = deletion.delete_api(runtime.store, caller, api_id, now, expected, delete_unused=delete_unused)
    return Response() if left == LeftBehind() else JSONResponse(_left(left))


def created(runtime: Runtime, made: Described, response: Response) -> dict[str, Any]:
    """Answer with an API that is new, and say where it is."""
    response.headers["Location"] = f"{PREFIX}/apis/{made.api.id}"
    response.headers["ETag"] = quote_tag(tag_of_api(made))
    return _answer(runtime, made)


def _answer(runtime: Runtime, described: Described) -> dict[str, Any]:
    """Describe an API, with what Holdfast has learned about its backends."""
    answer = full(described)
    for environment, since in fallback_since(runtime.store, described.api).items():
        answer["endpointConfig"][f"{environment}_endpoints"][FALLBACK] = since.isoformat()
    return answer


def _left(left: LeftBehind) -> dict[str, Any]:
    return {"unusedTrust": _described_trust(left.kept), "deletedTrust": _described_trust(left.deleted)}


def _described_trust(found: Sequence[UnusedTrust]) -> list[dict[str, Any]]:
    return [
        {
            "origin": each.origin,
            "certificates": [entry.alias for entry in each.certificates],
            "trustSettings": each.settings is not None,
            "clientCertificate": each.identity is not None,
        }
        for each in found
    ]
