"""
The steps that lead to the endpoint certificates that are wanted, and what origins trust no longer because of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from holdfast.certificates.validity import Status, status_of
from holdfast.cli.declaration.existing import Existing, ExistingCertificate
from holdfast.cli.declaration.fields import Problems
from holdfast.cli.declaration.rotation import Rotation, rotate
from holdfast.cli.declaration.steps import Action, CertificateStep, Detail
from holdfast.cli.declaration.trusted import Trusted, fingerprints, from_certificate
from holdfast.cli.declaration.wanted import Wanted, WantedCertificate


def plan_certificates(
    wanted: Wanted, existing: Existing, problems: Problems, now: datetime
) -> Iterator[CertificateStep]:
    """Find the steps of aliases that are not as they are wanted; note those that nothing can be done about."""
    for alias, certificate in wanted.certificates.items():
        found = existing.certificates.get(alias)
        moves = found is not None and found.origin != certificate.origin
        rotation = rotate(certificate, None if moves else found, existing.contents, now)
        if rotation is None:
            continue
        if rotation.uploads and all(status_of(each, now) is Status.EXPIRED for each in certificate.certificates):
            text = "All of its certificates have expired. Write the one that replaced it."
            problems.add(certificate.content_place, text)
        yield _step(certificate, found, rotation, moves=moves)


def prune_certificates(wanted: Wanted, existing: Existing) -> list[CertificateStep]:
    """Find the aliases that no file has; none where no file has a list of certificates."""
    if not wanted.has_certificates:
        return []
    return [
        CertificateStep(Action.DELETE, None, entry, (Detail("endpoint", entry.endpoint, None),), loses=entry.trusted)
        for alias, entry in existing.certificates.items()
        if alias not in wanted.certificates
    ]


def previous_notes(wanted: Wanted, existing: Existing) -> Iterator[str]:
    """Name the previous certificates that only a file keeps."""
    for alias, each in wanted.certificates.items():
        before = existing.certificates.get(alias)
        if before and before.retire_proposed and fingerprints(before.previous) & fingerprints(each.previous):
            yield (
                f"The backend of {alias} no longer uses the previous certificates. They stay trusted as long as "
                f"{each.place.file} lists them."
            )


class Ends:
    """What origins trust when all steps are taken: a certificate may be trusted under another alias, too."""

    def __init__(self, existing: Existing, steps: Iterable[CertificateStep]) -> None:
        self._steps = tuple(steps)
        self._trusted: dict[str, set[str]] = defaultdict(set)
        changed = {step.name for step in self._steps}
        for alias, entry in existing.certificates.items():
            if alias not in changed:
                self._trusted[entry.origin] |= fingerprints(entry.trusted) or {alias}  # not read: it holds some
        for step in self._steps:
            if step.wanted:
                self._trusted[step.wanted.origin] |= fingerprints(step.after)

    def narrow(self, step: CertificateStep) -> CertificateStep:
        """Leave out of what *step* loses what its origin goes on trusting."""
        if not step.existing:
            return step
        trusted = self._trusted[step.existing.origin]
        return replace(step, loses=tuple(each for each in step.loses if each.fingerprint not in trusted))

    def notes(self) -> Iterator[str]:
        """Name the origins that trust no imported certificate any more."""
        for origin in dict.fromkeys(step.existing.origin for step in self._steps if step.existing):
            if not self._trusted[origin]:
                yield (
                    f"No imported certificate is left for {origin}. From then on, its backend is verified against the "
                    "public roots."
                )


def _step(
    certificate: WantedCertificate, found: ExistingCertificate | None, rotation: Rotation, *, moves: bool
) -> CertificateStep:
    current, previous = (tuple(map(from_certificate, each)) for each in (certificate.certificates, rotation.previous))
    before = found.trusted if found else ()
    known = fingerprints(() if moves else before)
    after = fingerprints(() if moves else current + previous)
    details = (
        [Detail("endpoint", found.endpoint if found else None, certificate.endpoint.url)] if moves or not found else []
    )
    details += _difference("certificates", found.current if found else None, current)
    details += _difference("previous", found.previous if found else (), previous)
    return CertificateStep(
        Action.CHANGE if found else Action.CREATE,
        certificate,
        found,
        tuple(details),
        moves,
        rotation.uploads,
        rotation.retires,
        after=current + previous,
        gains=tuple(each for each in current + previous if each.fingerprint not in known),
        keeps=tuple(each for each in previous if each.fingerprint in known),
        loses=tuple(each for each in before if each.fingerprint not in after),
    )


def _difference(name: str, before: tuple[Trusted, ...] | None, after: tuple[Trusted, ...]) -> list[Detail]:
    if fingerprints(before or ()) == fingerprints(after):
        return []
    return [Detail(name, None if before is None else sorted(fingerprints(before)), sorted(fingerprints(after)))]
