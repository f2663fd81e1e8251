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
class Owned:
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
    wanted: DesiredState, existing: CurrentState, steps: Iterable[Step], problems: Problems
) -> Iterator[LabelStep]:
    """Yield steps that label objects without labels; report objects that belong to other files as problems."""
    changed = {subject for step in steps if (subject := _subject(step))}
    for owned in _list_owned(wanted, existing):
        if wanted.label in owned.labels or (not wanted.label and not owned.labels):
            continue
        if not owned.labels:
            after = [wanted.label]
            yield LabelStep(owned.kind, owned.object, owned.name, (Detail("labels", [], after),))
        elif wanted.label or (owned.kind, owned.object) in changed:
            text = f"{owned.name} has the label {', '.join(owned.labels)}, so it belongs to other files. "
            problems.add(owned.place, f"{text}Remove it here, or run `holdfast label set`.")


def _list_owned(wanted: DesiredState, existing: CurrentState) -> Iterator[Owned]:
    def owned(kind: LabeledKind, key: str, name: str, place: Place) -> Owned:
        return Owned(kind, key, name, place, existing.labels.get((kind, key), ()))

    for key, api in wanted.apis.items():
        if before := existing.apis.get(key):
            yield owned(LabeledKind.API, before.id, f"{api.name}:{api.version}", api.place)
    for alias, certificate in wanted.certificates.items():
        if alias in existing.certificates:
            yield owned(LabeledKind.CERTIFICATE, alias, alias, certificate.place)
    for origin, trust in wanted.trust.items():
        if existing.trust.get(origin):
            yield owned(LabeledKind.TRUST, origin, origin, trust.place)


def _subject(step: Step) -> tuple[LabeledKind, str] | None:
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
