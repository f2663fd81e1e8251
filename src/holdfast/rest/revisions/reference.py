"""
Texts of `/openapi.json` about the members of revisions and their deployments.
"""

REVISION_MEMBERS = {
    "deployedGatewayCount": "How many connected gateways serve the revision.",
    "deployedTime": "When it was deployed.",
    "deploymentInfo": "Where the revision is deployed.",
    "displayOnDevportal": "Stored and returned; there is no developer portal.",
    "liveGatewayCount": "How many gateways of the environment are connected.",
    "failedGatewayCount": "How many connected gateways reject the revision.",
    "revisionUuid": "The ID of the revision.",
    "vhost": "The host where callers reach the environment; empty if it isn't known.",
    "RevisionDeployment.status": "Always `APPROVED`.",
    "RevisionDeployment.name": "The name of the gateway environment.",
    "ApiRevision.displayName": "The name, such as `Revision 1`.",
    "ApiRevision.createdBy": "The user who created it.",
}
