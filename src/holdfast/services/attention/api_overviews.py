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
from holdfast.store import api_origins
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

    *causes* has all that is true of its health, the worst first, with the code of the last failure or check if there is
    one. *expires_at* is the first expiry of these certificates, None without any.
    """

    api: Api
    causes: Mapping[Health, str | None]
    certificates: int
    expires_at: datetime | None

    @property
    def health(self) -> Health:
        """The worst that is true."""
        return next(iter(self.causes))

    @property
    def cause(self) -> str | None:
        """The code of the last failure or check that its health is about."""
        return self.causes[self.health]


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
        further_origins = api_origins.list_by_api(session, organization, [api.id for api in page])
        origins = {str(endpoint.origin) for api in page for endpoint in api.endpoints}.union(*further_origins.values())
        certificates = api_overviews.list_trusted_at(session, organization, origins)
    problems = find_problems(context, origins)
    overviews = [
        _describe(api, causes.get(api.id), further_origins.get(api.id, ()), exception_origins, problems, certificates)
        for api in page
    ]
    return overviews, total


def _describe(
    api: Api,
    cause: str | None,
    further_origins: Collection[str],
    exception_origins: Collection[str],
    problems: Mapping[str, tuple[WatchStatus, str]],
    certificates: Mapping[str, TrustedAt],
) -> ApiOverview:
    endpoint_origins = {endpoint.origin for endpoint in api.endpoints}
    own = [certificates[str(origin)] for origin in endpoint_origins if str(origin) in certificates]
    origins = {str(origin) for origin in endpoint_origins} | set(further_origins)
    codes = dict(sorted((problems[origin] for origin in origins if origin in problems), reverse=True))
    problem_codes = {
        Health.NOT_TRUSTED: codes.get(WatchStatus.NOT_TRUSTED),
        Health.UNREACHABLE: codes.get(WatchStatus.UNREACHABLE),
    }
    conditions: dict[Health, str | bool | None] = {  # the worst first
        Health.WITHOUT_ENDPOINT: not endpoint_origins,
        Health.FAILING: cause,
        Health.UNVERIFIED: not origins.isdisjoint(exception_origins),
        Health.NOT_LIVE: not api.state.is_served,
        **(problem_codes if api.state.is_served else {}),
        Health.PLAIN: any(not origin.is_secure for origin in endpoint_origins),
    }
    causes = {health: value if isinstance(value, str) else None for health, value in conditions.items() if value}
    expires_at = min((overview.expires_at for overview in own), default=None)
    return ApiOverview(api, causes or {Health.NO_FAILURES: None}, sum(overview.count for overview in own), expires_at)
