"""
Presented certificates on the Endpoints page of an API.
"""

from holdfast.apis.catalog.api import Api
from holdfast.apis.watch.watched_endpoint import WatchedEndpoint
from holdfast.services.access.context import Context
from holdfast.services.watch.watched_endpoints import find_watched
from holdfast.web.members import list_members


def read_watched_endpoints(context: Context, api: Api) -> dict[str, WatchedEndpoint]:
    """
    Return what is known about the backends of *api*.

    Keys are the names of `list_members`.
    """
    origins = {name: str(endpoint.origin) for name, (_, endpoint) in list_members(api).items()}
    by_origin = find_watched(context, set(origins.values()))
    return {key: by_origin[origin] for key, origin in origins.items() if origin in by_origin}
