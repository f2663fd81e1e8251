"""
Whether gateways serve an API as it is now, or, when it is deleted or retired, no longer.
"""

from holdfast.apis.catalog.api import check_context, check_version, path_of
from holdfast.apis.enforcement import Enforcement, Progress
from holdfast.services.access.permissions import Permission
from holdfast.services.access.principal import Principal
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.store.catalog import apis
from holdfast.store.database import Store

_WORST_FIRST = (Progress.REFUSED, Progress.NO_GATEWAY, Progress.WAITING, Progress.NOT_SERVED)


def enforcement_of(store: Store, enforcements: Enforcements, who: Principal, context: str, version: str) -> Enforcement:
    """
    Say how far the last change of an API has come at the gateways: its routes, and how its backends are reached.

    It is enforced, too, where there is no such API (any more) and no gateway has routes to it.

    Raises:
        InvalidField: *context* or *version* is not one.
    """
    who.require(Permission.VIEW_APIS)
    context, version = check_context(context), check_version(version)
    routes = enforcements.of_path(path_of(who.organization, context, version))
    with store.read() as session:
        found = apis.sharing_name_or_context(session, who.organization, "", context)
    served = [api for api in found if api.version == version and api.state.is_served]
    origins = {str(endpoint.origin) for api in served for endpoint in api.endpoints}
    every = [routes, *enforcements.of_origins(who.organization, origins).values()]
    return next((each for progress in _WORST_FIRST for each in every if each.progress is progress), routes)
