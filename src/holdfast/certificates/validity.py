"""
The status of a certificate by its validity period (RFC 5280, section 4.1.2.5).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

EXPIRING_WITHIN = timedelta(days=30)


class HasValidity(Protocol):
    """Something with a validity period, such as a certificate; both ends are aware."""

    @property
    def not_before(self) -> datetime:
        """The beginning."""

    @property
    def not_after(self) -> datetime:
        """The end."""


class Status(StrEnum):
    """The status that pages and REST show for a certificate."""

    ACTIVE = "Active"
    EXPIRING = "Expiring"
    EXPIRED = "Expired"
    NOT_YET_VALID = "Not yet valid"
    UNREADABLE = "Unreadable"  # what is stored can't be read


def get_status(certificate: HasValidity, now: datetime, expiring_within: timedelta = EXPIRING_WITHIN) -> Status:
    """
    Return the status of *certificate* at *now* (aware); both ends of its validity period are inclusive.
    """
    if now > certificate.not_after:
        return Status.EXPIRED
    if now < certificate.not_before:
        return Status.NOT_YET_VALID
    if certificate.not_after - now <= expiring_within:
        return Status.EXPIRING
    return Status.ACTIVE


def explain_expiry(certificates: Sequence[HasValidity], now: datetime, rejected_by: str = "every gateway") -> str:
    """Return why Holdfast refuses *certificates* that have all expired by *now* (aware); empty if one hasn't."""
    if any(get_status(certificate, now) is not Status.EXPIRED for certificate in certificates):
        return ""
    not_after = max(certificate.not_after for certificate in certificates)
    return (
        f"The certificate expired on {not_after:%Y-%m-%d %H:%M} UTC, so {rejected_by} would reject it. "
        "Import its replacement."
    )
