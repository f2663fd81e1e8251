"""
What can be done on the way from what there is to what is wanted, as values.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from holdfast.cli.declaration.existing import ExistingApi, ExistingCertificate
from holdfast.cli.declaration.wanted import WantedApi, WantedCertificate, WantedTrust


class Action(StrEnum):
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

    action: Action
    wanted: WantedApi | None
    existing: ExistingApi | None
    details: tuple[Detail, ...] = ()
    actions: tuple[str, ...] = ()

    kind = "api"

    @property
    def name(self) -> str:
        """What people call it."""
        found = self.wanted or self.existing
        assert found  # noqa: S101 - one of the two is there
        return f"{found.name}:{found.version}"


@dataclass(frozen=True, slots=True)
class CertificateStep:
    """A step of an alias; *moves* where it is trusted for another origin from then on."""

    action: Action
    wanted: WantedCertificate | None
    existing: ExistingCertificate | None
    details: tuple[Detail, ...] = ()
    moves: bool = False

    kind = "certificate"

    @property
    def name(self) -> str:
        """The alias."""
        found = self.wanted or self.existing
        assert found  # noqa: S101 - one of the two is there
        return found.alias


@dataclass(frozen=True, slots=True)
class TrustStep:
    """A change of an origin's trust settings."""

    action: Action
    wanted: WantedTrust
    details: tuple[Detail, ...] = ()

    kind = "trust"

    @property
    def name(self) -> str:
        """The origin."""
        return self.wanted.origin


TrustingStep = CertificateStep | TrustStep
Step = ApiStep | TrustingStep
