"""
What is trusted under an alias -> what files want there, so that no backend is rejected on the way.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from holdfast.certificates.certificate import Certificate
from holdfast.cli.declaration.certificate_summary import CertificateSummary, fingerprints
from holdfast.cli.declaration.current_state import ExistingCertificate
from holdfast.cli.declaration.desired_state import WantedCertificate
from holdfast.cli.declaration.steps import CertificateUpload


@dataclass(frozen=True, slots=True)
class Rotation:
    """The uploads that lead there, or *retires*; *previous* are what is trusted then beside what is current."""

    uploads: tuple[CertificateUpload, ...] = ()
    retires: bool = False
    previous: tuple[Certificate, ...] = ()


def plan_rotation(
    wanted: WantedCertificate,
    before: ExistingCertificate | None,
    contents: Mapping[str, Certificate],
    now: datetime,
) -> Rotation | None:
    """
    Find the way from *before*, None for an alias that is new at its origin, to *wanted*; None if nothing is to be done.

    Previous certificates are those that the file lists, and those that the backend may still use. They have to be
    uploaded first, since only what was current becomes previous: what is trusted before and after is trusted between.
    """
    if before is None:
        previous = _usable(wanted.previous, wanted, now)
        return Rotation(_uploads(previous, wanted), previous=previous)
    kept = [contents[certificate.fingerprint] for certificate in _kept(wanted, before)]
    previous = _usable([*wanted.previous, *kept], wanted, now)
    if fingerprints(before.current) != fingerprints(wanted.certificates):
        if fingerprints(previous) == fingerprints(before.current):
            return Rotation((CertificateUpload(wanted.certificates, keep=True),), previous=previous)
        return Rotation(_uploads(previous, wanted, before), previous=previous)
    if not previous and before.previous and (before.retire_proposed or not wanted.keep_previous):
        return Rotation(retires=True)
    if fingerprints(previous) == fingerprints(
        certificate for certificate in before.previous if certificate.not_after > now
    ):
        return None
    return Rotation(_uploads(previous, wanted, before), previous=previous)


def _kept(wanted: WantedCertificate, before: ExistingCertificate) -> Iterable[CertificateSummary]:
    """Give what *before* trusts and the backend may use, although *wanted* does not list it."""
    if not wanted.keep_previous:
        return ()
    changes = fingerprints(before.current) != fingerprints(wanted.certificates)
    return (before.current if changes else ()) + (() if before.retire_proposed else before.previous)


def _usable(previous: Collection[Certificate], wanted: WantedCertificate, now: datetime) -> tuple[Certificate, ...]:
    """Leave out what is current and what has expired, which no gateway accepts; each once, in their order."""
    current = fingerprints(wanted.certificates)
    usable = {
        certificate.fingerprint: certificate
        for certificate in previous
        if certificate.fingerprint not in current and certificate.not_after > now
    }
    return tuple(usable.values())


def _uploads(
    previous: tuple[Certificate, ...], wanted: WantedCertificate, before: ExistingCertificate | None = None
) -> tuple[CertificateUpload, ...]:
    if not previous:
        return (CertificateUpload(wanted.certificates),)
    last = CertificateUpload(previous, keep=True), CertificateUpload(wanted.certificates, keep=True)
    comes_back = before and fingerprints(before.previous) & fingerprints(wanted.certificates)
    # The first of the two would end the trust in what is previous now and becomes current again.
    return (CertificateUpload(wanted.certificates + previous, keep=True), *last) if comes_back else last
