"""
The endpoints of an API, and their failures, by the names that pages use for them.
"""

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint, Environment
from holdfast.services.failures.failure import Failure
from holdfast.services.runtime import Runtime


def list_members(api: Api) -> dict[str, tuple[Environment, Endpoint]]:
    """Return the endpoints of *api* by name: `sandbox` for the first one, `sandbox-1` for the next one of its group."""
    return {
        f"{environment}-{number}" if number else environment: (environment, member.endpoint)
        for environment in ENVIRONMENTS
        for number, member in enumerate(api.list_members(environment))
    }


def read_failures(runtime: Runtime, api: Api) -> dict[str, Failure]:
    """
    Return the last failure of each endpoint of *api* that has one, by name.

    A failure of the whole group, or of an endpoint that only a deployed revision has, is listed at the first endpoint,
    unless that has failed since.
    """
    names = {(environment, str(endpoint.origin)): name for name, (environment, endpoint) in list_members(api).items()}
    failures: dict[str, Failure] = {}
    for (environment, origin), failure in sorted(
        runtime.failures.find_by_endpoint(api).items(), key=lambda pair: pair[1].last
    ):
        failures[names.get((environment, origin), environment)] = failure
    return failures
