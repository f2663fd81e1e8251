"""
Responses of operations that probe backends.
"""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from holdfast.certificates.choices import ChainRole
from holdfast.certificates.description import FindingDescription
from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.failures.explanation import SuggestedAction
from holdfast.rest.responses import (
    PresentedCertificate,
    RejectionCause,
    Suggestion,
    Timestamp,
    UnreadableCertificate,
)
from holdfast.services.probing.acceptance import Result


class ProbeProblem(TypedDict):
    """Why there was no connection, or why it ended early."""

    code: str
    message: str


class Connection(TypedDict):
    """A connection from the machine of a gateway to a backend, and the certificates that this response leaves out."""

    endpoint: str
    gateway: str
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
    """Why a gateway accepts a backend. Each member other than `kind` belongs to one kind."""

    kind: Literal["endpoint_certificate", "public_roots", "exception"]
    alias: NotRequired[str]
    previous: NotRequired[bool]
    until: NotRequired[Timestamp]


class ProbeVerdict(TypedDict):
    """A gateway's verdict on a backend."""

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
    """The certificates that a backend presents, and a gateway's verdict on them."""

    presented: list[PresentedCertificate]
    verdict: ProbeVerdict
    findings: list[FindingDescription]


class TrustChoice(TypedDict):
    """A presented certificate, and what it would mean to trust it."""

    kind: ChainRole
    fingerprint: str
    sentence: str
    importable: bool
    reason: str


class FetchedCertificate(PresentedCertificate):
    """A certificate that a backend presents, in PEM."""

    pem: str


class FetchedChain(Connection):
    """The certificates that a backend presents, and those that could be imported."""

    presented: list[FetchedCertificate]
    choices: list[TrustChoice]
