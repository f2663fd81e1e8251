"""
Deployments: which revision each group of gateways serves.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.description import FullApi
from holdfast.apis.catalog.revision import Revision
from holdfast.apis.errors import InvalidField
from holdfast.apis.gateways.group import Group
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog.apis import find_api, find_full_api
from holdfast.services.catalog.change_records import record
from holdfast.services.catalog.deployments import MEMBER, read_groups
from holdfast.services.catalog.old_control_planes import refuse_old_control_planes
from holdfast.services.errors import NotFound
from holdfast.services.revisions.revisions import describe_revision, find_number, find_revision
from holdfast.store import api_origins
from holdfast.store.api_origins import OriginSource
from holdfast.store.audit import Action, RevisionOf
from holdfast.store.catalog import api_documents, apis, deployments, revisions
from holdfast.store.catalog.deployments import RevisionDeployment
from holdfast.store.gateways import groups

KNOWS_REVISIONS = "0041"  # the first revision of the tables whose code serves revisions of APIs


def list_deployments(context: Context, api_id: str) -> list[RevisionDeployment]:
    """Return which revisions are deployed to which groups, by group. Raises NotFound."""
    context.user.require(Permission.VIEW_APIS, Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    with context.read() as session:
        api = find_api(session, context, api_id)
        return deployments.list_revisions(session, api.organization, api.id)


def find_places(context: Context, api_id: str) -> tuple[Api, Sequence[Group]]:
    """Return an API, and the groups that can serve it. Raises NotFound."""
    context.user.require(Permission.VIEW_APIS, Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    with context.read() as session:
        return find_api(session, context, api_id), groups.list_all(session)


def read_revision(context: Context, api_id: str, number: int | None) -> tuple[FullApi, str | None, dict[str, bool]]:
    """
    Return an API as a revision has it, the definition as JSON, and the groups that serve it (*None*: the newest one).

    The groups have the values that `deploy_revision` takes. Raises NotFound.
    """
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        current = find_full_api(session, context, api_id)
        api = current.api
        all_revisions = revisions.list_of_api(session, api.organization, api.id)
        if number is None and not all_revisions:
            raise NotFound("revision of API", api_id)
        revision = find_number(session, api, number) if number is not None else all_revisions[-1]
        serving = deployments.list_revisions(session, api.organization, api.id)
        places = {
            deployment.group: deployment.display_on_devportal
            for deployment in serving
            if deployment.revision_id == revision.id
        }
        definition = revisions.get_content(session, revision).definition
        return describe_revision(session, revision, current), definition, places


def deploy_revision(
    context: Context, api_id: str, revision_id: str, displays: Mapping[str, bool]
) -> list[RevisionDeployment]:
    """
    Let groups of gateways serve a revision, instead of what they served before; return all deployments of revisions.

    *displays* has the names of groups, and for each whether WSO2's developer portal should show it. If the API isn't
    served yet, its working copy isn't deployed anywhere anymore: as in WSO2, it then is only where it was deployed.

    Raises:
        NotFound: The API or the revision doesn't exist.
        InvalidField: A group doesn't exist, or there is none.
        NotPermitted: The API is served, and the user isn't a publisher.
        OldControlPlanes: A control plane of an earlier version would serve the working copy instead.
    """
    with context.write() as session:
        before = find_full_api(session, context, api_id)
        require_right(context, before)
        revision = find_revision(session, context, before.api, revision_id)
        return deploy(session, context, before, revision, displays)


def deploy(
    session: Session, context: Context, before: FullApi, revision: Revision, displays: Mapping[str, bool]
) -> list[RevisionDeployment]:
    """Deploy a revision, in the caller's transaction. Raises InvalidField, OldControlPlanes."""
    chosen = read_groups(list(displays), groups.list_names(session))
    refuse_old_control_planes(
        session,
        KNOWS_REVISIONS,
        problem="Revisions can't be deployed",
        effect="it would let its gateways serve the working copy",
    )
    api = before.api
    revision_groups = frozenset(group for group, _ in api.pinned)
    current_groups = api.groups if api.state.is_live else revision_groups
    _save_groups(session, before, current_groups | chosen)
    for group in sorted(chosen):
        is_displayed = displays.get(group, True)
        deployments.pin(session, api, group, revision.id, context.now, display_on_devportal=is_displayed)
    _save_origins(session, api)
    earlier = {number for group, number in _list_numbers(session, before).items() if group in chosen}
    details = RevisionOf(revision.number, tuple(sorted(chosen)), tuple(sorted(earlier - {revision.number})))
    record(session, context, Action.DEPLOY_REVISION, api, details)
    return deployments.list_revisions(session, api.organization, api.id)


def undeploy_revision(
    context: Context,
    api_id: str,
    *,
    revision_id: str | None = None,
    number: int | None = None,
    group_names: Collection[str] | None,
) -> list[RevisionDeployment]:
    """
    Stop serving a revision, given by id or number, at groups of gateways (None: at all); return what is still deployed.

    Groups that don't serve it are left alone.

    Raises:
        NotFound: The API or the revision doesn't exist.
        InvalidField: A group doesn't exist, or there is none.
        NotPermitted: The API is served, and the user isn't a publisher.
    """
    with context.write() as session:
        before = find_full_api(session, context, api_id)
        require_right(context, before)
        api = before.api
        if revision_id:
            revision = find_revision(session, context, api, revision_id)
        elif number is not None:
            revision = find_number(session, api, number)
        else:
            raise InvalidField("revisionId", "Name the revision: its revisionId or its revisionNumber.")
        serving = {group for group, pinned_id in api.pinned if pinned_id == revision.id}
        if group_names is not None:
            serving &= read_groups(list(group_names), groups.list_names(session))
        undeploy(session, context, before, revision, serving)
        return deployments.list_revisions(session, api.organization, api.id)


def undeploy(session: Session, context: Context, before: FullApi, revision: Revision, serving: Collection[str]) -> None:
    """Stop serving a revision at the groups *serving*, in the caller's transaction."""
    if serving:
        _save_groups(session, before, before.api.groups.difference(serving))
        _save_origins(session, before.api)
        details = RevisionOf(revision.number, tuple(sorted(serving)))
        record(session, context, Action.UNDEPLOY_REVISION, before.api, details)


def update_deployment(context: Context, api_id: str, group: str, *, display_on_devportal: bool) -> RevisionDeployment:
    """Change whether WSO2's developer portal should show a deployment; that is only stored. Raises NotFound."""
    context.user.require(Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    with context.write() as session:
        api = find_api(session, context, api_id)
        for candidate in deployments.list_revisions(session, api.organization, api.id):
            if candidate.group == group:
                deployments.pin(
                    session, api, group, candidate.revision_id, candidate.at, display_on_devportal=display_on_devportal
                )
                return replace(candidate, display_on_devportal=display_on_devportal)
    raise NotFound("deployment", group)


def require_right(context: Context, full_api: FullApi) -> None:
    """Raise NotPermitted unless the user can change where an API is deployed."""
    context.user.require(Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    if full_api.api.state.is_live:
        context.user.require(Permission.PUBLISH_APIS)


def _save_groups(session: Session, before: FullApi, chosen: Collection[str]) -> None:
    """Store the groups of an API; the member of its description follows, so that sending it back changes nothing."""
    if frozenset(chosen) == before.api.groups:
        return
    deployments.replace(session, replace(before.api, groups=frozenset(chosen)))
    api_documents.save_members(session, before.api, {**before.members, MEMBER: sorted(chosen)})


def _save_origins(session: Session, before: Api) -> None:
    """Store the origins of deployed revisions, so that trust there counts as used, is watched and reaches gateways."""
    after = apis.list_with_ids(session, before.organization, [before.id])
    variants = (api for api in revisions.list_deployed(session, before.organization, after) if api.revision)
    origins = {str(endpoint.origin) for api in variants for endpoint in api.endpoints}
    api_origins.replace(session, before.organization, before.id, OriginSource.REVISION, origins)


def _list_numbers(session: Session, before: FullApi) -> dict[str, int]:
    all_revisions: Sequence[Revision] = revisions.list_of_api(session, before.api.organization, before.api.id)
    numbers = {revision.id: revision.number for revision in all_revisions}
    return {group: numbers[revision_id] for group, revision_id in before.api.pinned if revision_id in numbers}
