"""
What is trusted under an alias -> what files want there, so that no backend is rejected on the way.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from holdfast.certificates.certificate import Certificate
from holdfast.cli.declaration.existing import ExistingCertificate
from holdfast.cli.declaration.steps import Upload
from holdfast.cli.declaration.trusted import Trusted, fingerprints
from holdfast.cli.declaration.wanted import WantedCertificate


@dataclass(frozen=True, slots=True)
class Rotation:
    """The uploads that lead there, or *retires*; *previous* are what is trusted then beside what is current."""

    uploads: tuple[Upload, ...] = ()
    retires: bool = False
    previous: tuple[Certificate, ...] = ()


def rotate(
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
    kept = [contents[each.fingerprint] for each in _kept(wanted, before)]
    previous = _usable([*wanted.previous, *kept], wanted, now)
    if fingerprints(before.current) != fingerprints(wanted.certificates):
        if fingerprints(previous) == fingerprints(before.current):
            return Rotation((Upload(wanted.certificates, keep=True),), previous=previous)
        return Rotation(_uploads(previous, wanted, before), previous=previous)
    if not previous and before.previous and (before.retire_proposed or not wanted.keep_previous):
        return Rotation(retires=True)
    if fingerprints(previous) == fingerprints(each for each in before.previous if each.not_after > now):
        return None
    return Rotation(_uploads(previous, wanted, before), previous=previous)


def _kept(wanted: WantedCertificate, before: ExistingCertificate) -> Iterable[Trusted]:
    """Give what *before* trusts and the backend may use, although *wanted* does not list it."""
    if not wanted.keep_previous:
        return ()
    changes = fingerprints(before.current) != fingerprints(wanted.certificates)
    return (before.current if changes else ()) + (() if before.retire_proposed else before.previous)


def _usable(previous: Collection[Certificate], wanted: WantedCertificate, now: datetime) -> tuple[Certificate, ...]:
    """Leave out what is current and what has expired, which no gateway accepts; each once, in their order."""
    current = fingerprints(wanted.certificates)
    found = {each.fingerprint: each for each in previous if each.fingerprint not in current and each.not_after > now}
    return tuple(found.values())


def _uploads(
    previous: tuple[Certificate, ...], wanted: WantedCertificate, before: ExistingCertificate | None = None
) -> tuple[Upload, ...]:
    if not previous:
        return (Upload(wanted.certificates),)
    last = Upload(previous, keep=True), Upload(wanted.certificates, keep=True)
    comes_back = before and fingerprints(before.previous) & fingerprints(wanted.certificates)
    # The first of the two would end the trust in what is previous now and becomes current again.
    return (Upload(wanted.certificates + previous, keep=True), *last) if comes_back else last
