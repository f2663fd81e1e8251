"""
Audit events about APIs, which also wake the distributor.
"""

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.description import FullApi
from holdfast.apis.catalog.member_defaults import list_changed_members
from holdfast.services.access.audit import write_down
from holdfast.services.access.context import Context
from holdfast.services.catalog.deployments import MEMBER as GROUPS_MEMBER
from holdfast.services.catalog.endpoints import describe_endpoints
from holdfast.store.audit import Action, ApiChange, Details


def describe_change(before: FullApi, after: FullApi) -> ApiChange:
    """Return the values that changed, and of stored members only the names."""
    requires = after.api.requires_certificate
    return ApiChange(
        describe_endpoints(before.api),
        describe_endpoints(after.api),
        requires if requires != before.api.requires_certificate else None,
        *_find_changed_groups(before.api, after.api),
        (before.api.description, after.api.description) if after.api.description != before.api.description else None,
        tuple(name for name in list_changed_members(before.members, after.members) if name != GROUPS_MEMBER),
    )


def _find_changed_groups(before: Api, after: Api) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Return the groups after and before, or None twice if they are the same."""
    return (
        (None, None) if after.groups == before.groups else (tuple(sorted(after.groups)), tuple(sorted(before.groups)))
    )


def name_subject(api: Api) -> str:
    """Return the subject of audit events about *api*, which stays the same as long as the API exists."""
    return f"{api.name} {api.version} ({api.id})"


def record(session: Session, context: Context, action: Action, api: Api, details: Details) -> None:
    """Write an audit event about *api*, and wake the distributor, in the caller's transaction."""
    write_down(session, context.user, context.now, action, name_subject(api), details, change=("api", api.id))
