"""
The Deployments page of an API: its revisions, and what each gateway environment serves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.revision import MAX_REVISIONS, Revision
from holdfast.apis.enforcement import Enforcement, Progress
from holdfast.apis.gateways.group import Group
from holdfast.refusals import Refusal
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog import apis
from holdfast.services.catalog.default_versions import find_fallback
from holdfast.services.errors import NotFound
from holdfast.services.gateways.groups import list_groups
from holdfast.services.revisions import deployments, revisions
from holdfast.services.revisions.comparison import compare_revisions
from holdfast.services.runtime import Runtime
from holdfast.web import dialog, notices
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.catalog.environments import find_permission
from holdfast.web.live_events import stream_state
from holdfast.web.rendering import render, wants_part

router = APIRouter(prefix="/apis/{api_id}/deployments")
RevisionId = Annotated[str, Form(alias="revision")]


@dataclass(frozen=True, slots=True)
class Place:
    """A gateway environment, which serves a *revision* of an API, its working copy, or nothing."""

    group: Group
    is_served: bool
    revision: Revision | None
    at: datetime | None
    enforcement: Enforcement | None

    @property
    def progress(self) -> str:
        """Whether the gateways have it, as a sentence; empty if nothing is served."""
        match self.enforcement:
            case None | Enforcement(Progress.NOT_SERVED):
                return ""
            case Enforcement(Progress.ENFORCED, gateways):
                return f"Served by {gateways} gateway{'' if gateways == 1 else 's'}."
            case waiting:
                return f"{waiting}."


@router.get("")
def show(runtime: CurrentRuntime, request: Request, context: RequestContext, api_id: str) -> Response:
    """Show the page."""
    return _show(request, runtime, context, api_id)


@router.get("/live")
async def stream_places(request: Request, runtime: CurrentRuntime, context: RequestContext, api_id: str) -> Response:
    """Send an event whenever what an environment serves changes; the page then asks for the list."""
    await run_in_threadpool(apis.get_api, context, api_id)
    return stream_state(request, runtime, context.user, partial(_summarize, runtime, api_id))


def _summarize(runtime: Runtime, api_id: str, context: Context) -> list[tuple[str, str, str]]:
    """Return the environment, the revision and the progress of each place. Raises NotFound."""
    api, all_revisions = apis.get_api(context, api_id), revisions.list_revisions(context, api_id)
    return [
        (place.group.name, place.revision.name if place.revision else "", place.progress)
        for place in _find_places(runtime, context, api, all_revisions)
    ]


@router.post("/create")
def create(
    runtime: CurrentRuntime,
    request: Request,
    context: RequestContext,
    api_id: str,
    description: Annotated[str, Form()] = "",
) -> Response:
    """Create a revision."""

    def change() -> str:
        return revisions.create_revision(context, api_id, description).name

    return _change(request, runtime, context, api_id, "revision-created", change)


@router.post("/deploy")
def deploy(
    runtime: CurrentRuntime,
    request: Request,
    context: RequestContext,
    api_id: str,
    revision: RevisionId = "",
    environment: Annotated[str, Form()] = "",
) -> Response:
    """Deploy a revision to an environment."""

    def change() -> str:
        deployments.deploy_revision(context, api_id, revision, {environment: True})
        return environment

    return _change(request, runtime, context, api_id, "revision-deployed", change)


@router.get("/undeploy")
def ask_to_undeploy(
    request: Request, context: RequestContext, api_id: str, revision: str = "", environment: str = ""
) -> Response:
    """Explain what callers get without the deployment, and ask for confirmation."""
    api, target = apis.get_api(context, api_id), revisions.get_revision(context, api_id, revision)
    group = next((group for group in list_groups(context) if group.name == environment), None)
    if group is None:
        raise NotFound("environment", environment)
    fallback = find_fallback(context, api)
    return dialog.show(
        request,
        context,
        "api/_undeploy.html",
        title=f"Undeploy {target.name}",
        api=api,
        page="deployments",
        revision=target,
        group=group,
        fallback=fallback if fallback and environment in fallback.groups else None,
        may_deploy=find_permission(context, api),
    )


@router.post("/undeploy")
def undeploy(
    runtime: CurrentRuntime,
    request: Request,
    context: RequestContext,
    api_id: str,
    revision: RevisionId = "",
    environment: Annotated[str, Form()] = "",
) -> Response:
    """Undeploy a revision from an environment."""

    def change() -> str:
        deployments.undeploy_revision(context, api_id, revision_id=revision, group_names=[environment])
        return environment

    return _change(request, runtime, context, api_id, "revision-undeployed", change)


@router.get("/restore")
def ask_to_restore(request: Request, context: RequestContext, api_id: str, revision: str = "") -> Response:
    """Explain what restoring changes, and ask for confirmation."""
    api, target = apis.get_api(context, api_id), revisions.get_revision(context, api_id, revision)
    serving = api.working_copy_groups
    return dialog.show(
        request,
        context,
        "api/_restore.html",
        title=f"Restore {target.name}",
        api=api,
        page="deployments",
        revision=target,
        differences=compare_revisions(context, api_id).get(revision, []),
        serving=[group.title for group in list_groups(context) if group.name in serving],
    )


@router.post("/restore")
def restore(
    runtime: CurrentRuntime, request: Request, context: RequestContext, api_id: str, revision: RevisionId = ""
) -> Response:
    """Replace the working copy with a revision."""

    def change() -> str:
        target = revisions.get_revision(context, api_id, revision)
        revisions.restore_revision(context, api_id, revision)
        return target.name

    return _change(request, runtime, context, api_id, "revision-restored", change)


@router.get("/delete")
def ask_to_delete(request: Request, context: RequestContext, api_id: str, revision: str = "") -> Response:
    """Explain what is lost, and ask for confirmation."""
    api, target = apis.get_api(context, api_id), revisions.get_revision(context, api_id, revision)
    return dialog.show(
        request,
        context,
        "api/_delete_revision.html",
        title=f"Delete {target.name}",
        api=api,
        page="deployments",
        revision=target,
        may_create=_find_permission(context),
    )


@router.post("/delete")
def delete(
    runtime: CurrentRuntime, request: Request, context: RequestContext, api_id: str, revision: RevisionId = ""
) -> Response:
    """Delete a revision."""

    def change() -> str:
        target = revisions.get_revision(context, api_id, revision)
        revisions.delete_revision(context, api_id, revision)
        return target.name

    return _change(request, runtime, context, api_id, "revision-deleted", change)


def _change(
    request: Request, runtime: Runtime, context: Context, api_id: str, notice: str, change: Callable[[], str]
) -> Response:
    """Make a *change*, which returns the name of its object; show the page with the error if it is refused."""
    try:
        name = change()
    except Refusal as error:
        return _show(request, runtime, context, api_id, str(error))
    return notices.redirect(request, f"/apis/{api_id}/deployments", notice, name)


def _show(request: Request, runtime: Runtime, context: Context, api_id: str, error: str = "") -> Response:
    api = apis.get_api(context, api_id)
    all_revisions = revisions.list_revisions(context, api_id)
    places = _find_places(runtime, context, api, all_revisions)
    return render(
        request,
        "api/_places.html" if wants_part(request) else "api/deployments.html",
        context=context,
        status=422 if error else 200,
        api=api,
        page="deployments",
        places=places,
        revisions=list(reversed(all_revisions)),
        deployed_to={
            revision.id: [place.group.title for place in places if place.revision == revision]
            for revision in all_revisions
        },
        differences=compare_revisions(context, api_id),
        is_full=len(all_revisions) >= MAX_REVISIONS,
        may_create=_find_permission(context),
        may_deploy=find_permission(context, api),
        error=error,
    )


def _find_permission(context: Context) -> Permission:
    return Permission.PUBLISH_APIS if context.user.may(Permission.PUBLISH_APIS) else Permission.CHANGE_APIS


def _find_places(runtime: Runtime, context: Context, api: Api, all_revisions: Sequence[Revision]) -> list[Place]:
    """Return what each environment serves of *api*."""
    by_id, deployments_of_api = (
        {known_revision.id: known_revision for known_revision in all_revisions},
        deployments.list_deployments(context, api.id),
    )
    by_group = {deployment.group: deployment for deployment in deployments_of_api}
    places = []
    for group in list_groups(context):
        own = by_group.get(group.name)
        served_api = replace(api, revision=own.number if own else 0)
        is_served = group.name in api.groups
        enforcement = runtime.enforcements.find_of_deployment(context, served_api, group.name) if is_served else None
        revision = by_id.get(own.revision_id) if own else None
        places.append(Place(group, is_served, revision, own.at if own else None, enforcement))
    return places
