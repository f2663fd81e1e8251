"""
Detects steps of a plan that the publisher would reject, before any change is made.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from itertools import islice

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.formats.parsing import MAX_CERTIFICATES
from holdfast.certificates.trust import find_indistinguishable
from holdfast.cli.declaration.current_state import CurrentState, ExistingApi
from holdfast.cli.declaration.desired_state import DesiredState, WantedApi
from holdfast.cli.declaration.fields import Problems
from holdfast.cli.declaration.steps import ApiStep, CertificateStep, ChangeKind
from holdfast.cli.declaration.wording import show_text

MAX_COMPARED = 100  # certificates of one subject and origin; the publisher compares the rest
_INDISTINGUISHABLE = "and no key identifiers to distinguish them. A gateway would trust only one of them."
Key = tuple[str, str]  # origin and subject of certificates that could be confused


def refuse_taken(created: Iterable[ApiStep], remaining: Iterable[ExistingApi], problems: Problems) -> None:
    """
    Add a problem for each new API whose name or context is taken. Versions of an API share both, other APIs neither.

    *remaining* are the APIs that exist when *created* are created.
    """
    names: dict[str, ExistingApi | WantedApi] = {}
    contexts: dict[str, ExistingApi | WantedApi] = {}
    for known in remaining:
        names[known.name.lower()] = contexts[known.context] = known
    for api in (step.wanted for step in created if step.wanted):
        same_name, same_context = names.get(api.name.lower()), contexts.get(api.context)
        if same_context and same_context.name.lower() != api.name.lower():
            text = f"The context {api.context} is already used by {_title(same_context)}. Choose another."
            problems.add(api.context_place, text)
        elif same_name and same_name.context != api.context:
            text = f"All versions of an API share a context; {_title(same_name)} has {same_name.context}."
            problems.add(api.context_place, text)
        else:
            names[api.name.lower()] = contexts[api.context] = api


def refuse_unknown_environments(wanted: DesiredState, existing: CurrentState, problems: Problems) -> None:
    """Add a problem for each API with an environment that doesn't exist."""
    for api in wanted.apis.values():
        if unknown := [name for name in api.environments if name not in existing.environments]:
            known = ", ".join(existing.environments)
            problems.add(api.place, f"There is no gateway environment {unknown[0]}. Choose from {known}.")


def refuse_indistinguishable(steps: Iterable[CertificateStep], existing: CurrentState, problems: Problems) -> None:
    """Add a problem for certificates that a gateway would confuse after any upload of *steps*."""
    trusted = _Trusted(existing)
    for step in steps:
        before = step.existing
        if before and (step.moves or step.action is ChangeKind.DELETE):
            trusted.replace(before.origin, before.alias, ())
        if step.wanted is None:
            continue
        if pairs := find_indistinguishable(step.wanted.certificates):
            text = f"Two of its certificates have the subject {show_text(pairs[0][0].subject)} {_INDISTINGUISHABLE}"
            problems.add(step.wanted.content_place, f"{text} Remove one.")
            continue
        alias, origin, current = step.wanted.alias, step.wanted.origin, _current(step, existing)
        for upload in step.uploads:
            after = (*upload.certificates, *(current if upload.keep else ()))
            current = upload.certificates
            trusted.replace(origin, alias, after)
            if len(upload.certificates) > MAX_CERTIFICATES:
                text = f"{alias} would have {len(upload.certificates)} previous certificates. The limit is"
                problems.add(
                    step.wanted.content_place, f"{text} {MAX_CERTIFICATES}. Retire some, or set keepPrevious: false."
                )
                break
            if text := trusted.mistaken(origin, alias, after):
                problems.add(step.wanted.content_place, text)
                break


def _current(step: CertificateStep, existing: CurrentState) -> tuple[Certificate, ...]:
    before = step.existing
    if before is None or step.moves:
        return ()
    return tuple(existing.contents[certificate.fingerprint] for certificate in before.current)


class _Trusted:
    """The trust of each origin as the plan progresses, by subject: only equal subjects can be confused."""

    def __init__(self, existing: CurrentState) -> None:
        self._groups: dict[Key, dict[str, tuple[Certificate, ...]]] = defaultdict(dict)
        self._subjects: dict[tuple[str, str], set[str]] = {}  # by origin and alias
        for entry in existing.certificates.values():
            known = [
                existing.contents[certificate.fingerprint]
                for certificate in entry.trusted
                if certificate.fingerprint in existing.contents
            ]
            self.replace(entry.origin, entry.alias, known)

    def replace(self, origin: str, alias: str, certificates: Collection[Certificate]) -> None:
        """Set the certificates of *alias* at *origin*."""
        for subject in self._subjects.pop((origin, alias), set()):
            del self._groups[origin, subject][alias]
        by_subject = _by_subject(certificates)
        self._subjects[origin, alias] = set(by_subject)
        for subject, group in by_subject.items():
            self._groups[origin, subject][alias] = group

    def mistaken(self, origin: str, alias: str, certificates: Collection[Certificate]) -> str:
        """Describe which of *certificates* a gateway would confuse; empty if none."""
        for subject, own in _by_subject(certificates).items():
            if find_indistinguishable(own):
                return (
                    f"{alias} would have a current and a previous certificate with the subject {show_text(subject)} "
                    f"{_INDISTINGUISHABLE} Set keepPrevious: false and apply when the backend switches."
                )
            held = self._groups[origin, subject]
            others = (
                (name, certificate)
                for name, certificates in held.items()
                if name != alias
                for certificate in certificates
            )
            for name, other in islice(others, MAX_COMPARED):
                if any(find_indistinguishable([certificate, other]) for certificate in own):
                    return (
                        f"{name} has another certificate with the subject {show_text(subject)} {_INDISTINGUISHABLE} "
                        f"Change the certificate of {name} instead."
                    )
        return ""


def _by_subject(certificates: Iterable[Certificate]) -> Mapping[str, tuple[Certificate, ...]]:
    groups: dict[str, tuple[Certificate, ...]] = {}
    for certificate in certificates:
        groups[certificate.subject] = (*groups.get(certificate.subject, ()), certificate)
    return groups


def _title(api: ExistingApi | WantedApi) -> str:
    where = f" ({api.place.file}:{api.place.line})" if isinstance(api, WantedApi) else ""
    return f"{api.name} {api.version}{where}"
