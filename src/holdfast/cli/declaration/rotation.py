"""
Plans the rotation of an alias to the certificates in files, so that no backend is rejected in between.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from holdfast.certificates.certificate import Certificate
from holdfast.cli.declaration.certificate_summary import CertificateSummary, list_fingerprints
from holdfast.cli.declaration.current_state import ExistingCertificate
from holdfast.cli.declaration.desired_state import WantedCertificate
from holdfast.cli.declaration.steps import CertificateUpload


@dataclass(frozen=True, slots=True)
class Rotation:
    """The uploads, or *retires* for none; *previous* are trusted afterwards in addition to the current ones."""

    uploads: tuple[CertificateUpload, ...] = ()
    retires: bool = False
    previous: tuple[Certificate, ...] = ()


def plan_rotation(
    goal: WantedCertificate,
    before: ExistingCertificate | None,
    contents: Mapping[str, Certificate],
    now: datetime,
) -> Rotation | None:
    """
    Plan the rotation from *before* (None: the alias is new at its origin) to *goal*; None if nothing differs.

    Previous certificates are those that the file lists, and those that the backend may still use. They are uploaded
    first, because only current certificates can become previous. So certificates that are trusted before and after
    are also trusted in between.
    """
    if before is None:
        previous = _select_usable(goal.previous, goal, now)
        return Rotation(_plan_uploads(previous, goal), previous=previous)
    current_content = [contents[certificate.fingerprint] for certificate in _list_kept_certificates(goal, before)]
    previous = _select_usable([*goal.previous, *current_content], goal, now)
    if list_fingerprints(before.current) != list_fingerprints(goal.certificates):
        if list_fingerprints(previous) == list_fingerprints(before.current):
            return Rotation((CertificateUpload(goal.certificates, keep=True),), previous=previous)
        return Rotation(_plan_uploads(previous, goal, before), previous=previous)
    if not previous and before.previous and (before.retire_proposed or not goal.keep_previous):
        return Rotation(retires=True)
    if list_fingerprints(previous) == list_fingerprints(
        certificate for certificate in before.previous if certificate.not_after > now
    ):
        return None
    return Rotation(_plan_uploads(previous, goal, before), previous=previous)


def _list_kept_certificates(goal: WantedCertificate, before: ExistingCertificate) -> Iterable[CertificateSummary]:
    """Return the certificates of *before* that the backend may still use, although *goal* doesn't list them."""
    if not goal.keep_previous:
        return ()
    changes = list_fingerprints(before.current) != list_fingerprints(goal.certificates)
    return (before.current if changes else ()) + (() if before.retire_proposed else before.previous)


def _select_usable(
    previous: Collection[Certificate], goal: WantedCertificate, now: datetime
) -> tuple[Certificate, ...]:
    """Remove current, expired and duplicate certificates, and keep the order; no gateway accepts expired ones."""
    current = list_fingerprints(goal.certificates)
    usable = {
        certificate.fingerprint: certificate
        for certificate in previous
        if certificate.fingerprint not in current and certificate.not_after > now
    }
    return tuple(usable.values())


def _plan_uploads(
    previous: tuple[Certificate, ...], goal: WantedCertificate, before: ExistingCertificate | None = None
) -> tuple[CertificateUpload, ...]:
    if not previous:
        return (CertificateUpload(goal.certificates),)
    last = CertificateUpload(previous, keep=True), CertificateUpload(goal.certificates, keep=True)
    comes_back = before and list_fingerprints(before.previous) & list_fingerprints(goal.certificates)
    # The first of the two uploads would remove a previous certificate that becomes current again.
    return (CertificateUpload(goal.certificates + previous, keep=True), *last) if comes_back else last
