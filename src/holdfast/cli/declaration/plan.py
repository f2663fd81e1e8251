"""
Plans the steps from the current state to the desired state, in an order in which nothing breaks in between.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

from holdfast.apis.catalog.connection_settings import SETTINGS, ConnectionSettings
from holdfast.apis.catalog.lifecycle import State, list_transitions
from holdfast.apis.label import LabeledKind
from holdfast.cli.declaration.certificate_plan import (
    RemainingTrust,
    list_previous_notes,
    plan_certificates,
    prune_certificates,
)
from holdfast.cli.declaration.current_state import CurrentState, find_origin
from holdfast.cli.declaration.desired_state import DesiredState, WantedApi
from holdfast.cli.declaration.endpoint_groups import compare_groups
from holdfast.cli.declaration.endpoint_security import compare_securities
from holdfast.cli.declaration.fields import Problems
from holdfast.cli.declaration.identity_plan import plan_callers, plan_identities
from holdfast.cli.declaration.ownership import owns, plan_labels
from holdfast.cli.declaration.refusals import refuse_indistinguishable, refuse_taken, refuse_unknown_environments
from holdfast.cli.declaration.request_rules import compare_rules
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


def plan(goal: DesiredState, existing: CurrentState, now: datetime, *, prune: bool) -> Plan:
    """
    Plan the steps from *existing* to *goal*; none if nothing differs.

    Raises:
        WrongFile: Some steps are impossible, so none should be taken.
    """
    problems = Problems()
    certificates = list(plan_certificates(goal, existing, problems, now))
    refuse_unknown_environments(goal, existing, problems)
    creations = list(plan_created(goal, existing, problems))
    changes = list(_plan_changes(goal, existing, problems))
    moves = list(_plan_moves(goal, existing, problems))
    gone = _find_pruned_apis(goal, existing) if prune else []
    in_the_way = [step for step in gone if _is_in_the_way(step, creations)]
    known_origins = _find_known_origins(goal, existing, in_the_way, prune=prune)
    trust: list[TrustingStep] = [*certificates, *_plan_trust(goal, existing)]
    at_once, late = ([step for step in trust if _is_possible(step, known_origins) is early] for early in (True, False))
    callers = list(plan_callers(goal, existing, problems, now))
    identities = list(plan_identities(goal, existing, problems, now))
    _refuse_foreign_origins(late, goal, existing, problems, prune=prune)
    deletions = prune_certificates(goal, existing) if prune else []
    steps: list[Step] = [
        *in_the_way,
        *creations,
        *at_once,
        *(step for step in identities if step.goal.origin in known_origins),
        # Deleted before an API may stop requiring one, and added before it is published.
        *(step for step in callers if step.action is ChangeKind.DELETE),
        *_order_changes(changes, late),
        *(step for step in identities if step.goal.origin not in known_origins),
        *(step for step in callers if step.action is not ChangeKind.DELETE),
        *moves,
        *(step for step in gone if step not in in_the_way),
        *deletions,
    ]
    steps += plan_labels(goal, existing, steps, problems)
    ends = RemainingTrust(existing, (*certificates, *deletions))
    steps = [ends.narrow(step) if isinstance(step, CertificateStep) else step for step in steps]
    remaining = [api for api in existing.apis.values() if all(api is not step.existing for step in in_the_way)]
    refuse_taken(creations, remaining, problems)
    refuse_indistinguishable((step for step in steps if isinstance(step, CertificateStep)), existing, problems)
    problems.finish()
    notes = (*ends.write_notes(), *list_previous_notes(goal, existing))
    return Plan(tuple(steps), tuple(existing.exceptions), notes, goal.label)


def _is_possible(step: TrustingStep, origins: Collection[str]) -> bool:
    """Return whether a step is possible while APIs have *origins*. An alias can always be replaced."""
    replaces = isinstance(step, CertificateStep) and step.existing is not None and not step.moves
    return replaces or _find_origin(step) in origins


def _find_known_origins(
    goal: DesiredState, existing: CurrentState, in_the_way: list[ApiStep], *, prune: bool
) -> set[str]:
    """Return the origins of APIs before any endpoint changes: their trust can be changed right away."""
    origins = {origin for origin, settings in existing.trust.items() if settings and not settings.is_unused}
    if prune and goal.has_apis:  # all APIs are known, and those in the way are deleted
        gone = {step.existing.id for step in in_the_way if step.existing}
        origins &= {origin for api in existing.apis.values() if api.id not in gone for origin in api.origins}
    new = (api for key, api in goal.apis.items() if key not in existing.apis)
    return origins | {origin for api in new for origin in api.origins}


def plan_created(goal: DesiredState, existing: CurrentState, problems: Problems) -> Iterator[ApiStep]:
    """Yield the steps for APIs that don't exist."""
    for key, api in goal.apis.items():
        if key not in existing.apis:
            yield ApiStep(ChangeKind.CREATE, api, None, _describe_new(api, problems))


def _describe_new(api: WantedApi, problems: Problems) -> tuple[Detail, ...]:
    production, sandbox = (endpoint.url if endpoint else "" for endpoint in (api.production, api.sandbox))
    values: dict[str, Any] = {
        "context": api.context,
        "description": api.description,
        "production": production,
        "sandbox": sandbox,
    }
    values |= {name: _write_settings(settings.members) for name, settings in _find_connections(api).items()}
    values |= {name: after for name, _, after in compare_securities(api, None, problems) if after != "none"}
    values |= {name: after for name, _, after in compare_rules(api, None, problems)}
    values |= {"endpointGroup": compare_groups(api.groups, {})[1]} if api.groups and api.groups.groups else {}
    values["environments"] = ", ".join(api.environments)
    values |= {"requireCallerCertificate": True} if api.requires_certificate else {}
    return tuple(Detail(name, None, value) for name, value in values.items() if value)


def _plan_changes(goal: DesiredState, existing: CurrentState, problems: Problems) -> Iterator[ApiStep]:
    for key, api in goal.apis.items():
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
        for name, settings in _find_connections(api).items():
            values.append((name, _write_settings(existing_of[name]), _write_settings(settings.members)))
        values += compare_securities(api, before, problems)
        values += compare_rules(api, before, problems)
        if api.groups:
            values.append(("endpointGroup", *compare_groups(api.groups, before.body.get("endpointConfig") or {})))
        if api.environments:
            values.append(("environments", ", ".join(before.environments), ", ".join(api.environments)))
        if api.requires_certificate is not None:
            values.append(("requireCallerCertificate", before.requires_certificate, api.requires_certificate))
        if api.requires_certificate is False and before.callers and api.callers is None:
            text = f"{api.name} {api.version} has caller certificates ({len(before.callers)}), which would have "
            problems.add(api.place, f"{text}no effect without requireCallerCertificate. Delete them first.")
        details = tuple(Detail(*triple) for triple in values if triple[1] != triple[2])
        if details:
            yield ApiStep(ChangeKind.CHANGE, api, before, details)


def _find_connections(api: WantedApi) -> dict[str, ConnectionSettings]:
    """Return the desired connection settings, by field."""
    settings_by_member = {
        "productionConnection": api.production_connection if api.production else None,
        "sandboxConnection": api.sandbox_connection if api.sandbox else None,
    }
    return {name: settings for name, settings in settings_by_member.items() if settings}


def _write_settings(members: dict[str, Any]) -> str:
    settings = {setting.name: members[setting.member] for setting in SETTINGS.values() if setting.member in members}
    return ", ".join(f"{name}: {str(value).lower()}" for name, value in sorted(settings.items())) or "defaults"


def _plan_moves(goal: DesiredState, existing: CurrentState, problems: Problems) -> Iterator[ApiStep]:
    for key, api in goal.apis.items():
        before = existing.apis.get(key)
        state = before.state if before else State.CREATED.value
        if api.state is None or api.state.value == state:
            continue
        actions = _find_way(state, api.state)
        if actions is None:
            text = f"{api.name} {api.version} is {state.lower()} and can't become {api.state.lower()}."
            problems.add(api.place, text)
            continue
        yield ApiStep(ChangeKind.MOVE, api, before, (Detail("state", state, api.state.value),), actions)


def _find_way(start: str, end: State) -> tuple[str, ...] | None:
    """Return the shortest path through the lifecycle, as actions; None if there is none."""
    if start not in State.__members__:
        return None
    ways: deque[tuple[State, tuple[str, ...]]] = deque([(State(start), ())])
    states = {State(start)}
    while ways:
        state, way = ways.popleft()
        for action, following in list_transitions(state).items():
            if following is end:
                return (*way, action)
            if following not in states:
                states.add(following)
                ways.append((following, (*way, action)))
    return None


def _plan_trust(goal: DesiredState, existing: CurrentState) -> Iterator[TrustStep]:
    for origin, trust in goal.trust.items():
        current = existing.trust.get(origin)
        after = dict(trust.settings)
        if trust.crls is not None:
            after["crls"] = [crl.fingerprint for crl in trust.crls]
        if current is None:
            different = {name: value for name, value in after.items() if value != DEFAULTS[name]}
            details = [Detail(name, None, value) for name, value in different.items()]
            if details:
                yield TrustStep(ChangeKind.CHANGE, trust, None, tuple(details))
            continue
        before = DEFAULTS | current.settings
        before["crls"] = [crl["fingerprint"] for crl in before["crls"]]
        names = [name for name in after if _ignore_order(after[name]) != _ignore_order(before[name])]
        if names:
            yield TrustStep(ChangeKind.CHANGE, trust, current, tuple(Detail(n, before[n], after[n]) for n in names))


def _ignore_order(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value


def _refuse_foreign_origins(
    late: Iterable[TrustingStep], goal: DesiredState, existing: CurrentState, problems: Problems, *, prune: bool
) -> None:
    """Add a problem for each origin that no API has, or will have after all steps."""
    origins = goal.origins
    # Groups that a file leaves as they are.
    current_apis = [existing.apis[key] for key, api in goal.apis.items() if api.groups is None and key in existing.apis]
    origins |= {find_origin(url) for api in current_apis for url in api.further}
    places = {_find_origin(step): step.goal.place for step in late if step.goal}
    gone = [step.existing for step in _find_pruned_apis(goal, existing)] if prune else []
    others = [api for key, api in existing.apis.items() if key not in goal.apis and api not in gone]
    if all(api.body for api in others):  # otherwise, some were not read and may have any origin
        origins |= {origin for api in others for origin in api.origins}
        places |= {origin: trust.place for origin, trust in goal.trust.items()}
        places |= {origin: identity.place for origin, identity in goal.identities.items()}
    for origin, place in places.items():
        if origin not in origins:
            problems.add(place, f"No API has an endpoint at {origin}. Add one, or remove this.")


def _order_changes(changes: Iterable[ApiStep], late: list[TrustingStep]) -> Iterator[Step]:
    # Trust for an origin needs an API with an endpoint there, so it follows right after the API's change.
    for step in changes:
        yield step
        origins = step.goal.origins if step.goal else set()
        yield from (step for step in late if _find_origin(step) in origins)
        late = [step for step in late if _find_origin(step) not in origins]


def _find_origin(step: TrustingStep) -> str:
    return step.goal.origin if step.goal else ""


def _find_pruned_apis(goal: DesiredState, existing: CurrentState) -> list[ApiStep]:
    if not goal.has_apis:
        return []
    return [
        ApiStep(ChangeKind.DELETE, None, api, (Detail("state", api.state, None),))
        for key, api in existing.apis.items()
        if key not in goal.apis and owns(goal.label, existing.labels.get((LabeledKind.API, api.id), ()))
    ]


def _is_in_the_way(step: ApiStep, creations: Iterable[ApiStep]) -> bool:
    """Return whether a deleted API has the name or the context of a new one, which only one of them can have."""
    old = step.existing
    new = [step.goal for step in creations if step.goal]
    return old is not None and any(
        (api.context == old.context) != (api.name.lower() == old.name.lower()) for api in new
    )
