"""
`/apis`: list, create, get, update, delete and copy APIs.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import Query, Response
from fastapi.responses import JSONResponse

from holdfast.apis.catalog.additional_properties import PROPERTIES, map_properties
from holdfast.apis.catalog.description import FullApi
from holdfast.apis.errors import InvalidFields
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.catalog import responses
from holdfast.rest.catalog.api_body import ApiAnswer, ApiBody, ApiChange, ApiChangeAnswer, ApiListAnswer
from holdfast.rest.catalog.description import describe_api, summarize_api
from holdfast.rest.catalog.endpoint_config import FALLBACK, rename_fields
from holdfast.rest.catalog.searches import read_query
from holdfast.rest.conditions import IfMatch, IfNoneMatch, quote_tag, tag_api
from holdfast.rest.errors import PREFIX
from holdfast.rest.failures.failures import describe_failure
from holdfast.rest.failures.responses import FailuresOfApi
from holdfast.rest.inputs import declare_ignored
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, paginate
from holdfast.rest.prefixes import is_v1
from holdfast.rest.router import Router
from holdfast.services.access.context import Context
from holdfast.services.catalog import api_names, apis, copies, deletion
from holdfast.services.catalog.http1_fallback import find_fallback_times
from holdfast.services.credentials.sealing import seal_drafts
from holdfast.services.errors import NotFound
from holdfast.services.failures.diagnosis import name_endpoint
from holdfast.services.revisions import revisions
from holdfast.services.trust.unused_trust import TrustOutcome, UnusedTrust
from holdfast.store.catalog.apis import ApiOrder, ApiSort

router = Router(prefix=f"{PREFIX}/apis", tags=["APIs"])
MAX_EXPANDED = 100  # a full API can be large
ApiId = Annotated[str, Query(alias="apiId")]
DeleteUnused = Annotated[
    bool,
    Query(
        alias="deleteUnusedCertificates",
        description="Delete the certificates, trust settings and gateway identities that APIs no longer use.",
    ),
]
Search = Annotated[
    str,
    Query(
        description="Part of the name, or a field and part of its value: `name:`, `context:`, `version:`, `status:`, "
        "`provider:`, `description:`. A value in quotes must match exactly."
    ),
]

# Without a schema: generated clients would expect JSON even if the body is empty.
_MAYBE_LEFT: dict[int | str, dict[str, Any]] = {
    200: {"description": "Empty, or `unusedTrust` and `deletedTrust` as in the response to a change."}
}


@router.get(
    "",
    responses={200: {"model": ApiListAnswer}},
)
def list_apis(
    context: RequestContext,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    query: Search = "",
    expand: Annotated[bool, Query(description="Return each API in full, at most 100 in a page.")] = False,
    sort_by: Annotated[ApiSort, Query(alias="sortBy", description="What to sort by.")] = ApiSort.NAME,
    sort_order: Annotated[Literal["asc", "desc"], Query(alias="sortOrder", description="The direction.")] = "asc",
) -> dict[str, Any]:
    """
    List APIs.

    Returns the APIs of your organization, by default ordered by name.
    """
    limit = min(limit, MAX_EXPANDED) if expand else limit
    page, total = apis.list_apis(context, read_query(query), offset, limit, ApiOrder(sort_by, sort_order == "desc"))
    filters = {"query": query, "expand": "true" if expand else ""}
    if (sort_by, sort_order) != (ApiSort.NAME, "asc"):
        filters |= {"sortBy": sort_by, "sortOrder": sort_order}
    if expand:
        entries = [_answer(context, full_api) for full_api in apis.describe(context, page)]
    else:
        types = apis.list_types(context, page)
        entries = [summarize_api(api, types.get(api.id)) for api in page]
    return {
        "count": len(page),
        "list": entries,
        "pagination": paginate(f"{PREFIX}/apis", filters, offset, limit, total),
    }


@router.post(
    "",
    status_code=201,
    responses={201: {"model": ApiAnswer}},
    openapi_extra=declare_ignored(openAPIVersion="a definition that is uploaded later includes its version."),
)
def create_api(runtime: CurrentRuntime, context: RequestContext, body: ApiBody, response: Response) -> dict[str, Any]:
    """
    Create an API.

    The API has the state `CREATED`. Gateways serve it once it is published.
    """
    try:
        securities = seal_drafts(context, runtime.sealing, body.securities)
        full_api = apis.create_full_api(context, body.to_draft(securities))
    except InvalidFields as error:
        raise rename_fields(error) from error
    return answer_created(context, full_api, response)


@router.post(
    "/copy-api",
    status_code=201,
    responses={201: {"model": ApiAnswer}},
    openapi_extra=declare_ignored(serviceVersion="there is no service catalog."),
)
def copy_api(
    context: RequestContext,
    response: Response,
    new_version: Annotated[str, Query(alias="newVersion", description="The version of the copy.")],
    api_id: ApiId,
    default_version: Annotated[
        bool,
        Query(
            alias="defaultVersion",
            description="Make the copy the default version. Gateways serve it as such once it is published.",
        ),
    ] = False,
) -> dict[str, Any]:
    """
    Create a new version of an API.

    Copies everything else from the API, including its definition. The copy has the state `CREATED`.
    """
    source_id = api_names.resolve_id(context, api_id)
    full_api = copies.copy_api(context, source_id, new_version, is_default=default_version)
    return answer_created(context, full_api, response)


@router.get("/{api_id}", responses={200: {"model": ApiAnswer}})
def get_api(context: RequestContext, api_id: str, unless: IfNoneMatch) -> dict[str, Any]:
    """
    Get an API.

    Its ID can be that of a revision: the response then has what that revision has.
    """
    try:
        full_api = apis.get_full_api(context, api_id)
    except NotFound:
        if (revision := revisions.get_as_api(context, api_id)) is None:
            raise
        unless.send_tag(tag_api(revision))
        answer = _answer(context, revision)
        return answer | {"id": api_id, "revisionedApiId": revision.api.id}
    unless.send_tag(tag_api(full_api))
    return _answer(context, full_api)


@router.get("/{api_id}/failures")
def get_failures(runtime: CurrentRuntime, context: RequestContext, api_id: str) -> FailuresOfApi:
    """
    List the failures of an API.

    Returns the latest failure of each of its backends at each gateway. For operators: callers never see these details.
    """
    api = apis.get_api(context, api_id)
    failures = [
        describe_failure(failure, name_endpoint(failure.latest, api))
        for of_environment in runtime.failures.list_of_api(api).values()
        for failure in of_environment
    ]
    return {"count": len(failures), "list": failures}


@router.put("/{api_id}", responses={200: {"model": ApiChangeAnswer}})
def update_api(
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: str,
    body: ApiChange,
    expected: IfMatch,
    response: Response,
    delete_unused: DeleteUnused = False,
) -> dict[str, Any]:
    """
    Update an API.

    Changes the members that you send: description, endpoints, and members that are only stored. A member that is null
    gets its default. Name, context, version and state can't be changed.
    """
    body.refuse_unknown_type()
    try:
        change = apis.change_api(
            context,
            api_id,
            description=body.description,
            endpoints=(body.production, body.sandbox) if body.endpoint_config else None,
            connections=body.connections,
            securities=seal_drafts(context, runtime.sealing, body.securities),
            groups=body.groups,
            members=body.members,
            expected=expected,
            delete_unused=delete_unused,
        )
    except InvalidFields as error:
        raise rename_fields(error) from error
    response.headers["ETag"] = quote_tag(tag_api(change.full_api))
    answer = _answer(context, change.full_api)
    return answer if change.trust == TrustOutcome() else {**answer, **_write_outcome(change.trust)}


@router.delete("/{api_id}", response_class=Response, responses=_MAYBE_LEFT)
def delete_api(
    context: RequestContext, api_id: str, expected: IfMatch, delete_unused: DeleteUnused = False
) -> Response:
    """
    Delete an API.

    The response is empty, or lists the trust that is unused because of this.
    """
    outcome = deletion.delete_api(context, api_id, expected, delete_unused=delete_unused)
    return Response() if outcome == TrustOutcome() else JSONResponse(_write_outcome(outcome))


def answer_created(context: Context, full_api: FullApi, response: Response) -> dict[str, Any]:
    """Describe a new API; set `Location` and `ETag` of *response*."""
    response.headers["Location"] = f"{PREFIX}/apis/{full_api.api.id}"
    response.headers["ETag"] = quote_tag(tag_api(full_api))
    return _answer(context, full_api)


def _answer(context: Context, full_api: FullApi) -> dict[str, Any]:
    """Describe an API, including what Holdfast has learned about its backends."""
    answer = describe_api(full_api)
    if is_v1():
        answer[PROPERTIES] = map_properties(answer[PROPERTIES])
    for environment, since in find_fallback_times(context, full_api.api).items():
        endpoints = answer["endpointConfig"][f"{environment}_endpoints"]
        (endpoints[0] if isinstance(endpoints, list) else endpoints)[FALLBACK] = since.isoformat()
    return answer


def _write_outcome(outcome: TrustOutcome) -> responses.LeftBehind:
    return {"unusedTrust": _write_unused(outcome.unused_trust), "deletedTrust": _write_unused(outcome.deleted_trust)}


def _write_unused(trusts: Sequence[UnusedTrust]) -> list[responses.UnusedTrust]:
    return [
        {
            "origin": trust.origin,
            "certificates": [entry.alias for entry in trust.certificates],
            "trustSettings": trust.settings is not None,
            "clientCertificate": trust.identity is not None,
        }
        for trust in trusts
    ]
