"""
Presented certificates on the Endpoints page of an API.
"""

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS
from holdfast.apis.watch.watched_endpoint import WatchedEndpoint
from holdfast.services.access.context import Context
from holdfast.services.watch.watched_endpoints import find_watched


def read_presented(context: Context, api: Api) -> dict[str, WatchedEndpoint]:
    """
    Return what is known about the backends of *api*.

    Keys are those of the page: the environment for its first endpoint, such as `sandbox`, and `sandbox-1` for the next.
    """
    origins = {
        f"{environment}-{index}" if index else environment: str(member.endpoint.origin)
        for environment in ENVIRONMENTS
        for index, member in enumerate(api.members(environment))
    }
    watched = find_watched(context, set(origins.values()))
    return {key: watched[origin] for key, origin in origins.items() if origin in watched}
