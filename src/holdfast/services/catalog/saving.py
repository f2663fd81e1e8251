"""
Saving APIs that were checked, with everything that follows from their values.
"""

from dataclasses import replace

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import build_short_path
from holdfast.apis.catalog.api_types import get_type, refuse_unreachable_type, refuse_unserved_type
from holdfast.apis.catalog.description import FullApi
from holdfast.apis.catalog.prototype import check_implementation
from holdfast.apis.catalog.request_rules import read_request_rules
from holdfast.services.access.context import Context
from holdfast.services.catalog.caller_requirements import apply_requirements
from holdfast.services.catalog.change_records import describe_change, record
from holdfast.services.catalog.contexts import refuse_conflict
from holdfast.services.catalog.default_versions import MEMBER as DEFAULT_MEMBER
from holdfast.services.catalog.default_versions import refuse_taken_path, settle_versions
from holdfast.services.catalog.deployments import apply_deployment
from holdfast.services.catalog.endpoint_security import (
    NO_USES,
    Uses,
    bind_secrets,
)
from holdfast.services.catalog.endpoints import (
    describe_endpoints,
)
from holdfast.services.catalog.http1_fallback import forget_http1
from holdfast.services.catalog.old_control_planes import refuse_ignored_priorities
from holdfast.services.catalog.prototypes import settle_mocks
from holdfast.store.audit import Action, ApiEndpoints
from holdfast.store.catalog import api_documents, apis, revisions


def add_api(
    session: Session,
    context: Context,
    full_api: FullApi,
    action: Action = Action.CREATE_API,
    original: FullApi | None = None,
) -> FullApi:
    """
    Add a checked API, which may be a copy of *original*, in the caller's transaction; return it as stored.

    Raises Conflict, InvalidField, MutualTlsMissing, OldControlPlanes.
    """
    refuse_conflict(session, full_api.api)
    full_api = _apply_members(session, context, original, full_api)
    api = full_api.api
    refuse_taken_path(session, api)
    apis.insert(session, api)
    if full_api.members:
        api_documents.save_members(session, api, full_api.members)
    record(session, context, action, api, ApiEndpoints(describe_endpoints(api)))
    full_api = replace(full_api, api=settle_versions(session, context, api))
    return replace(full_api, api=settle_mocks(session, full_api))


def save_full_api(
    session: Session,
    context: Context,
    before: FullApi,
    after: FullApi,
) -> FullApi:
    """
    Save an API that was changed and checked, in the caller's transaction; return it as stored.

    Raises:
        InvalidField: Its caller certificates would no longer protect it, a group doesn't exist, or it is served and
            would get a type that no gateway serves.
        NotPermitted: It is served, and the user can't change where it is deployed.
        MutualTlsMissing: It would require caller certificates, but no gateway requests them.
        OldControlPlanes: A control plane of an earlier version would ignore the priorities of its endpoints.
    """
    after = _apply_members(session, context, before, after)
    if after.api.state.is_live and (api_type := get_type(after.members)) != get_type(before.members):
        refuse_unserved_type(api_type)
    if after.api.is_default != before.api.is_default:
        refuse_taken_path(session, after.api)
    apis.update(session, after.api)
    forget_http1(session, before.api, after.api, context.now)
    if after.members != before.members:
        api_documents.save_members(session, after.api, after.members)
    record(session, context, Action.CHANGE_API, after.api, describe_change(before, after))
    after = replace(after, api=settle_versions(session, context, after.api))
    return replace(after, api=settle_mocks(session, after))


def _apply_members(session: Session, context: Context, before: FullApi | None, after: FullApi) -> FullApi:
    """Return *after* with the values of the API that its members decide."""
    check_implementation(before.members if before else {}, after.members)
    refuse_unreachable_type(get_type(after.members), build_short_path(after.api.organization, ""))
    refuse_ignored_priorities(session, after.api)
    after = replace(
        after, api=bind_secrets(after.api, before.api if before else None, _list_uses(session, before, after))
    )
    after = apply_deployment(session, context, before, apply_requirements(session, context, before, after))
    is_default = after.members.get(DEFAULT_MEMBER) is True
    if before and before.api.id == after.api.id and before.members.get(DEFAULT_MEMBER) is is_default:
        is_default = before.api.is_default  # the migration chose one of several that claimed to be the default
    api = replace(after.api, is_default=is_default, rules=read_request_rules(after.members))
    return replace(after, api=api)


def _list_uses(session: Session, before: FullApi | None, after: FullApi) -> Uses:
    """Return the origins of revisions, if endpoint security must be kept for them."""
    has_secrets = before and (before.api.kept_security or any(endpoint.security for endpoint in before.api.endpoints))
    return revisions.list_origins(session, after.api) if has_secrets else NO_USES
