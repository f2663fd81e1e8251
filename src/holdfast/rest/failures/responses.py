"""
Responses of operations on failed requests.
"""

from typing_extensions import TypedDict

from holdfast.apis.catalog.endpoint import Environment
from holdfast.certificates.description import CertificateDescription
from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.failures.explanation import SuggestedAction
from holdfast.gateway.members.unhealthy import HealthCause
from holdfast.rest.responses import (
    Difference,
    Pagination,
    RejectionCause,
    Suggestion,
    Timestamp,
    UnreadableCertificate,
)
from holdfast.services.failures.endpoint_health import HealthState


class ExaminedBackend(TypedDict):
    """The result of a probe of the backend. Members are null before the first probe."""

    examinedTime: Timestamp | None
    presented: list[CertificateDescription] | None
    unreadable: list[UnreadableCertificate] | None
    difference: Difference | None
    causes: list[RejectionCause]
    suggestedCertificate: Suggestion | None


class FailureCause(ExaminedBackend):
    """Why a request failed at a gateway."""

    environment: Environment | None
    gateway: str
    upstream: str
    code: Cause
    message: str
    remedy: str
    action: SuggestedAction | None
    reason: str
    flags: list[str]
    requestId: str
    traceId: str | None


class Failure(FailureCause):
    """The latest failure of a backend at a gateway."""

    since: Timestamp
    last: Timestamp
    times: int
    endpoint: str


class Acknowledgement(TypedDict):
    """The acknowledgement of a failing backend; it ends early if the backend fails in another way."""

    user: str
    time: Timestamp
    until: Timestamp


class FailureOfApi(Failure):
    """The latest failure of a backend, with its API."""

    apiId: str
    apiName: str
    apiVersion: str
    acknowledgement: Acknowledgement | None


class Failures(TypedDict):
    """A page of failures since `startedTime`, the one that began last first."""

    count: int
    startedTime: Timestamp
    list: list[FailureOfApi]
    pagination: Pagination


class FailuresOfApi(TypedDict):
    """The latest failures of an API's backends."""

    count: int
    list: list[Failure]


class FailedRequest(FailureCause):
    """Why one request failed. Members about an API are null if the request belongs to none."""

    time: Timestamp
    apiId: str | None
    apiName: str | None
    apiVersion: str | None
    endpoint: str | None


class HealthAtGateway(TypedDict):
    """
    The health of an endpoint at a gateway; one of several addresses, if the endpoint is unhealthy there.

    `since` is null if it is unknown, or if the endpoint is available. `code`, `message` and `address` are null unless
    it is unhealthy or suspended. `status` is the one that a health check got.
    """

    gateway: str
    group: str
    state: HealthState
    since: Timestamp | None
    code: HealthCause | None
    message: str | None
    address: str | None
    status: int | None


class EndpointHealth(TypedDict):
    """An endpoint, and its health at each gateway that serves it."""

    environment: Environment
    endpoint: str
    gateways: list[HealthAtGateway]


class EndpointHealthOfApi(TypedDict):
    """The health of an API's endpoints."""

    count: int
    list: list[EndpointHealth]
