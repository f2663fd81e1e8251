"""
Which revisions are deployed to which groups of gateways: list, deploy, undeploy.
"""

from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.revision import read_number
from holdfast.apis.enforcement import Progress
from holdfast.apis.errors import InvalidField
from holdfast.apis.gateways.group import Group
from holdfast.apis.url import parse_url
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.errors import PREFIX
from holdfast.rest.revisions.responses import RevisionDeployment, RevisionDeployments
from holdfast.rest.router import Router
from holdfast.services.access.context import Context
from holdfast.services.revisions import deployments
from holdfast.services.runtime import Runtime
from holdfast.store.catalog.deployments import RevisionDeployment as Deployment

router = Router(prefix=f"{PREFIX}/apis/{{api_id}}", tags=["Revisions"])
RevisionId = Annotated[str, Query(alias="revisionId", description="The ID of the revision.")]


class DeploymentBody(BaseModel):
    """A group of gateways. Other members of WSO2's `APIRevisionDeployment`, such as `vhost`, are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)
    name: str = Field(description="The name of the gateway environment.", examples=["Default"])
    display_on_devportal: bool = True


@router.get("/deployments")
def list_deployments(runtime: CurrentRuntime, context: RequestContext, api_id: str) -> RevisionDeployments:
    """
    List the deployments of an API's revisions.

    Gateway environments where the working copy is deployed aren't included: the API's `workingCopyEnvironments` has
    them.
    """
    return {"list": describe_deployments(runtime, context, api_id, deployments.list_deployments(context, api_id))}


@router.put("/deployments/{deployment_id}")
def update_deployment(
    runtime: CurrentRuntime, context: RequestContext, api_id: str, deployment_id: str, body: DeploymentBody
) -> RevisionDeployment:
    """
    Update a deployment.

    Changes `displayOnDevportal`, which is only stored: Holdfast has no developer portal.
    """
    group = _read_group(deployment_id)
    deployment = deployments.update_deployment(context, api_id, group, display_on_devportal=body.display_on_devportal)
    return describe_deployments(runtime, context, api_id, [deployment])[0]


@router.post("/deploy-revision", status_code=201)
def deploy_revision(
    runtime: CurrentRuntime, context: RequestContext, api_id: str, revision_id: RevisionId, body: list[DeploymentBody]
) -> list[RevisionDeployment]:
    """
    Deploy a revision.

    The gateway environments in the body serve it instead of what they served before, without failed requests. Returns
    all deployments of the API's revisions.
    """
    choices = {deployment.name: deployment.display_on_devportal for deployment in body}
    return describe_deployments(
        runtime, context, api_id, deployments.deploy_revision(context, api_id, revision_id, choices)
    )


@router.post("/undeploy-revision", status_code=201)
def undeploy_revision(
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: str,
    body: list[DeploymentBody] | None = None,
    revision_id: Annotated[str | None, Query(alias="revisionId", description="The ID of the revision.")] = None,
    number: Annotated[
        str | None, Query(alias="revisionNumber", description="The number of the revision, instead of its ID.")
    ] = None,
    everywhere: Annotated[
        bool, Query(alias="allEnvironments", description="Wherever it is deployed; the body is ignored.")
    ] = False,
) -> list[RevisionDeployment]:
    """
    Undeploy a revision.

    The gateway environments in the body stop serving the API. Those that serve something else are left alone. Returns
    the remaining deployments of the API's revisions.
    """
    places = deployments.undeploy_revision(
        context,
        api_id,
        revision_id=revision_id or None,
        number=_read_number(number),
        group_names=None if everywhere else [deployment.name for deployment in body or ()],
    )
    return describe_deployments(runtime, context, api_id, places)


def describe_deployments(
    runtime: Runtime, context: Context, api_id: str, which: Sequence[Deployment]
) -> list[RevisionDeployment]:
    """Describe deployments, with the numbers of connected gateways that have them in force, or reject them."""
    if not which:
        return []
    api, groups = deployments.find_places(context, api_id)
    by_name = {group.name: group for group in groups}
    return [_describe(runtime, context, api, deployment, by_name[deployment.group]) for deployment in which]


def _describe(runtime: Runtime, context: Context, api: Api, deployment: Deployment, group: Group) -> RevisionDeployment:
    enforcement = runtime.enforcements.find_of_deployment(
        context, replace(api, revision=deployment.number), deployment.group
    )
    return {
        "revisionUuid": deployment.revision_id,
        "name": deployment.group,
        "status": "APPROVED",
        "vhost": next((parse_url(url).host for url in runtime.list_urls(group).values()), ""),
        "displayOnDevportal": deployment.display_on_devportal,
        "deployedTime": deployment.at.isoformat(),
        "liveGatewayCount": len(runtime.list_gateways(deployment.group)),
        "deployedGatewayCount": enforcement.enforced_on,
        "failedGatewayCount": len(enforcement.waiting_for) if enforcement.progress is Progress.REFUSED else 0,
    }


def _read_group(deployment_id: str) -> str:
    """Return the name of a group from its base64url form, as WSO2 writes it; empty if it isn't one."""
    text = deployment_id + "=" * (-len(deployment_id) % 4)
    try:
        return urlsafe_b64decode(text).decode()
    except ValueError:
        return ""


def _read_number(text: str | None) -> int | None:
    if not text:
        return None
    number = read_number(text)
    if number is None:
        raise InvalidField("revisionNumber", "Use a number, such as 1.")
    return number
