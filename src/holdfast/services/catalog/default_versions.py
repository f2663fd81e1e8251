"""
Which version of an API gateways serve at its context without a version: WSO2's member `isDefaultVersion`.

At most one version with a context is the default. Until it is published, gateways continue to serve the version that
was the default before, so that the path works while a new version is prepared.
"""

from dataclasses import replace

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api, path_of
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
            path = path_of(api.organization, api.context, api.version)
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


def settle_versions(session: Session, context: Context, changed: Api) -> Api:
    """
    Decide which version is the default, and which one has the path without a version, after a version *changed*.

    It was saved already, or deleted. Returns it as it is then, and records the other versions that are changed by this.
    """
    settled, others = _settle(session, changed)
    for api in others:
        endpoints = describe_endpoints(api)
        record(session, context, Action.CHANGE_API, api, ApiChange(endpoints, endpoints, members=(MEMBER,)))
    return settled


def _settle(session: Session, changed: Api) -> tuple[Api, list[Api]]:
    """Return *changed* and the other versions that are different after it."""
    versions = {api.id: api for api in apis.list_with_context(session, changed.organization, changed.context)}
    others = [api for api in versions.values() if api.id != changed.id]
    before = next((api for api in versions.values() if api.has_short_path and api.state.is_live), None)
    default = changed if changed.is_default and changed.id in versions else None
    default = default or next((api for api in others if api.is_default), None)
    if default is None and before and before.id != changed.id:
        default = before
    served = default if default and default.state.is_live else before if default else None
    default_id, served_id = default and default.id, served and served.id
    after = [
        replace(api, is_default=api.id == default_id, has_short_path=api.id == served_id) for api in versions.values()
    ]
    # The one that loses the path comes first: two can't have it, even for a moment.
    for api in sorted(after, key=lambda api: api.has_short_path):
        if api != versions[api.id]:
            _save(session, api, was_default=versions[api.id].is_default)
    moved = [api for api in after if api.id != changed.id and api != versions[api.id]]
    return next((api for api in after if api.id == changed.id), changed), moved


def _save(session: Session, api: Api, *, was_default: bool) -> None:
    apis.update(session, api)
    if api.is_default != was_default:
        members = api_documents.list_members(session, api.organization, [api.id]).get(api.id, {})
        api_documents.save_members(session, api, {**members, MEMBER: api.is_default})
