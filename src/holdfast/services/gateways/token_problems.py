"""
Which gateways get no access tokens for which backends, by their last reports.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import Environment
from holdfast.gateway.control.states import GatewayState
from holdfast.gateway.failures.causes import TOKEN_CAUSES, Cause
from holdfast.gateway.failures.explanation import Explanation
from holdfast.gateway.failures.explanations import EXPLANATIONS
from holdfast.gateway.failures.token_problem import TokenProblem
from holdfast.gateway.resources.cluster_names import read_cluster_name
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.gateways.statuses import GatewayStatus, Sources, read_state
from holdfast.store.catalog import apis


@dataclass(frozen=True, slots=True)
class MissingToken:
    """A backend for which a *gateway* gets no token."""

    gateway: str
    api: Api
    environment: Environment
    problem: TokenProblem

    @property
    def explanation(self) -> Explanation:
        """The meaning of the cause, and what to do."""
        return EXPLANATIONS[Cause(self.problem.cause)]


def find_own(context: Context, sources: Sources) -> list[MissingToken]:
    """Return the backends of the user's organization for which a connected gateway gets no token."""
    context.user.require(Permission.VIEW_APIS)
    remote_states = (read_state(record) for record in sources.elsewhere.others.connections.values())
    states = [state for state in (*sources.states.list_all(), *remote_states) if state and state.connected_since]
    return _find(context, states, context.user.organization)


def find_shown(context: Context, statuses: Iterable[GatewayStatus]) -> dict[str, list[MissingToken]]:
    """Return the backends for which gateways with these *statuses* get no token, by the name of the gateway."""
    by_gateway: defaultdict[str, list[MissingToken]] = defaultdict(list)
    for missing in _find(context, [status.reported_state for status in statuses if status.reported_state]):
        by_gateway[missing.gateway].append(missing)
    return dict(by_gateway)


def _find(context: Context, states: Iterable[GatewayState], organization: str = "") -> list[MissingToken]:
    """Return what is missing for backends that still exist; without *organization*, of all."""
    problems = [
        (state.peer.name, owner, problem)
        for state in states
        for problem in (state.report.tokens if state.report else ())
        if (owner := read_cluster_name(problem.backend))
        and problem.cause in TOKEN_CAUSES
        and organization in {"", owner[0]}
    ]
    ids: defaultdict[str, set[str]] = defaultdict(set)
    for _, owner, _ in problems:
        ids[owner[0]].add(owner[1])
    if not ids:
        return []
    with context.read() as session:
        apis_by_id = {
            (owner_id, api.id): api
            for owner_id, own in ids.items()
            for api in apis.list_with_ids(session, owner_id, own)
        }
    return [
        MissingToken(gateway, apis_by_id[owner[:2]], owner[2], problem)
        for gateway, owner, problem in problems
        if owner[:2] in apis_by_id
    ]
