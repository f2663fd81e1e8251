"""
A certificate that callers of an API may present, as a value, and what makes an API require one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast.apis.errors import InvalidField
from holdfast.apis.text import check_visible
from holdfast.certificates.certificate import Certificate

MAX_CALLERS = 100  # certificates of one API; each has routes of its own at the gateways
MAX_TIER = 60
MUTUAL_TLS = "mutualssl"  # as WSO2 calls it in `securityScheme`
_SCHEMES = {MUTUAL_TLS, "mutualssl_mandatory"}


@dataclass(frozen=True, slots=True)
class CallerCertificate:
    """An alias within an API, and the one certificate that it stands for."""

    id: str
    organization: str
    api_id: str
    alias: str
    tier: str  # kept for others; nothing of it is done
    certificate: Certificate
    created_at: datetime  # aware, UTC
    updated_at: datetime


def requires_certificate(members: Mapping[str, Any]) -> bool:
    """Say whether an API with these members of its description is for callers with a certificate alone."""
    return any(isinstance(scheme, str) and scheme.strip().lower() in _SCHEMES for scheme in _schemes(members))


def require_certificate(members: Mapping[str, Any]) -> dict[str, Any]:
    """Give *members* of an API that is for callers with a certificate alone."""
    added = [] if requires_certificate(members) else [MUTUAL_TLS]
    return {**members, "securityScheme": [*_schemes(members), *added]}


def check_tier(tier: str) -> str:
    """Give *tier* as it is stored, or raise InvalidField."""
    tier = check_visible(tier.strip(), "tier", "The tier")
    if len(tier) > MAX_TIER:
        raise InvalidField("tier", f"The tier has {len(tier)} characters; at most {MAX_TIER} are possible.")
    return tier


def _schemes(members: Mapping[str, Any]) -> Sequence[Any]:
    schemes = members.get("securityScheme")
    return schemes if isinstance(schemes, list) else []
