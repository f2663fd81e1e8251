"""
What can be done on the way from what there is to what is wanted, as values.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from holdfast.certificates.certificate import Certificate
from holdfast.cli.declaration.certificate_summary import CertificateSummary
from holdfast.cli.declaration.current_state import ExistingApi, ExistingCertificate, ExistingTrust
from holdfast.cli.declaration.desired_state import WantedApi, WantedCertificate, WantedTrust


class ChangeKind(StrEnum):
    """What a step does."""

    CREATE = "create"
    CHANGE = "change"
    MOVE = "move"  # through the lifecycle
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Detail:
    """What a step changes in one field."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class ApiStep:
    """A step of an API; *wanted* is None where it goes, *existing* where it comes; *actions* move it."""

    action: ChangeKind
    wanted: WantedApi | None
    existing: ExistingApi | None
    details: tuple[Detail, ...] = ()
    actions: tuple[str, ...] = ()

    kind = "api"

    @property
    def name(self) -> str:
        """What people call it."""
        api = self.wanted or self.existing
        assert api  # noqa: S101 - one of the two is there
        return f"{api.name}:{api.version}"


@dataclass(frozen=True, slots=True)
class CertificateUpload:
    """Certificates that become the current ones of an alias; with *keep*, those before stay trusted as previous."""

    certificates: tuple[Certificate, ...]
    keep: bool = False


@dataclass(frozen=True, slots=True)
class CertificateStep:
    """
    A step of an alias: *uploads*, one after the other, or with *retires* the end of its previous certificates.

    *moves* where it is trusted for another origin from then on. *after* is all that is trusted under it then. What its
    origin trusts newly (*gains*), goes on trusting as previous (*keeps*) and trusts no longer (*loses*) is said to
    people.
    """

    action: ChangeKind
    wanted: WantedCertificate | None
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
        certificate = self.wanted or self.existing
        assert certificate  # noqa: S101 - one of the two is there
        return certificate.alias


@dataclass(frozen=True, slots=True)
class TrustStep:
    """A change of an origin's trust settings; *existing* is None where they can be read only once an API is there."""

    action: ChangeKind
    wanted: WantedTrust
    existing: ExistingTrust | None
    details: tuple[Detail, ...] = ()

    kind = "trust"

    @property
    def name(self) -> str:
        """The origin."""
        return self.wanted.origin


TrustingStep = CertificateStep | TrustStep
Step = ApiStep | TrustingStep


@dataclass(frozen=True, slots=True)
class Plan:
    """
    The steps in their order, and *notes*: what should be known and is changed by no step.

    *exceptions* are the origins whose verification is off, as REST lists them.
    """

    steps: tuple[Step, ...]
    exceptions: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
