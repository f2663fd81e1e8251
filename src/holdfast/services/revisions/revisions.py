"""
Revisions of an API: create, list, restore and delete them.
"""

import uuid
from dataclasses import replace

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.description import FullApi
from holdfast.apis.catalog.members import check_members
from holdfast.apis.catalog.revision import (
    MAX_REVISIONS,
    Revision,
    RevisionContent,
    check_revision_description,
    keep_current,
)
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog.apis import find_api, find_full_api
from holdfast.services.catalog.change_records import record
from holdfast.services.catalog.endpoint_security import keep_for_revisions, restore_security
from holdfast.services.catalog.prototypes import save_definition
from holdfast.services.catalog.saving import save_full_api
from holdfast.services.errors import Conflict, NotFound, TooManyRevisions
from holdfast.store.audit import Action, RevisionOf
from holdfast.store.catalog import api_documents, apis, revisions


def create_revision(context: Context, api_id: str, description: str = "") -> Revision:
    """
    Create a revision: a copy of the API as it is now.

    Raises:
        NotFound: The API doesn't exist.
        InvalidField: The description is invalid.
        TooManyRevisions: The API has MAX_REVISIONS.
    """
    context.user.require(Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    description = check_revision_description(description)
    with context.write() as session:
        return add_revision(session, context, find_api(session, context, api_id), description)


def add_revision(session: Session, context: Context, api: Api, description: str = "") -> Revision:
    """Create a revision of *api*, in the caller's transaction. Raises TooManyRevisions."""
    if revisions.count(session, api) >= MAX_REVISIONS:
        raise TooManyRevisions(f"{api.name} {api.version}", MAX_REVISIONS)
    revision = Revision(
        str(uuid.uuid4()),
        api.id,
        api.organization,
        revisions.take_number(session, api),
        description,
        context.user.name,
        context.now,
    )
    revisions.insert(session, revision, read_working_copy(session, api))
    record(session, context, Action.CREATE_REVISION, api, RevisionOf(revision.number, description=description))
    return revision


def read_working_copy(session: Session, api: Api) -> RevisionContent:
    """Return what a revision of *api* would keep."""
    members = api_documents.list_members(session, api.organization, [api.id]).get(api.id, {})
    definition = api_documents.get_definition(session, api.organization, api.id)
    return RevisionContent(revisions.write_settings(api), keep_current(members, {}), definition)


def list_revisions(context: Context, api_id: str) -> list[Revision]:
    """Return the revisions of an API, the oldest first. Raises NotFound."""
    context.user.require(Permission.VIEW_APIS, Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    with context.read() as session:
        api = find_api(session, context, api_id)
        return revisions.list_of_api(session, api.organization, api.id)


def get_revision(context: Context, api_id: str, revision_id: str) -> Revision:
    """Return a revision of an API. Raises NotFound."""
    context.user.require(Permission.VIEW_APIS, Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    with context.read() as session:
        return find_revision(session, context, find_api(session, context, api_id), revision_id)


def find_revision(session: Session, context: Context, api: Api, revision_id: str) -> Revision:
    """Return a revision of *api*, in the caller's transaction. Raises NotFound."""
    revision = revisions.get(session, context.user.organization, revision_id)
    if revision is None or revision.api_id != api.id:
        raise NotFound("revision", revision_id)
    return revision


def find_number(session: Session, api: Api, number: int) -> Revision:
    """Return the revision of *api* with this number, in the caller's transaction. Raises NotFound."""
    for revision in revisions.list_of_api(session, api.organization, api.id):
        if revision.number == number:
            return revision
    raise NotFound("revision", str(number))


def get_as_api(context: Context, revision_id: str) -> FullApi | None:
    """Return an API as one of its revisions has it; None if the revision doesn't exist."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        revision = revisions.get(session, context.user.organization, revision_id)
        if revision is None:
            return None
        return describe_revision(session, revision, find_full_api(session, context, revision.api_id))


def describe_revision(session: Session, revision: Revision, current: FullApi) -> FullApi:
    """Return the API as *revision* has it; *current* is the working copy."""
    content = revisions.get_content(session, revision)
    api = replace(revisions.apply_settings(current.api, content.settings), revision=revision.number)
    return FullApi(api, keep_current(content.members, current.members))


def delete_revision(context: Context, api_id: str, revision_id: str) -> None:
    """
    Delete a revision.

    Raises:
        NotFound: The API or the revision doesn't exist.
        Conflict: The revision is deployed.
    """
    context.user.require(Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    with context.write() as session:
        api = find_api(session, context, api_id)
        revision = find_revision(session, context, api, revision_id)
        places = sorted(group for group, pinned_id in api.pinned if pinned_id == revision.id)
        if places:
            text = (
                f"{revision.name} is deployed to {', '.join(places)}. Undeploy it, or deploy another one there, first."
            )
            raise Conflict("revisionId", text)
        remove_revision(session, context, api, revision)


def remove_revision(session: Session, context: Context, api: Api, revision: Revision) -> None:
    """Delete a revision that isn't deployed, and secrets that only it needed, in the caller's transaction."""
    revisions.remove(session, revision)
    if api.kept_security:
        apis.update(session, keep_for_revisions(api, api, revisions.list_origins(session, api)))
    record(session, context, Action.DELETE_REVISION, api, RevisionOf(revision.number))


def restore_revision(context: Context, api_id: str, revision_id: str) -> FullApi:
    """
    Replace the working copy of an API with a revision; return it as stored.

    What gateways serve changes only where the working copy itself is deployed.

    Raises:
        NotFound: The API or the revision doesn't exist.
        InvalidField: What the revision has is no longer allowed.
    """
    context.user.require(Permission.CHANGE_APIS)
    with context.write() as session:
        before = find_full_api(session, context, api_id)
        revision = find_revision(session, context, before.api, revision_id)
        content = revisions.get_content(session, revision)
        api = restore_security(revisions.apply_settings(before.api, content.settings))
        api = replace(api, updated_at=context.now)
        after = FullApi(api, check_members(keep_current(content.members, before.members)))
        record(session, context, Action.RESTORE_REVISION, api, RevisionOf(revision.number))
        after = save_full_api(session, context, before, after)
        return save_definition(session, after, content.definition)
