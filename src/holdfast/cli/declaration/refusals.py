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


def refuse_taken(creations: Iterable[ApiStep], remaining: Iterable[ExistingApi], problems: Problems) -> None:
    """
    Add a problem for each new API whose name or context is taken. Versions of an API share both, other APIs neither.

    *remaining* are the APIs that exist when *creations* are created.
    """
    names: dict[str, ExistingApi | WantedApi] = {}
    contexts: dict[str, ExistingApi | WantedApi] = {}
    for existing in remaining:
        names[existing.name.lower()] = contexts[existing.context] = existing
    for api in (step.goal for step in creations if step.goal):
        same_name, same_context = names.get(api.name.lower()), contexts.get(api.context)
        if same_context and same_context.name.lower() != api.name.lower():
            text = f"The context {api.context} is already used by {_write_title(same_context)}. Choose another."
            problems.add(api.context_place, text)
        elif same_name and same_name.context != api.context:
            text = f"All versions of an API share a context; {_write_title(same_name)} has {same_name.context}."
            problems.add(api.context_place, text)
        else:
            names[api.name.lower()] = contexts[api.context] = api


def refuse_unknown_environments(goal: DesiredState, existing: CurrentState, problems: Problems) -> None:
    """Add a problem for each API with an environment that doesn't exist."""
    for api in goal.apis.values():
        if unknown := [name for name in api.environments if name not in existing.environments]:
            names = ", ".join(existing.environments)
            problems.add(api.place, f"There is no gateway environment {unknown[0]}. Choose from {names}.")


def refuse_indistinguishable(steps: Iterable[CertificateStep], existing: CurrentState, problems: Problems) -> None:
    """Add a problem for certificates that a gateway would confuse after any upload of *steps*."""
    trust = _CertificatesBySubject(existing)
    for step in steps:
        before = step.existing
        if before and (step.moves or step.action is ChangeKind.DELETE):
            trust.replace(before.origin, before.alias, ())
        if step.goal is None:
            continue
        if pairs := find_indistinguishable(step.goal.certificates):
            text = f"Two of its certificates have the subject {show_text(pairs[0][0].subject)} {_INDISTINGUISHABLE}"
            problems.add(step.goal.content_place, f"{text} Remove one.")
            continue
        alias, origin, current = step.goal.alias, step.goal.origin, _find_current(step, existing)
        for upload in step.uploads:
            after = (*upload.certificates, *(current if upload.keep else ()))
            current = upload.certificates
            trust.replace(origin, alias, after)
            if len(upload.certificates) > MAX_CERTIFICATES:
                text = f"{alias} would have {len(upload.certificates)} previous certificates. The limit is"
                problems.add(
                    step.goal.content_place, f"{text} {MAX_CERTIFICATES}. Retire some, or set keepPrevious: false."
                )
                break
            if text := trust.describe_confusion(origin, alias, after):
                problems.add(step.goal.content_place, text)
                break


def _find_current(step: CertificateStep, existing: CurrentState) -> tuple[Certificate, ...]:
    before = step.existing
    if before is None or step.moves:
        return ()
    return tuple(existing.contents[certificate.fingerprint] for certificate in before.current)


class _CertificatesBySubject:
    """The trust of each origin as the plan progresses, by subject: only equal subjects can be confused."""

    def __init__(self, existing: CurrentState) -> None:
        self._groups: dict[Key, dict[str, tuple[Certificate, ...]]] = defaultdict(dict)
        self._subjects: dict[tuple[str, str], set[str]] = {}  # by origin and alias
        for entry in existing.certificates.values():
            contents = [
                existing.contents[certificate.fingerprint]
                for certificate in entry.trusted
                if certificate.fingerprint in existing.contents
            ]
            self.replace(entry.origin, entry.alias, contents)

    def replace(self, origin: str, alias: str, certificates: Collection[Certificate]) -> None:
        """Set the certificates of *alias* at *origin*."""
        for subject in self._subjects.pop((origin, alias), set()):
            del self._groups[origin, subject][alias]
        by_subject = _group_by_subject(certificates)
        self._subjects[origin, alias] = set(by_subject)
        for subject, group in by_subject.items():
            self._groups[origin, subject][alias] = group

    def describe_confusion(self, origin: str, alias: str, certificates: Collection[Certificate]) -> str:
        """Describe which of *certificates* a gateway would confuse; empty if none."""
        for subject, own in _group_by_subject(certificates).items():
            if find_indistinguishable(own):
                return (
                    f"{alias} would have a current and a previous certificate with the subject {show_text(subject)} "
                    f"{_INDISTINGUISHABLE} Set keepPrevious: false and apply when the backend switches."
                )
            group = self._groups[origin, subject]
            others = (
                (name, certificate)
                for name, certificates in group.items()
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


def _group_by_subject(certificates: Iterable[Certificate]) -> Mapping[str, tuple[Certificate, ...]]:
    groups: dict[str, tuple[Certificate, ...]] = {}
    for certificate in certificates:
        groups[certificate.subject] = (*groups.get(certificate.subject, ()), certificate)
    return groups


def _write_title(api: ExistingApi | WantedApi) -> str:
    where = f" ({api.place.file}:{api.place.line})" if isinstance(api, WantedApi) else ""
    return f"{api.name} {api.version}{where}"
