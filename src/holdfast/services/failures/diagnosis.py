"""
Use cases for failures: failing backends of an organization, and single failed requests, with the names of APIs.
"""

from dataclasses import dataclass

from holdfast.apis.catalog.endpoint import Environment
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.errors import NotFound
from holdfast.services.failures.failed_calls import FailedCall
from holdfast.services.failures.failures import Failure, Failures
from holdfast.store.catalog import apis
from holdfast.store.catalog.apis import ApiNames


@dataclass(frozen=True, slots=True)
class FailingBackend:
    """A backend that fails at a gateway; *endpoint* is its URL."""

    api: ApiNames
    endpoint: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class DiagnosedRequest:
    """A failed request; *api* is None if there was none or it was deleted, *endpoint* is empty if it was removed."""

    call: FailedCall
    api: ApiNames | None
    endpoint: str


def list_failures(
    context: Context, failures: Failures, offset: int = 0, limit: int | None = None
) -> tuple[list[FailingBackend], int]:
    """Return a page of failures at current endpoints, those that began last first, and the number of all."""
    context.user.require(Permission.VIEW_APIS)
    last_failures = failures.of_organization(context.user.organization)
    with context.read() as session:
        named = apis.names(session, context.user.organization, {failure.latest.api_id for failure in last_failures})
    backends = [
        FailingBackend(api, endpoint, failure)
        for failure in last_failures
        if (api := named.get(failure.latest.api_id)) and (endpoint := _endpoint(api, failure.latest.environment))
    ]
    return backends[offset:][:limit], len(backends)


def find_request(context: Context, failures: Failures, request_id: str) -> DiagnosedRequest:
    """Return one of the last failed requests. Raises NotFound."""
    context.user.require(Permission.VIEW_APIS)
    call = failures.request(context.user.organization, request_id)
    if call is None:
        raise NotFound("failed request", request_id)
    with context.read() as session:
        api = apis.names(session, context.user.organization, {call.api_id}).get(call.api_id)
    return DiagnosedRequest(call, api, _endpoint(api, call.environment) if api else "")


def _endpoint(api: ApiNames, environment: Environment | None) -> str:
    return (api.production if environment == "production" else api.sandbox) or ""
