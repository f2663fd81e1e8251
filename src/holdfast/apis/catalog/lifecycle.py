"""
The lifecycle of an API: its states, the actions between them, and which states are served.
"""

from enum import StrEnum

from holdfast.apis.errors import TransitionRefused


class State(StrEnum):
    """Lifecycle states, as spelled in WSO2's publisher REST API."""

    CREATED = "CREATED"
    PUBLISHED = "PUBLISHED"
    DEPRECATED = "DEPRECATED"
    RETIRED = "RETIRED"

    @property
    def is_served(self) -> bool:
        """Whether the gateways serve an API in this state."""
        return self in {State.PUBLISHED, State.DEPRECATED}


_TRANSITIONS: dict[State, dict[str, State]] = {
    State.CREATED: {"Publish": State.PUBLISHED},
    State.PUBLISHED: {"Demote to Created": State.CREATED, "Deprecate": State.DEPRECATED},
    State.DEPRECATED: {"Publish": State.PUBLISHED, "Retire": State.RETIRED},
    State.RETIRED: {},
}


def transitions_from(state: State) -> dict[str, State]:
    """Return the possible actions in *state*, each with the resulting state."""
    return dict(_TRANSITIONS[state])


def transit(state: State, action: str) -> State:
    """
    Return the state after *action* in *state*.

    Raises:
        TransitionRefused: *state* has no such action.
    """
    try:
        return _TRANSITIONS[state][action]
    except KeyError as error:
        raise TransitionRefused(action, state, list(_TRANSITIONS[state])) from error
