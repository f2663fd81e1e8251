"""
Backends that fail.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import Environment
from holdfast.apis.notifications.event import DAMPING, Condition, EventKind, EventSeverity, Wording
from holdfast.gateway.failures.causes import CERTIFICATE_CAUSES, TOKEN_CAUSES, Cause
from holdfast.services.failures.failure import Failure
from holdfast.services.failures.failures import Failures
from holdfast.store.catalog import apis

FAILS_FROM = 3  # failed requests
_ENOUGH_ONCE = {*CERTIFICATE_CAUSES, *TOKEN_CAUSES, Cause.STORED_DATA_UNREADABLE}  # the next request fails, too
FRESH = timedelta(minutes=1)  # after its last failed request, a backend counts as failing
KIND = EventKind.BACKEND_FAILURE
Backend = tuple[str, Environment, str]  # API, environment, origin of a group's member


def find_failing_backends(
    session: Session, failures: Failures, organization: str, now: datetime
) -> Iterator[Condition]:
    """Yield a condition for each failing backend of an organization, over all gateways."""
    by_backend: defaultdict[Backend, list[Failure]] = defaultdict(list)
    for failure in failures.list_of_organization(organization):
        if failure.latest.environment and failure.last > now - FRESH:
            by_backend[failure.latest.api_id, failure.latest.environment, failure.latest.member].append(failure)
    failing = {
        backend: group
        for backend, group in by_backend.items()
        if sum(failure.count for failure in group) >= FAILS_FROM
        or any(failure.cause in _ENOUGH_ONCE for failure in group)
    }
    apis_by_id = {api.id: api for api in apis.list_with_ids(session, organization, {api_id for api_id, *_ in failing})}
    for (api_id, environment, member), group in failing.items():
        if api_id in apis_by_id:
            yield _describe(apis_by_id[api_id], environment, member, group)


def _describe(api: Api, environment: Environment, member: str, failures: list[Failure]) -> Condition:
    latest = max(failures, key=lambda failure: failure.last)
    count, since = sum(failure.count for failure in failures), min(failure.since for failure in failures)
    gateways = sorted({failure.latest.gateway for failure in failures})
    endpoint = api.find_member(environment, member)
    where = f"at gateway {gateways[0]}" if len(gateways) == 1 else f"at {len(gateways)} gateways"
    requests = "1 request has" if count == 1 else f"{count:,} requests have"
    backend = f"{api.name} {api.version}, {environment} backend"
    minutes = round(DAMPING[KIND].ends_after.total_seconds() / 60)
    path = f"/apis/{api.id}"
    return Condition(
        f"{KIND.value}:{api.id}:{environment}" + (f":{member}" if member else ""),
        KIND,
        latest.cause.value,
        EventSeverity.CRITICAL,
        Wording(
            f"Requests fail: {backend} ({latest.cause.value})",
            f"{latest.explanation.sentence} {requests} failed {where} since {since:%Y-%m-%d %H:%M} UTC."
            + (f" Endpoint: {endpoint.loggable_url}" if endpoint else ""),
            latest.explanation.remedy,
            path,
        ),
        (f"api:{api.id}", *((f"origin:{endpoint.origin}",) if endpoint else ())),
        Wording(
            f"No more failures: {backend}",
            f"No request has failed for at least {minutes} minutes. Gateways report only failed requests, so send one "
            "to be sure.",
            "",
            path,
        ),
    )
