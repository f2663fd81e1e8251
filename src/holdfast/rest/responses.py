"""
Response types that several subjects share. Each response is a TypedDict: mypy compares it with the code that writes
it, FastAPI describes it in `/openapi.json`, and Schemathesis compares it with real responses.
"""

from typing import Annotated, Any

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from holdfast.apis.enforcement import Progress
from holdfast.certificates.choices import ChainRole
from holdfast.certificates.description import CertificateDescription, Validity
from holdfast.gateway.failures.causes import Cause

Timestamp = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]  # RFC 3339
Date = Annotated[str, WithJsonSchema({"type": "string", "format": "date"})]
ProgressWords = Annotated[str, WithJsonSchema({"type": "string", "enum": [progress.words for progress in Progress]})]


def declare_files(*media_types: str, description: str = "The file.") -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that responds with a file."""
    schema = {"type": "string", "format": "binary"}
    return {200: {"description": description, "content": {kind: {"schema": schema} for kind in media_types}}}


class CertificateInfo(TypedDict):
    """A certificate as WSO2 describes it, and `validityPeriod` in RFC 3339."""

    validity: Validity
    validityPeriod: Validity
    version: str
    subject: str


class Pagination(TypedDict):
    """The position of a page in its list."""

    offset: int
    limit: int
    total: int
    next: str
    previous: str


class UnreadableCertificate(TypedDict):
    """A certificate that a backend presents and that Holdfast can't read."""

    position: int
    fingerprint: str
    size: int
    reason: str


class Enforcement(TypedDict):
    """The progress of a change at the gateways."""

    progress: ProgressWords
    gateways: int
    enforcedOn: int
    milliseconds: int | None
    reason: str
    waitingFor: list[str]
    disconnected: list[str]


class Difference(TypedDict):
    """The field of a presented certificate that differs from the expected value."""

    field: str
    expected: str
    presented: str


class RejectionCause(TypedDict):
    """Why a gateway rejects a backend."""

    code: Cause
    difference: Difference | None


class Suggestion(TypedDict):
    """The presented certificate whose import would help."""

    role: ChainRole
    fingerprint: str
    instead: bool


class PresentedCertificate(CertificateDescription):
    """A certificate that a backend presents."""

    role: ChainRole


class Enforced(TypedDict):
    """A response with the progress of a change at the gateways."""

    enforcement: Enforcement
