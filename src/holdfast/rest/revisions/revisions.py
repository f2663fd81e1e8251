"""
`/apis/{api_id}/revisions`: create, list, get, delete and restore revisions.
"""

from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import BaseModel

from holdfast.apis.catalog.revision import Revision
from holdfast.apis.errors import InvalidField
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.catalog.api_body import ApiAnswer
from holdfast.rest.catalog.apis import answer_created
from holdfast.rest.errors import PREFIX
from holdfast.rest.revisions.deployments import RevisionId, describe_deployments
from holdfast.rest.revisions.responses import ApiRevision, ApiRevisions, RevisionDeployment
from holdfast.rest.router import Router
from holdfast.services.access.context import Context
from holdfast.services.revisions import deployments, revisions
from holdfast.services.runtime import Runtime

router = Router(prefix=f"{PREFIX}/apis/{{api_id}}", tags=["Revisions"])
_QUERIES = {"deployed:true": True, "deployed:false": False}


class RevisionBody(BaseModel):
    """A new revision. Other members of WSO2's `APIRevision` are ignored."""

    description: str | None = None


@router.get("/revisions")
def list_revisions(
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: str,
    query: Annotated[
        str, Query(description="`deployed:true` or `deployed:false`: only revisions that are, or aren't, deployed.")
    ] = "",
) -> ApiRevisions:
    """
    List the revisions of an API.

    Returns at most five, the oldest first, each with its deployments.
    """
    is_deployed = _QUERIES.get(query.strip().lower())
    if query.strip() and is_deployed is None:
        raise InvalidField("query", "Use deployed:true or deployed:false.")
    all_revisions = _describe_every(runtime, context, api_id)
    page = [
        revision for revision in all_revisions if is_deployed is None or bool(revision["deploymentInfo"]) is is_deployed
    ]
    return {"count": len(page), "list": page}


@router.post("/revisions", status_code=201)
def create_revision(context: RequestContext, api_id: str, body: RevisionBody | None = None) -> ApiRevision:
    """
    Create a revision of an API.

    Copies the API as it is: its definition, endpoints and settings, but not trust, which is always current. It can't be
    changed afterwards. An API has at most five revisions.
    """
    return _describe(revisions.create_revision(context, api_id, (body and body.description) or ""), [])


@router.get("/revisions/{revision_id}")
def get_revision(runtime: CurrentRuntime, context: RequestContext, api_id: str, revision_id: str) -> ApiRevision:
    """Get a revision, with its deployments."""
    revision = revisions.get_revision(context, api_id, revision_id)
    return _describe(
        revision, describe_deployments(runtime, context, api_id, deployments.list_deployments(context, api_id))
    )


@router.delete("/revisions/{revision_id}")
def delete_revision(runtime: CurrentRuntime, context: RequestContext, api_id: str, revision_id: str) -> ApiRevisions:
    """
    Delete a revision.

    It must not be deployed. Returns the other revisions.
    """
    revisions.delete_revision(context, api_id, revision_id)
    others = _describe_every(runtime, context, api_id)
    return {"count": len(others), "list": others}


@router.post("/restore-revision", status_code=201, responses={201: {"model": ApiAnswer}})
def restore_revision(
    context: RequestContext, api_id: str, revision_id: RevisionId, response: Response
) -> dict[str, Any]:
    """
    Restore a revision.

    Replaces the working copy of the API with it. Trust, the lifecycle state, who can call the API and where it is
    deployed stay. Returns the API.
    """
    return answer_created(context, revisions.restore_revision(context, api_id, revision_id), response)


def _describe_every(runtime: Runtime, context: Context, api_id: str) -> list[ApiRevision]:
    all_deployments = describe_deployments(runtime, context, api_id, deployments.list_deployments(context, api_id))
    return [_describe(revision, all_deployments) for revision in revisions.list_revisions(context, api_id)]


def _describe(revision: Revision, all_deployments: list[RevisionDeployment]) -> ApiRevision:
    return {
        "id": revision.id,
        "displayName": revision.name,
        "description": revision.description,
        "createdBy": revision.created_by,
        "createdTime": revision.created_at.isoformat(),
        "apiInfo": {"id": revision.api_id},
        "deploymentInfo": [deployment for deployment in all_deployments if deployment["revisionUuid"] == revision.id],
    }
