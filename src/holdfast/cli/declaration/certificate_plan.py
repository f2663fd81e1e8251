"""
The steps that lead to the desired endpoint certificates, and the trust that is lost because of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from holdfast.apis.label import LabeledKind
from holdfast.certificates.validity import Status, get_status
from holdfast.cli.declaration.certificate_summary import CertificateSummary, list_fingerprints, summarize_certificate
from holdfast.cli.declaration.current_state import CurrentState, ExistingCertificate
from holdfast.cli.declaration.desired_state import DesiredState, WantedCertificate
from holdfast.cli.declaration.fields import Problems
from holdfast.cli.declaration.ownership import owns
from holdfast.cli.declaration.rotation import Rotation, plan_rotation
from holdfast.cli.declaration.steps import CertificateStep, ChangeKind, Detail


def plan_certificates(
    goal: DesiredState, existing: CurrentState, problems: Problems, now: datetime
) -> Iterator[CertificateStep]:
    """Yield the steps for aliases that differ from the desired state; report the impossible ones as problems."""
    for alias, certificate in goal.certificates.items():
        before = existing.certificates.get(alias)
        moves = before is not None and before.origin != certificate.origin
        rotation = plan_rotation(certificate, None if moves else before, existing.contents, now)
        if rotation is None:
            continue
        if rotation.uploads and all(get_status(content, now) is Status.EXPIRED for content in certificate.certificates):
            text = "All of its certificates have expired. Use the replacement."
            problems.add(certificate.content_place, text)
        yield _plan_step(certificate, before, rotation, moves=moves)


def prune_certificates(goal: DesiredState, existing: CurrentState) -> list[CertificateStep]:
    """Return steps that delete the aliases in no file; none if no file lists certificates."""
    if not goal.has_certificates:
        return []
    return [
        CertificateStep(
            ChangeKind.DELETE, None, entry, (Detail("endpoint", entry.endpoint, None),), loses=entry.trusted
        )
        for alias, entry in existing.certificates.items()
        if alias not in goal.certificates
        and owns(goal.label, existing.labels.get((LabeledKind.CERTIFICATE, alias), ()))
    ]


def list_previous_notes(goal: DesiredState, existing: CurrentState) -> Iterator[str]:
    """Yield notes about previous certificates that stay trusted only because a file lists them."""
    for alias, certificate in goal.certificates.items():
        before = existing.certificates.get(alias)
        if (
            before
            and before.retire_proposed
            and list_fingerprints(before.previous) & list_fingerprints(certificate.previous)
        ):
            yield (
                f"The backend of {alias} no longer uses the previous certificates. They stay trusted while "
                f"{certificate.place.file} lists them."
            )


class RemainingTrust:
    """The trust of origins after all steps; a certificate can be trusted under several aliases."""

    def __init__(self, existing: CurrentState, steps: Iterable[CertificateStep]) -> None:
        self._steps = tuple(steps)
        self._trusted: dict[str, set[str]] = defaultdict(set)
        names = {step.name for step in self._steps}
        for alias, entry in existing.certificates.items():
            if alias not in names:
                self._trusted[entry.origin] |= list_fingerprints(entry.trusted) or {alias}  # not read, but not empty
        for step in self._steps:
            if step.goal:
                self._trusted[step.goal.origin] |= list_fingerprints(step.after)

    def narrow(self, step: CertificateStep) -> CertificateStep:
        """Remove certificates from `loses` of *step* that its origin still trusts."""
        if not step.existing:
            return step
        endings = self._trusted[step.existing.origin]
        return replace(
            step, loses=tuple(certificate for certificate in step.loses if certificate.fingerprint not in endings)
        )

    def write_notes(self) -> Iterator[str]:
        """Yield notes about origins that no longer trust any imported certificate."""
        for origin in dict.fromkeys(step.existing.origin for step in self._steps if step.existing):
            if not self._trusted[origin]:
                yield (
                    f"{origin} has no imported certificates after this. Its backend will be verified against the "
                    "public CAs."
                )


def _plan_step(
    certificate: WantedCertificate, known_entry: ExistingCertificate | None, rotation: Rotation, *, moves: bool
) -> CertificateStep:
    current, previous = (
        tuple(map(summarize_certificate, side)) for side in (certificate.certificates, rotation.previous)
    )
    before = known_entry.trusted if known_entry else ()
    trusted_before = list_fingerprints(() if moves else before)
    after = list_fingerprints(() if moves else current + previous)
    details = (
        [Detail("endpoint", known_entry.endpoint if known_entry else None, certificate.endpoint.url)]
        if moves or not known_entry
        else []
    )
    details += _compare("certificates", known_entry.current if known_entry else None, current)
    details += _compare("previous", known_entry.previous if known_entry else (), previous)
    return CertificateStep(
        ChangeKind.CHANGE if known_entry else ChangeKind.CREATE,
        certificate,
        known_entry,
        tuple(details),
        moves,
        rotation.uploads,
        rotation.retires,
        after=current + previous,
        gains=tuple(summary for summary in current + previous if summary.fingerprint not in trusted_before),
        keeps=tuple(summary for summary in previous if summary.fingerprint in trusted_before),
        loses=tuple(summary for summary in before if summary.fingerprint not in after),
    )


def _compare(
    name: str, before: tuple[CertificateSummary, ...] | None, after: tuple[CertificateSummary, ...]
) -> list[Detail]:
    if list_fingerprints(before or ()) == list_fingerprints(after):
        return []
    return [
        Detail(name, None if before is None else sorted(list_fingerprints(before)), sorted(list_fingerprints(after)))
    ]
