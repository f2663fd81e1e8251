"""
Responses of operations on revisions, with the members of WSO2's publisher.
"""

from typing import Literal

from typing_extensions import TypedDict

from holdfast.rest.responses import Timestamp


class RevisionDeployment(TypedDict):
    """A revision that is deployed to a group of gateways; WSO2's `APIRevisionDeployment`."""

    revisionUuid: str
    name: str
    status: Literal["APPROVED"]
    vhost: str
    displayOnDevportal: bool
    deployedTime: Timestamp
    liveGatewayCount: int
    deployedGatewayCount: int
    failedGatewayCount: int


class RevisionDeployments(TypedDict):
    """The deployments of an API's revisions; WSO2's `APIRevisionDeploymentList`."""

    list: list[RevisionDeployment]


class RevisedApi(TypedDict):
    """The API of a revision; WSO2's `APIRevisionAPIInfo`."""

    id: str


class ApiRevision(TypedDict):
    """A revision of an API; WSO2's `APIRevision`."""

    id: str
    displayName: str
    description: str
    createdBy: str
    createdTime: Timestamp
    apiInfo: RevisedApi
    deploymentInfo: list[RevisionDeployment]


class ApiRevisions(TypedDict):
    """The revisions of an API, the oldest first; WSO2's `APIRevisionList`."""

    count: int
    list: list[ApiRevision]
