"""
The origins that gateways use only because of deployed revisions.
"""

from holdfast.apis.catalog.api import Api
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.store.catalog import revisions


def list_revision_origins(context: Context, api: Api) -> dict[str, list[int]]:
    """Return the origins that deployed revisions of *api* have and its working copy hasn't, with their numbers."""
    context.user.require(Permission.VIEW_APIS)
    if not api.pinned:
        return {}
    own = {str(endpoint.origin) for endpoint in api.endpoints}
    with context.read() as session:
        variants = revisions.list_deployed(session, context.user.organization, [api])
    numbers: dict[str, list[int]] = {}
    for variant in sorted((variant for variant in variants if variant.revision), key=lambda variant: variant.revision):
        for origin in sorted({str(endpoint.origin) for endpoint in variant.endpoints} - own):
            numbers.setdefault(origin, []).append(variant.revision)
    return numbers
