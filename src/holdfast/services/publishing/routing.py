"""
Whether gateways serve the current state of an API, or no longer serve one that was deleted or retired.
"""

from holdfast.apis.catalog.api import build_path, check_context, check_version
from holdfast.apis.enforcement import Enforcement, Progress
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.store.catalog import apis, revisions

_WORST_FIRST = (Progress.UNUSABLE, Progress.REFUSED, Progress.NO_GATEWAY, Progress.WAITING, Progress.NOT_SERVED)


def find_enforcement(context: Context, enforcements: Enforcements, path: str, version: str) -> Enforcement:
    """
    Return the progress of an API's last change at the gateways: its routes, and the trust of its origins.

    If the API doesn't exist, the change is enforced once no gateway has routes to it.

    Raises:
        InvalidField: *path* isn't the context of an API, or *version* isn't a version.
    """
    context.user.require(Permission.VIEW_APIS)
    path, version = check_context(path), check_version(version)
    routes = enforcements.find_of_path(context, build_path(context.user.organization, path, version))
    with context.read() as session:
        candidates = apis.list_with_context(session, context.user.organization, path)
        live = [api for api in candidates if api.version == version and api.state.is_served]
        variants = revisions.list_deployed(session, context.user.organization, live)
    origins = {str(endpoint.origin) for api in variants for endpoint in api.endpoints}
    parts = [routes, *enforcements.find_by_origin(context, origins).values()]
    return next(
        (enforcement for progress in _WORST_FIRST for enforcement in parts if enforcement.progress is progress), routes
    )
