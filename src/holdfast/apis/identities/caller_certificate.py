"""
Caller certificates as values, and whether an API requires one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from holdfast.apis.errors import InvalidField, UnreadableData
from holdfast.apis.text import check_visible
from holdfast.certificates.certificate import Certificate

Environment = Literal["production", "sandbox"]  # as in `catalog.endpoint`
BOTH = "both"  # environments, where one must be named
MAX_CALLERS = 100  # certificates per API; each has its own routes at the gateways
MAX_TIER = 60
MUTUAL_TLS = "mutualssl"  # WSO2's name in `securityScheme`
_SCHEMES = {MUTUAL_TLS, "mutualssl_mandatory"}


@dataclass(frozen=True, slots=True)
class LostCertificate:
    """The known facts of a certificate that can't be read; gateways still accept the one with this fingerprint."""

    fingerprint: str  # SHA-256, lower-case hex
    not_before: datetime  # aware
    not_after: datetime


@dataclass(frozen=True, slots=True)
class CallerCertificate:
    """An alias within an API, and its certificate."""

    id: str
    organization: str
    api_id: str
    alias: str
    tier: str  # stored for other tools; Holdfast doesn't use it
    certificate: Certificate | LostCertificate
    created_at: datetime  # aware, UTC
    updated_at: datetime
    environment: Environment | None = None  # that accepts it; None: both

    @property
    def readable(self) -> Certificate | None:
        """The certificate; None if it can't be read."""
        return self.certificate if isinstance(self.certificate, Certificate) else None

    def require_readable(self) -> Certificate:
        """Return the certificate. Raises UnreadableData if it can't be read."""
        if isinstance(self.certificate, Certificate):
            return self.certificate
        raise UnreadableData(f"The caller certificate stored under {self.alias}", "Replace it, or delete it.")


@dataclass(frozen=True, slots=True, order=True)
class AcceptedCaller:
    """A certificate that an API accepts: its fingerprint, the first and last second of its validity, and where."""

    fingerprint: str  # SHA-256, lower-case hex
    not_before: datetime  # aware
    not_after: datetime  # aware
    environment: Environment | Literal[""] = ""  # that accepts it; empty: both


def requires_certificate(members: Mapping[str, Any]) -> bool:
    """Return whether an API with these members of its description requires caller certificates."""
    return any(isinstance(scheme, str) and scheme.strip().lower() in _SCHEMES for scheme in _list_schemes(members))


def require_certificate(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return *members*, changed to require caller certificates."""
    added_schemes = [] if requires_certificate(members) else [MUTUAL_TLS]
    return {**members, "securityScheme": [*_list_schemes(members), *added_schemes]}


def drop_requirement(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a description that no longer requires caller certificates."""
    return {**members, "securityScheme": [scheme for scheme in _list_schemes(members) if scheme not in _SCHEMES]}


def check_environment(text: str) -> Environment | None:
    """Return the environment that *text* names in any case; None for both, if it is empty. Raises InvalidField."""
    if not text:
        return None
    environments: tuple[Environment, ...] = get_args(Environment)
    for environment in environments:
        if text.lower() == environment:
            return environment
    raise InvalidField("environment", f"{text[:40]!r} isn't an environment. Use production or sandbox.")


def check_environments(text: str) -> Environment | None:
    """Return what *text* names: production, sandbox, or None for `both`. Raises InvalidField."""
    if text.lower() == BOTH:
        return None
    if environment := check_environment(text):
        return environment
    raise InvalidField("environment", "Name where the certificate is accepted: production, sandbox or both.")


def check_tier(tier: str) -> str:
    """Return *tier* as stored. Raises InvalidField."""
    tier = check_visible(tier.strip(), "tier", "The tier")
    if len(tier) > MAX_TIER:
        raise InvalidField("tier", f"The tier has {len(tier)} characters; the limit is {MAX_TIER}.")
    return tier


def _list_schemes(members: Mapping[str, Any]) -> Sequence[Any]:
    schemes = members.get("securityScheme")
    return schemes if isinstance(schemes, list) else []
