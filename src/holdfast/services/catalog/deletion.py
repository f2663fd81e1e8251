"""
Deletes APIs, and optionally the trust that no other API uses.
"""

from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog.apis import find_full_api
from holdfast.services.catalog.change_records import record
from holdfast.services.catalog.default_versions import settle_versions
from holdfast.services.catalog.endpoints import describe_endpoints
from holdfast.services.trust.unused_trust import TrustOutcome, list_used_origins, settle
from holdfast.services.versions import Expected, check_expected, make_api_tag
from holdfast.store.audit import Action, ApiEndpoints
from holdfast.store.catalog import apis


def delete_api(
    context: Context,
    api_id: str,
    expected: Expected = None,
    *,
    delete_unused: bool = False,
) -> TrustOutcome:
    """
    Delete an API; return the trust that no API uses because of it.

    That trust belongs to the endpoint and stays, unless *delete_unused*. Raises NotFound, ContentChanged.
    """
    context.user.require(Permission.DELETE_APIS)
    with context.write() as session:
        full_api = find_full_api(session, context, api_id)
        check_expected(expected, make_api_tag(full_api))
        origins = list_used_origins(session, full_api.api)
        apis.remove(session, full_api.api)
        record(session, context, Action.DELETE_API, full_api.api, ApiEndpoints(describe_endpoints(full_api.api)))
        settle_versions(session, context, full_api.api)
        return settle(session, context, origins, delete=delete_unused)
