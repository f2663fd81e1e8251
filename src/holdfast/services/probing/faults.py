"""
All faults of the certificates that a backend presents, in order of priority.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.comparison import Difference, compare
from holdfast.certificates.trust import TrustSet
from holdfast.gateway.failures.causes import CERTIFICATE_CAUSES, Cause
from holdfast.gateway.resources.public_roots import read_public_roots

# A gateway stops at the first stage with a fault, so it has accepted what a comparison finds at an earlier stage.
_OF_ISSUER = {Cause.SELF_SIGNED_NOT_TRUSTED, Cause.UNKNOWN_ISSUER, Cause.CHAIN_INCOMPLETE}
_STAGES = (
    {Cause.KEY_USAGE_WRONG},  # of the backend's own certificate, checked in the handshake
    _OF_ISSUER,
    {Cause.REVOKED, Cause.CRL_STALE},
    {Cause.EXPIRED, Cause.NOT_YET_VALID, Cause.WEAK_SIGNATURE, Cause.WEAK_KEY},
    {Cause.NO_SUBJECT_ALT_NAME, Cause.HOSTNAME_MISMATCH},
    {Cause.PIN_MISMATCH},
)
# Checked by a gateway once it has a valid path.
AFTER_THE_PATH = {Cause.NO_SUBJECT_ALT_NAME, Cause.HOSTNAME_MISMATCH, Cause.PIN_MISMATCH}


@dataclass(frozen=True, slots=True)
class Fault:
    """A cause for which a gateway rejects a backend, and the field that differs, if a comparison shows it."""

    cause: Cause
    difference: Difference | None = None


def find_faults(
    reported_cause: Cause, chain: Sequence[Certificate], trust: TrustSet, now: datetime
) -> tuple[Fault, ...]:
    """
    Return the faults of *chain* (not empty), which the gateway rejected with *reported_cause*; the first is the code.

    They always include the reported cause, or `chain_incomplete` if the gateway says `unknown_issuer` for both.
    """
    comparison = compare(chain, trust, now, read_public_roots() if trust.public_roots else ())
    differences = {Cause(difference.code): difference.difference for difference in comparison}
    if reported_cause is Cause.UNKNOWN_ISSUER and Cause.CHAIN_INCOMPLETE in differences:
        reported_cause = Cause.CHAIN_INCOMPLETE
    later = [cause for cause in differences if _find_stage(cause) >= _find_stage(reported_cause)]
    causes = {reported_cause, *(cause for cause in later if not (reported_cause in _OF_ISSUER and cause in _OF_ISSUER))}
    return tuple(Fault(cause, differences.get(cause)) for cause in sorted(causes, key=CERTIFICATE_CAUSES.index))


def _find_stage(cause: Cause) -> float:
    # The rest, such as purposes and path lengths, is checked once there is a path, before revocation.
    return next((number for number, causes in enumerate(_STAGES) if cause in causes), 1.5)
