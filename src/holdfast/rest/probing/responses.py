"""
What operations that probe backends answer.
"""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from holdfast.certificates.choices import ChainRole
from holdfast.certificates.description import FindingDescription
from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.failures.explanations import SuggestedAction
from holdfast.rest.responses import (
    PresentedCertificate,
    RejectionCause,
    Suggestion,
    Timestamp,
    UnreadableCertificate,
)
from holdfast.services.probing.acceptance import Result


class ProbeProblem(TypedDict):
    """Why a connection ended, or what kept anything from being seen."""

    code: str
    message: str


class Connection(TypedDict):
    """A connection to a backend, and what was left out of what it presents."""

    endpoint: str
    address: str
    unreadable: list[UnreadableCertificate]
    sent: int
    leftOut: int
    tlsVersion: str
    cipher: str
    alpn: str
    clientCertificateRequested: bool
    problem: ProbeProblem | None


class AcceptanceReason(TypedDict):
    """Why a gateway accepts a backend: members beside `kind` belong to one of the kinds."""

    kind: Literal["endpoint_certificate", "public_roots", "exception"]
    alias: NotRequired[str]
    previous: NotRequired[bool]
    until: NotRequired[Timestamp]


class ProbeVerdict(TypedDict):
    """What a gateway says about a backend."""

    accepted: bool
    result: Result
    because: list[AcceptanceReason]
    replacedStillPresented: bool
    answeredBy: str
    code: Cause | None
    message: str
    remedy: str
    action: SuggestedAction | None
    causes: list[RejectionCause]
    suggestedCertificate: Suggestion | None
    reason: str
    address: str
    tlsVersion: str
    cipher: str
    fingerprint: str


class Probe(Connection):
    """What a backend presents, and what a gateway says about it."""

    presented: list[PresentedCertificate]
    verdict: ProbeVerdict
    findings: list[FindingDescription]


class TrustChoice(TypedDict):
    """A presented certificate that could be imported, and what trusting it would mean."""

    kind: ChainRole
    fingerprint: str
    sentence: str
    importable: bool
    reason: str


class FetchedCertificate(PresentedCertificate):
    """A certificate that a backend presents, as it can be imported."""

    pem: str


class FetchedChain(Connection):
    """What a backend presents, and what could be imported of it."""

    presented: list[FetchedCertificate]
    choices: list[TrustChoice]
