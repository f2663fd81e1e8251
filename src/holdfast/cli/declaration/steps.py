"""
The steps of a plan, as values.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from holdfast.apis.label import LabeledKind
from holdfast.certificates.certificate import Certificate
from holdfast.cli.declaration.certificate_summary import CertificateSummary
from holdfast.cli.declaration.current_state import ExistingApi, ExistingCertificate, ExistingTrust
from holdfast.cli.declaration.desired_state import (
    WantedApi,
    WantedCaller,
    WantedCertificate,
    WantedIdentity,
    WantedTrust,
)
from holdfast.cli.declaration.existing_identities import ExistingCaller


class ChangeKind(StrEnum):
    """The kind of change that a step makes."""

    CREATE = "create"
    CHANGE = "change"
    MOVE = "move"  # through the lifecycle
    DELETE = "delete"
    LABEL = "label"


@dataclass(frozen=True, slots=True)
class Detail:
    """The change of one field."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class ApiStep:
    """A step for an API. *goal* is None if it is deleted, *existing* if it is created; *actions* change its state."""

    action: ChangeKind
    goal: WantedApi | None
    existing: ExistingApi | None
    details: tuple[Detail, ...] = ()
    actions: tuple[str, ...] = ()

    kind = "api"

    @property
    def name(self) -> str:
        """Its name and version."""
        api = self.goal or self.existing
        assert api  # noqa: S101 - one of the two is set
        return f"{api.name}:{api.version}"


@dataclass(frozen=True, slots=True)
class CertificateUpload:
    """Certificates that become the current ones of an alias; with *keep*, the replaced ones stay trusted."""

    certificates: tuple[Certificate, ...]
    keep: bool = False


@dataclass(frozen=True, slots=True)
class CertificateStep:
    """
    A step for an alias: *uploads* in order or, with *retires*, the removal of its previous certificates.

    *moves* means that it changes to another origin. *after* are all its trusted certificates afterwards. The report
    shows which certificates its origin newly trusts (*gains*), keeps as previous (*keeps*) and stops trusting
    (*loses*).
    """

    action: ChangeKind
    goal: WantedCertificate | None
    existing: ExistingCertificate | None
    details: tuple[Detail, ...] = ()
    moves: bool = False
    uploads: tuple[CertificateUpload, ...] = ()
    retires: bool = False
    after: tuple[CertificateSummary, ...] = ()
    gains: tuple[CertificateSummary, ...] = ()
    keeps: tuple[CertificateSummary, ...] = ()
    loses: tuple[CertificateSummary, ...] = ()

    kind = "certificate"

    @property
    def name(self) -> str:
        """The alias."""
        certificate = self.goal or self.existing
        assert certificate  # noqa: S101 - one of the two is set
        return certificate.alias


@dataclass(frozen=True, slots=True)
class TrustStep:
    """A change of an origin's trust settings; *existing* is None if no API has an endpoint there yet."""

    action: ChangeKind
    goal: WantedTrust
    existing: ExistingTrust | None
    details: tuple[Detail, ...] = ()

    kind = "trust"

    @property
    def name(self) -> str:
        """The origin."""
        return self.goal.origin


@dataclass(frozen=True, slots=True)
class CallerStep:
    """A step for a caller certificate of *api*; *existing_api* is None if the plan creates the API."""

    action: ChangeKind
    api: WantedApi
    existing_api: ExistingApi | None
    goal: WantedCaller | None
    existing: ExistingCaller | None
    details: tuple[Detail, ...] = ()

    kind = "caller certificate"

    @property
    def name(self) -> str:
        """The API and the alias."""
        caller = self.goal or self.existing
        assert caller  # noqa: S101 - one of the two is set
        return f"{self.api.name}:{self.api.version}/{caller.alias}"


@dataclass(frozen=True, slots=True)
class IdentityStep:
    """A change of what gateways present to an origin; the key is never shown."""

    action: ChangeKind
    goal: WantedIdentity
    details: tuple[Detail, ...] = ()

    kind = "gateway identity"
    existing = None  # identities have no entity tags

    @property
    def name(self) -> str:
        """The origin."""
        return self.goal.origin


@dataclass(frozen=True, slots=True)
class LabelStep:
    """A step that sets the label of an existing object, which had none; *object* is its key in REST."""

    kind: LabeledKind
    object: str
    name: str
    details: tuple[Detail, ...]

    action = ChangeKind.LABEL
    existing = None


TrustingStep = CertificateStep | TrustStep
Step = ApiStep | TrustingStep | CallerStep | IdentityStep | LabelStep


@dataclass(frozen=True, slots=True)
class Plan:
    """
    The steps in order, and *notes* for the user.

    *exceptions* are all exceptions of the organization, with REST's members. New objects get the *label*.
    """

    steps: tuple[Step, ...]
    exceptions: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    label: str = ""
