"""
Which version of an API gateways serve at its context without a version: WSO2's member `isDefaultVersion`.

At most one version with a context is the default. Until it is published, gateways continue to serve the version that
was the default before, so that the path works while a new version is prepared.
"""

from dataclasses import replace

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api, build_path
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog.change_records import record
from holdfast.services.catalog.endpoints import describe_endpoints
from holdfast.services.errors import Conflict
from holdfast.store.audit import Action, ApiChange
from holdfast.store.catalog import api_documents, apis

MEMBER = "isDefaultVersion"


def refuse_taken_path(session: Session, api: Api) -> None:
    """Raise Conflict if a path of *api* is one of another API: `/a/b` without a version, or version `b` of `/a`."""
    parent, _, last = api.context.rpartition("/")
    if api.is_default and parent:
        for other in apis.list_with_context(session, api.organization, parent):
            if other.version == last:
                text = f"The path {api.context} is already used by {other.name} {other.version}."
                raise Conflict(MEMBER, text)
    for other in apis.list_with_context(session, api.organization, f"{api.context}/{api.version}"):
        if other.is_default:
            path = build_path(api.organization, api.context, api.version)
            raise Conflict("version", f"The path {path} is already used by the default version of {other.name}.")


def find_fallback(context: Context, api: Api) -> Api | None:
    """Return the version that gets requests for *api* when gateways don't serve it; None if they get 404."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        versions = apis.list_with_context(session, api.organization, api.context)
    return next(
        (version for version in versions if version.has_short_path and version.state.is_live and version.id != api.id),
        None,
    )


def settle_versions(session: Session, context: Context, api: Api) -> Api:
    """
    Decide which version is the default, and which one has the path without a version, after *api* was changed.

    It was saved already, or deleted. Returns it as it is then, and records the other versions that are changed by this.
    """
    after, others = _settle(session, api)
    for other in others:
        endpoints = describe_endpoints(other)
        record(session, context, Action.CHANGE_API, other, ApiChange(endpoints, endpoints, members=(MEMBER,)))
    return after


def _settle(session: Session, api: Api) -> tuple[Api, list[Api]]:
    """Return *api* and the other versions that are different after its change."""
    versions = {version.id: version for version in apis.list_with_context(session, api.organization, api.context)}
    others = [version for version in versions.values() if version.id != api.id]
    before = next((version for version in versions.values() if version.has_short_path and version.state.is_live), None)
    default = api if api.is_default and api.id in versions else None
    default = default or next((version for version in others if version.is_default), None)
    if default is None and before and before.id != api.id:
        default = before
    with_path = default if default and default.state.is_live else before if default else None
    default_id, path_id = default and default.id, with_path and with_path.id
    after = [
        replace(version, is_default=version.id == default_id, has_short_path=version.id == path_id)
        for version in versions.values()
    ]
    # The one that loses the path comes first: two can't have it, even for a moment.
    for version in sorted(after, key=lambda version: version.has_short_path):
        if version != versions[version.id]:
            _save(session, version, was_default=versions[version.id].is_default)
    different = [version for version in after if version.id != api.id and version != versions[version.id]]
    return next((version for version in after if version.id == api.id), api), different


def _save(session: Session, api: Api, *, was_default: bool) -> None:
    apis.update(session, api)
    if api.is_default != was_default:
        members = api_documents.list_members(session, api.organization, [api.id]).get(api.id, {})
        api_documents.save_members(session, api, {**members, MEMBER: api.is_default})
