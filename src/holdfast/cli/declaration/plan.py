"""
What there is and what is wanted -> the steps from the one to the other, in an order in which nothing breaks between.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from holdfast.apis.connection_settings import ConnectionSettings
from holdfast.apis.lifecycle import State, transitions_from
from holdfast.certificates.validity import Status, status_of
from holdfast.cli.declaration.existing import Existing, ExistingApi, origin_of
from holdfast.cli.declaration.fields import Problems
from holdfast.cli.declaration.steps import Action, ApiStep, CertificateStep, Detail, Step, TrustingStep, TrustStep
from holdfast.cli.declaration.wanted import ApiKey, Wanted, WantedApi

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


def plan(wanted: Wanted, existing: Existing, now: datetime, *, prune: bool) -> list[Step]:
    """
    Find the steps that lead from *existing* to *wanted*; none when all is as it is wanted.

    Raises:
        Misused: Some of it cannot be done; nothing should be, then.
    """
    problems = Problems()
    trust: list[TrustingStep] = [*_certificates(wanted, existing, problems, now), *_trust(wanted, existing)]
    _refuse_foreign_origins(trust, wanted, existing, problems)
    created = list(_created(wanted, existing))
    changed = list(_changed(wanted, existing, problems))
    moves = list(_moves(wanted, existing, problems))
    problems.finish()
    gone = _pruned_apis(wanted, existing) if prune else []
    in_the_way = [step for step in gone if _is_in_the_way(step, created)]
    known = {origin for origin, settings in existing.trust.items() if settings is not None}
    known |= {origin for step in created if step.wanted for origin in step.wanted.origins}
    return [
        *in_the_way,
        *created,
        *(step for step in trust if _origin(step) in known),
        *_changes_with_their_trust(changed, [step for step in trust if _origin(step) not in known]),
        *moves,
        *(step for step in gone if step not in in_the_way),
        *(_pruned_certificates(wanted, existing) if prune else []),
    ]


def _created(wanted: Wanted, existing: Existing) -> Iterator[ApiStep]:
    for key, api in wanted.apis.items():
        if key not in existing.apis:
            yield ApiStep(Action.CREATE, api, None, _new(api))


def _new(api: WantedApi) -> tuple[Detail, ...]:
    production, sandbox = (each.url if each else "" for each in (api.production, api.sandbox))
    values = {"context": api.context, "description": api.description, "production": production, "sandbox": sandbox}
    values |= {name: _shown(settings.members) for name, settings in _connections(api).items()}
    return tuple(Detail(name, None, value) for name, value in values.items() if value)


def _changed(wanted: Wanted, existing: Existing, problems: Problems) -> Iterator[ApiStep]:
    for key, api in wanted.apis.items():
        before = existing.apis.get(key)
        if before is None:
            continue
        if api.context != before.context:
            text = f"{api.name} {api.version} has the context {before.context}, which stays. Delete the API first."
            problems.add(api.place, text)
        values = [
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
        details = tuple(Detail(*each) for each in values if each[1] != each[2])
        if details:
            yield ApiStep(Action.CHANGE, api, before, details)


def _connections(api: WantedApi) -> dict[str, ConnectionSettings]:
    """Give the connection settings that are wanted, by their field."""
    found = {
        "productionConnection": api.production_connection if api.production else None,
        "sandboxConnection": api.sandbox_connection if api.sandbox else None,
    }
    return {name: settings for name, settings in found.items() if settings}


def _shown(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {str(value).lower()}" for name, value in sorted(settings.items())) or "defaults"


def _moves(wanted: Wanted, existing: Existing, problems: Problems) -> Iterator[ApiStep]:
    for key, api in wanted.apis.items():
        before = existing.apis.get(key)
        state = before.state if before else State.CREATED.value
        if api.state is None or api.state.value == state:
            continue
        actions = _way(state, api.state)
        if actions is None:
            text = f"{api.name} {api.version} is {state.lower()}, and nothing leads from there to {api.state.lower()}."
            problems.add(api.place, text)
            continue
        yield ApiStep(Action.MOVE, api, before, (Detail("state", state, api.state.value),), actions)


def _way(start: str, end: State) -> tuple[str, ...] | None:
    """Find the shortest way through the lifecycle, as actions."""
    if start not in State.__members__:
        return None
    ways: deque[tuple[State, tuple[str, ...]]] = deque([(State(start), ())])
    seen = {State(start)}
    while ways:
        state, way = ways.popleft()
        for action, following in transitions_from(state).items():
            if following is end:
                return (*way, action)
            if following not in seen:
                seen.add(following)
                ways.append((following, (*way, action)))
    return None


def _certificates(wanted: Wanted, existing: Existing, problems: Problems, now: datetime) -> Iterator[CertificateStep]:
    for alias, certificate in wanted.certificates.items():
        before = existing.certificates.get(alias)
        prints = frozenset(each.fingerprint for each in certificate.certificates)
        moves = before is not None and origin_of(before.endpoint) != certificate.origin
        if before and not moves and before.fingerprints == prints:
            continue
        if all(status_of(each, now) is Status.EXPIRED for each in certificate.certificates):
            problems.add(certificate.place, "All of its certificates have expired. Write the one that replaced it.")
        details = []
        if before is None or moves:
            details.append(Detail("endpoint", before.endpoint if before else None, certificate.endpoint.url))
        if before is None or before.fingerprints != prints:
            old = sorted(before.fingerprints) if before else None
            details.append(Detail("certificates", old, sorted(prints)))
        action = Action.CHANGE if before else Action.CREATE
        yield CertificateStep(action, certificate, before, tuple(details), moves)


def _trust(wanted: Wanted, existing: Existing) -> Iterator[TrustStep]:
    for origin, trust in wanted.trust.items():
        before = DEFAULTS | (existing.trust.get(origin) or {})
        before["crls"] = [crl["fingerprint"] for crl in before["crls"]]
        after = dict(trust.settings)
        if trust.crls is not None:
            after["crls"] = [crl.fingerprint for crl in trust.crls]
        different = [name for name in after if _unordered(after[name]) != _unordered(before[name])]
        details = tuple(Detail(name, before[name], after[name]) for name in different)
        if details:
            yield TrustStep(Action.CHANGE, trust, details)


def _unordered(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value


def _refuse_foreign_origins(
    steps: Iterable[TrustingStep], wanted: Wanted, existing: Existing, problems: Problems
) -> None:
    ours = {origin for api in wanted.apis.values() for origin in api.origins}
    for step in steps:
        origin = _origin(step)
        if step.wanted and origin not in ours and existing.trust.get(origin) is None:
            text = f"No API has an endpoint at {origin}. Add one, or leave this out."
            problems.add(step.wanted.place, text)


def _changes_with_their_trust(changed: Iterable[ApiStep], late: list[TrustingStep]) -> Iterator[Step]:
    # An origin can be trusted only once an API has it. So that it is not refused for long, its trust comes at once.
    for step in changed:
        yield step
        origins = step.wanted.origins if step.wanted else set()
        yield from (each for each in late if _origin(each) in origins)
        late = [each for each in late if _origin(each) not in origins]


def _origin(step: TrustingStep) -> str:
    return step.wanted.origin if step.wanted else ""


def _pruned_apis(wanted: Wanted, existing: Existing) -> list[ApiStep]:
    if not wanted.has_apis:
        return []
    gone: list[tuple[ApiKey, ExistingApi]] = [each for each in existing.apis.items() if each[0] not in wanted.apis]
    return [ApiStep(Action.DELETE, None, api, (Detail("state", api.state, None),)) for _, api in gone]


def _pruned_certificates(wanted: Wanted, existing: Existing) -> list[CertificateStep]:
    if not wanted.has_certificates:
        return []
    return [
        CertificateStep(Action.DELETE, None, entry, (Detail("endpoint", entry.endpoint, None),))
        for alias, entry in existing.certificates.items()
        if alias not in wanted.certificates
    ]


def _is_in_the_way(step: ApiStep, created: Iterable[ApiStep]) -> bool:
    """Whether an API that goes has the name or the context of one that comes, which only one of them can have."""
    old = step.existing
    new = [each.wanted for each in created if each.wanted]
    return old is not None and any(
        (api.context == old.context) != (api.name.lower() == old.name.lower()) for api in new
    )
