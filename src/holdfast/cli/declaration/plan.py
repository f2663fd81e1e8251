"""
Plans the steps from the current state to the desired state, in an order in which nothing breaks in between.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

from holdfast.apis.catalog.connection_settings import ConnectionSettings
from holdfast.apis.catalog.lifecycle import State, transitions_from
from holdfast.cli.declaration.certificate_plan import (
    Ends,
    plan_certificates,
    previous_notes,
    prune_certificates,
)
from holdfast.cli.declaration.current_state import CurrentState, ExistingApi
from holdfast.cli.declaration.desired_state import ApiKey, DesiredState, WantedApi
from holdfast.cli.declaration.fields import Problems
from holdfast.cli.declaration.refusals import refuse_indistinguishable, refuse_taken, refuse_unknown_environments
from holdfast.cli.declaration.steps import (
    ApiStep,
    CertificateStep,
    ChangeKind,
    Detail,
    Plan,
    Step,
    TrustingStep,
    TrustStep,
)

DEFAULTS: dict[str, Any] = {
    "anchors": "imported",
    "names": [],
    "anyName": False,
    "sni": None,
    "certificatePins": [],
    "spkiPins": [],
    "revocationOfPath": True,
    "tlsMinimum": "1.2",
    "tlsMaximum": "1.3",
    "crls": [],
}


def plan(wanted: DesiredState, existing: CurrentState, now: datetime, *, prune: bool) -> Plan:
    """
    Plan the steps from *existing* to *wanted*; none if nothing differs.

    Raises:
        WrongFile: Some steps are impossible, so none should be taken.
    """
    problems = Problems()
    certificates = list(plan_certificates(wanted, existing, problems, now))
    refuse_unknown_environments(wanted, existing, problems)
    created = list(_created(wanted, existing))
    changed = list(_changed(wanted, existing, problems))
    moves = list(_moves(wanted, existing, problems))
    gone = _pruned_apis(wanted, existing) if prune else []
    in_the_way = [step for step in gone if _is_in_the_way(step, created)]
    known = _known_origins(wanted, existing, in_the_way, prune=prune)
    trust: list[TrustingStep] = [*certificates, *_trust(wanted, existing)]
    at_once, late = ([step for step in trust if _is_possible(step, known) is early] for early in (True, False))
    _refuse_foreign_origins(late, wanted, existing, problems, prune=prune)
    pruned = prune_certificates(wanted, existing) if prune else []
    steps: list[Step] = [
        *in_the_way,
        *created,
        *at_once,
        *_changes_with_their_trust(changed, late),
        *moves,
        *(step for step in gone if step not in in_the_way),
        *pruned,
    ]
    trusted = Ends(existing, (*certificates, *pruned))
    steps = [trusted.narrow(step) if isinstance(step, CertificateStep) else step for step in steps]
    remaining = [api for api in existing.apis.values() if all(api is not step.existing for step in in_the_way)]
    refuse_taken(created, remaining, problems)
    refuse_indistinguishable((step for step in steps if isinstance(step, CertificateStep)), existing, problems)
    problems.finish()
    return Plan(tuple(steps), tuple(existing.exceptions), (*trusted.notes(), *previous_notes(wanted, existing)))


def _is_possible(step: TrustingStep, known: Collection[str]) -> bool:
    """Return whether a step is possible while APIs have the origins *known*. An alias can always be replaced."""
    replaces = isinstance(step, CertificateStep) and step.existing is not None and not step.moves
    return replaces or _origin(step) in known


def _known_origins(wanted: DesiredState, existing: CurrentState, in_the_way: list[ApiStep], *, prune: bool) -> set[str]:
    """Return the origins of APIs before any endpoint changes: their trust can be changed right away."""
    known = {origin for origin, settings in existing.trust.items() if settings is not None}
    if prune and wanted.has_apis:  # all APIs are known, and those in the way are deleted
        gone = {step.existing.id for step in in_the_way if step.existing}
        known &= {origin for api in existing.apis.values() if api.id not in gone for origin in api.origins}
    new = (api for key, api in wanted.apis.items() if key not in existing.apis)
    return known | {origin for api in new for origin in api.origins}


def _created(wanted: DesiredState, existing: CurrentState) -> Iterator[ApiStep]:
    for key, api in wanted.apis.items():
        if key not in existing.apis:
            yield ApiStep(ChangeKind.CREATE, api, None, _new(api))


def _new(api: WantedApi) -> tuple[Detail, ...]:
    production, sandbox = (endpoint.url if endpoint else "" for endpoint in (api.production, api.sandbox))
    values: dict[str, Any] = {
        "context": api.context,
        "description": api.description,
        "production": production,
        "sandbox": sandbox,
    }
    values |= {name: _shown(settings.members) for name, settings in _connections(api).items()}
    values["environments"] = ", ".join(api.environments)
    values |= {"requireCallerCertificate": True} if api.requires_certificate else {}
    return tuple(Detail(name, None, value) for name, value in values.items() if value)


def _changed(wanted: DesiredState, existing: CurrentState, problems: Problems) -> Iterator[ApiStep]:
    for key, api in wanted.apis.items():
        before = existing.apis.get(key)
        if before is None:
            continue
        if api.context != before.context:
            text = (
                f"{api.name} {api.version} has the context {before.context}, which can't change. Delete the API first."
            )
            problems.add(api.context_place, text)
        values: list[tuple[str, Any, Any]] = [
            ("description", before.description, api.description),
            ("production", before.production, api.production.url if api.production else None),
            ("sandbox", before.sandbox, api.sandbox.url if api.sandbox else None),
        ]
        existing_of = {
            "productionConnection": before.production_connection,
            "sandboxConnection": before.sandbox_connection,
        }
        for name, settings in _connections(api).items():
            values.append((name, _shown(existing_of[name]), _shown(settings.members)))
        if api.environments:
            values.append(("environments", ", ".join(before.environments), ", ".join(api.environments)))
        if api.requires_certificate is not None:
            values.append(("requireCallerCertificate", before.requires_certificate, api.requires_certificate))
        if api.requires_certificate is False and before.caller_certificates:
            text = f"{api.name} {api.version} has caller certificates ({before.caller_certificates}), which would have "
            problems.add(api.place, f"{text}no effect without requireCallerCertificate. Delete them first.")
        details = tuple(Detail(*triple) for triple in values if triple[1] != triple[2])
        if details:
            yield ApiStep(ChangeKind.CHANGE, api, before, details)


def _connections(api: WantedApi) -> dict[str, ConnectionSettings]:
    """Return the desired connection settings, by field."""
    settings_by_member = {
        "productionConnection": api.production_connection if api.production else None,
        "sandboxConnection": api.sandbox_connection if api.sandbox else None,
    }
    return {name: settings for name, settings in settings_by_member.items() if settings}


def _shown(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {str(value).lower()}" for name, value in sorted(settings.items())) or "defaults"


def _moves(wanted: DesiredState, existing: CurrentState, problems: Problems) -> Iterator[ApiStep]:
    for key, api in wanted.apis.items():
        before = existing.apis.get(key)
        state = before.state if before else State.CREATED.value
        if api.state is None or api.state.value == state:
            continue
        actions = _way(state, api.state)
        if actions is None:
            text = f"{api.name} {api.version} is {state.lower()} and can't become {api.state.lower()}."
            problems.add(api.place, text)
            continue
        yield ApiStep(ChangeKind.MOVE, api, before, (Detail("state", state, api.state.value),), actions)


def _way(start: str, end: State) -> tuple[str, ...] | None:
    """Return the shortest path through the lifecycle, as actions; None if there is none."""
    if start not in State.__members__:
        return None
    ways: deque[tuple[State, tuple[str, ...]]] = deque([(State(start), ())])
    visited = {State(start)}
    while ways:
        state, way = ways.popleft()
        for action, following in transitions_from(state).items():
            if following is end:
                return (*way, action)
            if following not in visited:
                visited.add(following)
                ways.append((following, (*way, action)))
    return None


def _trust(wanted: DesiredState, existing: CurrentState) -> Iterator[TrustStep]:
    for origin, trust in wanted.trust.items():
        current = existing.trust.get(origin)
        after = dict(trust.settings)
        if trust.crls is not None:
            after["crls"] = [crl.fingerprint for crl in trust.crls]
        if current is None:
            # Settings from a time when an API had an endpoint here still exist, but can't be read until one has again.
            different = {name: value for name, value in after.items() if value != DEFAULTS[name]}
            details = [Detail(name, None, value) for name, value in different.items()]
            yield TrustStep(ChangeKind.CHANGE, trust, None, tuple(details) or (Detail("settings", None, "defaults"),))
            continue
        before = DEFAULTS | current.settings
        before["crls"] = [crl["fingerprint"] for crl in before["crls"]]
        names = [name for name in after if _unordered(after[name]) != _unordered(before[name])]
        if names:
            yield TrustStep(ChangeKind.CHANGE, trust, current, tuple(Detail(n, before[n], after[n]) for n in names))


def _unordered(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value


def _refuse_foreign_origins(
    late: Iterable[TrustingStep], wanted: DesiredState, existing: CurrentState, problems: Problems, *, prune: bool
) -> None:
    """Add a problem for each origin that no API has, or will have after all steps."""
    served = wanted.origins
    places = {_origin(step): step.wanted.place for step in late if step.wanted}
    others = [] if prune and wanted.has_apis else [api for key, api in existing.apis.items() if key not in wanted.apis]
    if all(api.body for api in others):  # otherwise, some were not read and may have any origin
        served |= {origin for api in others for origin in api.origins}
        places |= {origin: trust.place for origin, trust in wanted.trust.items()}
    for origin, place in places.items():
        if origin not in served:
            problems.add(place, f"No API has an endpoint at {origin}. Add one, or remove this.")


def _changes_with_their_trust(changed: Iterable[ApiStep], late: list[TrustingStep]) -> Iterator[Step]:
    # Trust for an origin needs an API with an endpoint there, so it follows right after the API's change.
    for step in changed:
        yield step
        origins = step.wanted.origins if step.wanted else set()
        yield from (step for step in late if _origin(step) in origins)
        late = [step for step in late if _origin(step) not in origins]


def _origin(step: TrustingStep) -> str:
    return step.wanted.origin if step.wanted else ""


def _pruned_apis(wanted: DesiredState, existing: CurrentState) -> list[ApiStep]:
    if not wanted.has_apis:
        return []
    gone: list[tuple[ApiKey, ExistingApi]] = [entry for entry in existing.apis.items() if entry[0] not in wanted.apis]
    return [ApiStep(ChangeKind.DELETE, None, api, (Detail("state", api.state, None),)) for _, api in gone]


def _is_in_the_way(step: ApiStep, created: Iterable[ApiStep]) -> bool:
    """Return whether a deleted API has the name or the context of a new one, which only one of them can have."""
    old = step.existing
    new = [step.wanted for step in created if step.wanted]
    return old is not None and any(
        (api.context == old.context) != (api.name.lower() == old.name.lower()) for api in new
    )
