"""
Whether gateways serve an API as it is now, or, when it is deleted or retired, no longer.
"""

from holdfast.apis.catalog.api import check_context, check_version, path_of
from holdfast.apis.enforcement import Enforcement, Progress
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.store.catalog import apis

_WORST_FIRST = (Progress.REFUSED, Progress.NO_GATEWAY, Progress.WAITING, Progress.NOT_SERVED)


def enforcement_of(context: Context, enforcements: Enforcements, path: str, version: str) -> Enforcement:
    """
    Say how far the last change of an API has come at the gateways: its routes, and how its backends are reached.

    It is enforced, too, where there is no such API (any more) and no gateway has routes to it.

    Raises:
        InvalidField: *path*, which is the context of an API, or *version* is not one.
    """
    context.user.require(Permission.VIEW_APIS)
    path, version = check_context(path), check_version(version)
    routes = enforcements.of_path(context, path_of(context.user.organization, path, version))
    with context.read() as session:
        candidates = apis.sharing_name_or_context(session, context.user.organization, "", path)
    served = [api for api in candidates if api.version == version and api.state.is_served]
    origins = {str(endpoint.origin) for api in served for endpoint in api.endpoints}
    parts = [routes, *enforcements.of_origins(context, origins).values()]
    return next(
        (enforcement for progress in _WORST_FIRST for enforcement in parts if enforcement.progress is progress), routes
    )
