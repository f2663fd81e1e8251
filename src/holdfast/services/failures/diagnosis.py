"""
Use cases for failures: failing backends of an organization, and single failed requests, with the names of APIs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.errors import NotFound
from holdfast.services.failures.acknowledgements import find_acknowledgement, read_acknowledgements
from holdfast.services.failures.failed_calls import FailedCall
from holdfast.services.failures.failure import Failure
from holdfast.services.failures.failures import Failures
from holdfast.services.failures.other_requests import OtherRequests
from holdfast.store.catalog import apis
from holdfast.store.catalog.apis import ApiNames
from holdfast.store.catalog.failure_acknowledgements import Acknowledgement


@dataclass(frozen=True, slots=True)
class FailingBackend:
    """A backend that fails at a gateway; *endpoint* is its URL."""

    api: ApiNames
    endpoint: str
    failure: Failure
    acknowledgement: Acknowledgement | None = None


@dataclass(frozen=True, slots=True)
class FailureFilter:
    """Which failures to list; empty values match all. *since* (aware) is the earliest time when one was last seen."""

    api_id: str = ""
    cause: str = ""
    gateway: str = ""
    since: datetime | None = None
    acknowledged: bool | None = None

    def matches(self, backend: FailingBackend) -> bool:
        """Return whether *backend* is to be listed."""
        failure = backend.failure
        return (
            self.api_id in {"", backend.api.id}
            and self.cause in {"", failure.cause}
            and self.gateway in {"", failure.latest.gateway}
            and (self.since is None or failure.last >= self.since)
            and self.acknowledged in {None, backend.acknowledgement is not None}
        )


@dataclass(frozen=True, slots=True)
class FailurePage:
    """A page of the failures that a filter matches, their *total*, and what the filter can be set to."""

    backends: list[FailingBackend]
    total: int
    apis: list[ApiNames]
    causes: list[str]
    gateways: list[str]


@dataclass(frozen=True, slots=True)
class DiagnosedRequest:
    """A failed request; *api* is None if there was none or it was deleted, *endpoint* is empty if it was removed."""

    call: FailedCall
    api: ApiNames | None
    endpoint: str


ALL = FailureFilter()
COUNT_LIMIT = 100


def list_failures(
    context: Context, failures: Failures, failure_filter: FailureFilter = ALL, offset: int = 0, limit: int | None = None
) -> FailurePage:
    """Return a page of failures at current endpoints, those that began last first."""
    backends = find_failing(context, failures)
    matching = [backend for backend in backends if failure_filter.matches(backend)]
    names_by_id = {backend.api.id: backend.api for backend in backends}
    return FailurePage(
        matching[offset:][:limit],
        len(matching),
        sorted(names_by_id.values(), key=lambda api: (api.name, api.version)),
        sorted({backend.failure.cause for backend in backends}),
        sorted({backend.failure.latest.gateway for backend in backends}),
    )


def find_failing(context: Context, failures: Failures) -> list[FailingBackend]:
    """Return all failures at current endpoints, those that began last first."""
    context.user.require(Permission.VIEW_APIS)
    return _name_backends(context, failures)


def _name_backends(context: Context, failures: Failures, limit: int | None = None) -> list[FailingBackend]:
    last_failures = failures.list_of_organization(context.user.organization)[:limit]
    if not last_failures:
        return []
    with context.read() as session:
        names_by_id = apis.list_names(
            session, context.user.organization, {failure.latest.api_id for failure in last_failures}
        )
        group_apis = _read_groups(session, context, (failure.latest for failure in last_failures))
        acknowledgements = read_acknowledgements(session, context)
    return [
        FailingBackend(api, endpoint, failure, find_acknowledgement(acknowledgements, failure))
        for failure in last_failures
        if (api := names_by_id.get(failure.latest.api_id))
        and (endpoint := _find_endpoint(failure.latest, api, group_apis))
    ]


def count_open(context: Context, failures: Failures) -> int:
    """Return the number of failures that nobody has acknowledged, among the newest COUNT_LIMIT: every page shows it."""
    context.user.require(Permission.VIEW_APIS)
    return sum(not backend.acknowledgement for backend in _name_backends(context, failures, limit=COUNT_LIMIT))


def find_request(
    context: Context, failures: Failures, others: OtherRequests | None, request_id: str
) -> DiagnosedRequest:
    """Return one of the last failed requests, which *others* may know. Raises NotFound, ControlPlaneSilent."""
    context.user.require(Permission.VIEW_APIS)
    call = failures.find_request(context.user.organization, request_id)
    if call is None and others:
        context.release()
        elsewhere = others.find(context.user.organization, request_id)
        call = failures.add_probe(elsewhere) if elsewhere else None
    if call is None:
        raise NotFound("failed request", request_id)
    with context.read() as session:
        api = apis.list_names(session, context.user.organization, {call.api_id}).get(call.api_id)
        group_apis = _read_groups(session, context, [call])
    return DiagnosedRequest(call, api, _find_endpoint(call, api, group_apis) if api else "")


def name_endpoint(call: FailedCall, api: Api) -> str:
    """Return the URL of the endpoint of *api* that failed; its origin if only a deployed revision has it."""
    endpoint = api.find_member(call.environment, call.member) if call.environment else None
    return endpoint.url if endpoint else call.member


def _read_groups(session: Session, context: Context, calls: Iterable[FailedCall]) -> dict[str, Api]:
    """Return the APIs of *calls* that failed at a member of a group, by id."""
    api_ids = {call.api_id for call in calls if call.member}
    return {api.id: api for api in apis.list_with_ids(session, context.user.organization, api_ids)} if api_ids else {}


def _find_endpoint(call: FailedCall, names: ApiNames, group_apis: Mapping[str, Api]) -> str:
    """Return the URL of the endpoint that failed; empty if it was removed."""
    if call.member and (api := group_apis.get(call.api_id)):
        return name_endpoint(call, api)
    return (names.production if call.environment == "production" else names.sandbox) or ""
