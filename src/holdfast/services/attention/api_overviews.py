"""
The list of APIs, with the health of each and its certificates.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from holdfast.apis.catalog.api import Api
from holdfast.apis.watch.watched_endpoint import WatchStatus
from holdfast.certificates.validity import EXPIRING_WITHIN
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.failures.failures import Failures
from holdfast.services.inventory.completion import complete_facts
from holdfast.services.watch.watched_endpoints import find_problems
from holdfast.store.catalog import api_overviews
from holdfast.store.catalog.api_overviews import OverviewFilter, Show, Sort, TrustedAt
from holdfast.store.trust import trust_settings


class Health(StrEnum):
    """The state of an API's backends; the worst of its endpoints counts."""

    FAILING = "failing"
    UNVERIFIED = "unverified"
    NOT_TRUSTED = "not-trusted"  # gateways would reject what the backend presented at the last check
    UNREACHABLE = "unreachable"  # at the last check
    PLAIN = "plain"  # called over http
    WITHOUT_ENDPOINT = "without-endpoint"
    NOT_LIVE = "not-live"
    NO_FAILURES = "no-failures"  # gateways don't report successes, so nothing better can be said


@dataclass(frozen=True, slots=True)
class ApiOverview:
    """
    An API, its health, and how many certificates are imported for its endpoints.

    *cause* is the code of the last failure or check. *expires_at* is the first expiry of these certificates, None
    without any.
    """

    api: Api
    health: Health
    cause: str | None
    certificates: int
    expires_at: datetime | None


def list_overviews(
    context: Context,
    failures: Failures,
    query: str = "",
    show: Show = Show.ALL,
    sort: Sort = Sort.NAME,
    *,
    descending: bool = False,
    offset: int = 0,
    limit: int | None = None,
) -> tuple[list[ApiOverview], int]:
    """Return a page of the APIs that match *query* and *show*, and the number of all matches."""
    context.user.require(Permission.VIEW_APIS)
    organization = context.user.organization
    complete_facts(context.store, organization)
    causes = failures.list_causes(organization)
    with context.read() as session:
        exceptions = trust_settings.list_with_exception(session, organization, context.now)
        exception_origins = {settings.origin for settings in exceptions}
        expiring = context.now + EXPIRING_WITHIN
        overview_filter = OverviewFilter(query, show, causes, exception_origins, expiring, context.now)
        page, total = api_overviews.find(
            session, organization, overview_filter, sort, descending=descending, offset=offset, limit=limit
        )
        origins = {str(endpoint.origin) for api in page for endpoint in api.endpoints}
        certificates = api_overviews.list_trusted_at(session, organization, origins)
    problems = find_problems(context, origins)
    return [_describe(api, causes.get(api.id), exception_origins, problems, certificates) for api in page], total


def _describe(
    api: Api,
    cause: str | None,
    exception_origins: Collection[str],
    problems: Mapping[str, tuple[WatchStatus, str]],
    certificates: Mapping[str, TrustedAt],
) -> ApiOverview:
    origins = {endpoint.origin for endpoint in api.endpoints}
    own = [certificates[str(origin)] for origin in origins if str(origin) in certificates]
    # NOT_TRUSTED comes before UNREACHABLE.
    problem = min((problems[str(origin)] for origin in origins if str(origin) in problems), default=None)
    if not origins:
        health = Health.WITHOUT_ENDPOINT
    elif cause:
        health = Health.FAILING
    elif any(str(origin) in exception_origins for origin in origins):
        health = Health.UNVERIFIED
    elif not api.state.is_served:
        health = Health.NOT_LIVE
    elif problem:
        status, cause = problem
        health = Health.NOT_TRUSTED if status is WatchStatus.NOT_TRUSTED else Health.UNREACHABLE
    elif any(not origin.is_secure for origin in origins):
        health = Health.PLAIN
    else:
        health = Health.NO_FAILURES
    expires_at = min((overview.expires_at for overview in own), default=None)
    return ApiOverview(api, health, cause, sum(overview.count for overview in own), expires_at)
