"""
`/apis`: list, create, get, update, delete, and the lifecycle.
"""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from holdfast.apis.api import Api
from holdfast.apis.errors import InvalidField, InvalidFields
from holdfast.apis.lifecycle import transitions_from
from holdfast.rest.authentication import Caller, Running
from holdfast.rest.errors import PREFIX
from holdfast.rest.failures import describe_failure
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, pagination
from holdfast.services import catalog
from holdfast.services.catalog import ApiDraft
from holdfast.store.apis import ApiFilter

router = APIRouter(prefix=f"{PREFIX}/apis", tags=["APIs"])
_MODIFIER = re.compile(r'(?<!\S)(name|context|version|status|provider|description):(?:"([^"]*)"|(\S*))', re.IGNORECASE)
_FIELDS = {"production": "endpointConfig.production_endpoints.url", "sandbox": "endpointConfig.sandbox_endpoints.url"}


class EndpointBody(BaseModel):
    """One backend."""

    url: str


class EndpointConfigBody(BaseModel):
    """The backends; load balancing and failover are not offered, so they are refused and not dropped."""

    endpoint_type: str = "http"
    production_endpoints: EndpointBody | None = None
    sandbox_endpoints: EndpointBody | None = None


class ApiChange(BaseModel):
    """What of an API can be changed; other members of the description are read and left as they are."""

    model_config = ConfigDict(populate_by_name=True)
    description: str | None = None
    endpoint_config: EndpointConfigBody | None = Field(None, alias="endpointConfig")

    @property
    def production(self) -> str | None:
        """The production URL, None when there is none."""
        config = self.endpoint_config
        return config.production_endpoints.url if config and config.production_endpoints else None

    @property
    def sandbox(self) -> str | None:
        """The sandbox URL, None when there is none."""
        config = self.endpoint_config
        return config.sandbox_endpoints.url if config and config.sandbox_endpoints else None

    def refuse_unknown_type(self) -> None:
        """Raise InvalidField for a kind of endpoint that would not be obeyed."""
        if self.endpoint_config and self.endpoint_config.endpoint_type != "http":
            kind = self.endpoint_config.endpoint_type
            raise InvalidField("endpointConfig.endpoint_type", f"{kind!r} is not offered; use 'http' (also for https).")


class ApiBody(ApiChange):
    """A new API."""

    name: str
    context: str
    version: str


@router.get("")
def list_apis(
    running: Running,
    caller: Caller,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    query: Annotated[
        str, Query(description="A part of the name, or name:, context:, version:, status: and so on.")
    ] = "",
) -> dict[str, Any]:
    """List APIs by name."""
    found, total = catalog.list_apis(running.store, caller, read_query(query), offset, limit)
    return {
        "count": len(found),
        "list": [_summary(api) for api in found],
        "pagination": pagination(f"{PREFIX}/apis", {"query": query}, offset, limit, total),
    }


@router.post("", status_code=201)
def create_api(running: Running, caller: Caller, body: ApiBody, response: Response) -> dict[str, Any]:
    """Create an API."""
    body.refuse_unknown_type()
    draft = ApiDraft(body.name, body.context, body.version, body.production, body.sandbox, body.description or "")
    try:
        api = catalog.create_api(running.store, caller, draft, running.now())
    except InvalidFields as error:
        raise _in_rest_words(error) from error
    response.headers["Location"] = f"{PREFIX}/apis/{api.id}"
    return _full(api)


@router.post("/change-lifecycle")
def change_lifecycle(
    running: Running, caller: Caller, action: str, api_id: Annotated[str, Query(alias="apiId")]
) -> dict[str, Any]:
    """Move an API through its lifecycle: Publish, Demote to Created, Deprecate, Retire."""
    api = catalog.change_lifecycle(running.store, caller, api_id, action, running.now())
    transitions = [
        {"event": event, "targetState": state.value.title()} for event, state in transitions_from(api.state).items()
    ]
    state = {"state": api.state.value.title(), "checkItems": [], "availableTransitions": transitions}
    return {"workflowStatus": "APPROVED", "jsonPayload": None, "lifecycleState": state}


@router.get("/{api_id}")
def get_api(running: Running, caller: Caller, api_id: str) -> dict[str, Any]:
    """Get an API."""
    return _full(catalog.get_api(running.store, caller, api_id))


@router.get("/{api_id}/failures")
def get_failures(running: Running, caller: Caller, api_id: str) -> dict[str, Any]:
    """Say why requests to the backends of an API failed last at each gateway: for operators, never for callers."""
    api = catalog.get_api(running.store, caller, api_id)
    found = [describe_failure(failure) for each in running.failures.of_api(api).values() for failure in each]
    return {"count": len(found), "list": found}


@router.put("/{api_id}")
def update_api(running: Running, caller: Caller, api_id: str, body: ApiChange) -> dict[str, Any]:
    """Change description and endpoints, where they are given; name, context, version and state stay."""
    body.refuse_unknown_type()
    try:
        endpoints = (body.production, body.sandbox) if body.endpoint_config else None
        api = catalog.change_api(
            running.store, caller, api_id, running.now(), description=body.description, endpoints=endpoints
        )
    except InvalidFields as error:
        raise _in_rest_words(error) from error
    return _full(api)


@router.delete("/{api_id}")
def delete_api(running: Running, caller: Caller, api_id: str) -> Response:
    """Delete an API."""
    catalog.delete_api(running.store, caller, api_id, running.now())
    return Response()


def read_query(query: str) -> ApiFilter:
    """
    Read a search as WSO2's publisher writes it: modifiers like `context:`, the rest is part of the name.

    What stands in quotes after a modifier must be all of the value, not a part.
    """
    found = list(_MODIFIER.finditer(query))
    plain = " ".join(_MODIFIER.sub(" ", query).split())
    wanted = {"name": plain} | {each[1].lower(): each[2] or each[3] or "" for each in found}
    return ApiFilter(**wanted, exact=frozenset(each[1].lower() for each in found if each[2]))


def _in_rest_words(error: InvalidFields) -> InvalidFields:
    return InvalidFields([InvalidField(_FIELDS.get(each.field, each.field), str(each)) for each in error.errors])


def _summary(api: Api) -> dict[str, Any]:
    return {
        "id": api.id,
        "name": api.name,
        "description": api.description,
        "context": api.context,
        "version": api.version,
        "provider": api.provider,
        "type": "HTTP",
        "lifeCycleStatus": api.state.value,
        "workflowStatus": "",
        "hasThumbnail": False,
        "createdTime": api.created_at.isoformat(),
        "updatedTime": api.updated_at.isoformat(),
    }


def _full(api: Api) -> dict[str, Any]:
    config: dict[str, Any] = {"endpoint_type": "http"}
    if api.production:
        config["production_endpoints"] = {"url": api.production.url}
    if api.sandbox:
        config["sandbox_endpoints"] = {"url": api.sandbox.url}
    return _summary(api) | {"lastUpdatedTime": api.updated_at.isoformat(), "endpointConfig": config}
