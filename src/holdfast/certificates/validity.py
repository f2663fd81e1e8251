"""
The status of a certificate by its validity period (RFC 5280, section 4.1.2.5).
"""

from datetime import datetime, timedelta
from enum import StrEnum

from holdfast.certificates.certificate import Certificate

EXPIRING_WITHIN = timedelta(days=30)


class Status(StrEnum):
    """The status that pages and REST show for a certificate."""

    ACTIVE = "Active"
    EXPIRING = "Expiring"
    EXPIRED = "Expired"
    NOT_YET_VALID = "Not yet valid"


def status_of(certificate: Certificate, now: datetime, expiring_within: timedelta = EXPIRING_WITHIN) -> Status:
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
