"""
Labels say which files an object belongs to: others don't change or delete it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from holdfast.apis.label import LabeledKind
from holdfast.cli.declaration.current_state import CurrentState
from holdfast.cli.declaration.desired_state import DesiredState
from holdfast.cli.declaration.fields import Place, Problems
from holdfast.cli.declaration.steps import (
    ApiStep,
    CallerStep,
    CertificateStep,
    Detail,
    IdentityStep,
    LabelStep,
    Step,
    TrustStep,
)


@dataclass(frozen=True, slots=True)
class OwnedObject:
    """An existing object in the files, and its *labels*; *name* is the one that plans have."""

    kind: LabeledKind
    object: str
    name: str
    place: Place
    labels: tuple[str, ...]


def owns(label: str, labels: Iterable[str]) -> bool:
    """Return whether files with *label* may delete an object with *labels*; files without one own what has none."""
    return label in labels if label else not tuple(labels)


def plan_labels(
    goal: DesiredState, existing: CurrentState, steps: Iterable[Step], problems: Problems
) -> Iterator[LabelStep]:
    """Yield steps that label objects without labels; report objects that belong to other files as problems."""
    subjects = {subject for step in steps if (subject := _find_subject(step))}
    for entry in _list_owned(goal, existing):
        if goal.label in entry.labels or (not goal.label and not entry.labels):
            continue
        if not entry.labels:
            after = [goal.label]
            yield LabelStep(entry.kind, entry.object, entry.name, (Detail("labels", [], after),))
        elif goal.label or (entry.kind, entry.object) in subjects:
            text = f"{entry.name} has the label {', '.join(entry.labels)}, so it belongs to other files. "
            problems.add(entry.place, f"{text}Remove it here, or run `holdfast label set`.")


def _list_owned(goal: DesiredState, existing: CurrentState) -> Iterator[OwnedObject]:
    def describe(kind: LabeledKind, key: str, name: str, place: Place) -> OwnedObject:
        return OwnedObject(kind, key, name, place, existing.labels.get((kind, key), ()))

    for key, api in goal.apis.items():
        if before := existing.apis.get(key):
            yield describe(LabeledKind.API, before.id, f"{api.name}:{api.version}", api.place)
    for alias, certificate in goal.certificates.items():
        if alias in existing.certificates:
            yield describe(LabeledKind.CERTIFICATE, alias, alias, certificate.place)
    for origin, trust in goal.trust.items():
        if existing.trust.get(origin):
            yield describe(LabeledKind.TRUST, origin, origin, trust.place)


def _find_subject(step: Step) -> tuple[LabeledKind, str] | None:
    match step:
        case ApiStep(existing=api) if api:
            return LabeledKind.API, api.id
        case CallerStep(existing_api=api) if api:
            return LabeledKind.API, api.id
        case CertificateStep(existing=entry) if entry:
            return LabeledKind.CERTIFICATE, entry.alias
        case TrustStep() | IdentityStep():
            return LabeledKind.TRUST, step.name
    return None
