"""
Responses of operations on APIs, except the API itself (`api_body`).
"""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from holdfast.apis.catalog.document import DocumentSource, DocumentType, DocumentVisibility
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.label import LabeledKind
from holdfast.rest.responses import Pagination, Timestamp

# Capitalized, as in WSO2's lifecycle operations; APIs have them in upper case.
StateName = Annotated[str, WithJsonSchema({"type": "string", "enum": [state.value.title() for state in State]})]


class LabeledObject(TypedDict):
    """Labels of an API (*object* is its id), an endpoint certificate (its alias) or trust settings (their origin)."""

    kind: LabeledKind
    object: str
    labels: list[str]


class LabeledObjects(TypedDict):
    """A page of objects with labels."""

    count: int
    list: list[LabeledObject]
    pagination: Pagination


class UnusedPart(TypedDict):
    """A server or endpoint of a definition that has no effect, and the reason."""

    what: str
    why: str


class DefinitionInfo(TypedDict):
    """The content of a definition."""

    name: str
    version: str
    context: str
    description: str
    openAPIVersion: str
    endpoints: list[str]


class DefinitionError(TypedDict):
    """An error in a definition."""

    code: str
    message: str


class ValidatedDefinition(TypedDict):
    """Whether a definition is valid, and what it describes; WSO2's `OpenAPIDefinitionValidationResponse`."""

    isValid: bool
    errors: list[DefinitionError]
    info: NotRequired[DefinitionInfo]
    unusedInDefinition: NotRequired[list[UnusedPart]]
    content: NotRequired[str]


class Transition(TypedDict):
    """An action that can follow, and the state it leads to."""

    event: str
    targetState: StateName


class LifecycleState(TypedDict):
    """The lifecycle state of an API, and the actions that can follow."""

    state: StateName
    checkItems: list[Any]
    availableTransitions: list[Transition]


class LifecycleStep(TypedDict):
    """A change of the lifecycle state. The first has no `previousState`."""

    previousState: NotRequired[StateName]
    postState: StateName
    user: str
    updatedTime: Timestamp


class LifecycleHistory(TypedDict):
    """The changes of an API's lifecycle state, oldest first."""

    count: int
    list: list[LifecycleStep]


class WorkflowResponse(TypedDict):
    """The result of a lifecycle action, which takes effect at once."""

    workflowStatus: Literal["APPROVED"]
    jsonPayload: str
    lifecycleState: LifecycleState


class EndpointValidation(TypedDict):
    """The status of a backend's response, and an empty `error`; 0 and an `error` if there is none."""

    statusCode: int
    statusMessage: str
    error: str


class SearchResult(TypedDict):
    """An API that matches a search; WSO2's `APISearchResult`."""

    id: str
    name: str
    type: Literal["API"]
    transportType: str
    description: str
    context: str
    version: str
    provider: str
    status: State


class SearchResults(TypedDict):
    """A page of search results."""

    count: int
    list: list[SearchResult]
    pagination: Pagination


class EnvironmentUrls(TypedDict):
    """The URLs for callers; those that aren't known are left out."""

    http: NotRequired[str]
    https: NotRequired[str]


class VirtualHost(TypedDict):
    """A host where callers reach production; WSO2's `VHost`."""

    host: str
    httpContext: str
    httpPort: NotRequired[int]
    httpsPort: NotRequired[int]


class Environment(TypedDict):
    """A gateway environment, which is a group of gateways."""

    id: str
    name: str
    displayName: str
    type: Literal["hybrid"]
    provider: Literal["holdfast"]
    serverUrl: str
    showInApiConsole: bool
    endpoints: EnvironmentUrls
    sandboxEndpoints: EnvironmentUrls
    vhosts: list[VirtualHost]


class Environments(TypedDict):
    """All gateway environments."""

    count: int
    list: list[Environment]


class Settings(TypedDict):
    """The gateway environments and the scopes of tokens. All other members are empty or false."""

    storeUrl: str
    environment: list[Environment]
    scopes: list[str]
    monetizationAttributes: list[Any]
    securityAuditProperties: dict[str, Any]
    externalStoresEnabled: bool
    docVisibilityEnabled: bool
    crossTenantSubscriptionEnabled: bool
    deployments: list[Any]


class UnusedTrust(TypedDict):
    """Certificates and settings of an origin at which no API has an endpoint."""

    origin: str
    certificates: list[str]
    trustSettings: bool
    clientCertificate: bool


class LeftBehind(TypedDict):
    """Trust that APIs no longer use: the part that stays in force, and the part that was deleted."""

    unusedTrust: list[UnusedTrust]
    deletedTrust: list[UnusedTrust]


class StoredFile(TypedDict):
    """A file that was stored."""

    relativePath: str
    mediaType: str


class ApiDocument(TypedDict):
    """A document of an API; `inlineContent` only in responses about a single one."""

    documentId: str
    name: str
    type: DocumentType
    summary: str
    sourceType: DocumentSource
    sourceUrl: str
    fileName: str
    inlineContent: NotRequired[str]
    otherTypeName: str
    visibility: DocumentVisibility
    createdTime: Timestamp
    createdBy: str
    lastUpdatedTime: Timestamp
    lastUpdatedBy: str


class ApiDocuments(TypedDict):
    """A page of an API's documents."""

    count: int
    list: list[ApiDocument]
    pagination: Pagination
