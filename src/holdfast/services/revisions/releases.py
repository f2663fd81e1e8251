"""
A new revision of an API that is deployed at once, as an import does.
"""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from holdfast.apis.catalog.description import FullApi
from holdfast.apis.catalog.revision import MAX_REVISIONS, Revision
from holdfast.services.access.context import Context
from holdfast.services.catalog.apis import find_api, find_full_api
from holdfast.services.revisions.deployments import deploy, require_right, undeploy
from holdfast.services.revisions.revisions import add_revision, remove_revision
from holdfast.store.catalog import revisions


def release_revision(
    session: Session, context: Context, api_id: str, displays: Mapping[str, bool], description: str, *, rotate: bool
) -> Revision:
    """
    Create a revision of an API and deploy it to the groups in *displays*, in the caller's transaction.

    With *rotate*, a revision is deleted if the API has MAX_REVISIONS: the oldest that isn't deployed to other groups
    or, if all are, the oldest, which is undeployed first.

    Raises:
        NotPermitted: The API is served, and the user isn't a publisher.
        TooManyRevisions: The API has MAX_REVISIONS, and *rotate* isn't set.
        InvalidField: A group doesn't exist.
        OldControlPlanes: A control plane of an earlier version would serve the working copy instead.
    """
    full_api = find_full_api(session, context, api_id)
    require_right(context, full_api)
    if rotate:
        _make_room(session, context, full_api, displays)
        full_api = find_full_api(session, context, api_id)
    revision = add_revision(session, context, full_api.api, description)
    deploy(session, context, full_api, revision, displays)
    return revision


def _make_room(session: Session, context: Context, full_api: FullApi, displays: Mapping[str, bool]) -> None:
    api = full_api.api
    all_revisions = revisions.list_of_api(session, api.organization, api.id)
    if len(all_revisions) < MAX_REVISIONS:
        return
    elsewhere = {revision_id for group, revision_id in api.pinned if group not in displays}
    oldest = next((revision for revision in all_revisions if revision.id not in elsewhere), all_revisions[0])
    serving = {group for group, revision_id in api.pinned if revision_id == oldest.id}
    undeploy(session, context, full_api, oldest, serving - displays.keys())
    # Groups in *displays* that served it get the new revision in the same transaction.
    remove_revision(session, context, find_api(session, context, api.id), oldest)
