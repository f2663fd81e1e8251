"""
The lifecycle of an API: its states, the actions between them, and which states are served.
"""

from enum import StrEnum

from holdfast.apis.errors import TransitionRefused


class State(StrEnum):
    """Lifecycle states, as spelled in WSO2's publisher REST API."""

    CREATED = "CREATED"
    PROTOTYPED = "PROTOTYPED"
    PUBLISHED = "PUBLISHED"
    BLOCKED = "BLOCKED"
    DEPRECATED = "DEPRECATED"
    RETIRED = "RETIRED"

    @property
    def is_served(self) -> bool:
        """Whether the gateways serve an API in this state."""
        return self in {State.PROTOTYPED, State.PUBLISHED, State.DEPRECATED}

    @property
    def is_live(self) -> bool:
        """Whether the gateways answer for an API in this state: they serve it or, if it is blocked, refuse requests."""
        return self.is_served or self is State.BLOCKED


PROTOTYPE = "Deploy as a Prototype"
_TRANSITIONS: dict[State, dict[str, State]] = {
    State.CREATED: {"Publish": State.PUBLISHED, PROTOTYPE: State.PROTOTYPED},
    State.PROTOTYPED: {"Publish": State.PUBLISHED, "Demote to Created": State.CREATED},
    State.PUBLISHED: {
        "Demote to Created": State.CREATED,
        PROTOTYPE: State.PROTOTYPED,
        "Block": State.BLOCKED,
        "Deprecate": State.DEPRECATED,
    },
    State.BLOCKED: {"Re-Publish": State.PUBLISHED, "Deprecate": State.DEPRECATED},
    State.DEPRECATED: {"Publish": State.PUBLISHED, "Retire": State.RETIRED},
    State.RETIRED: {},
}


def list_transitions(state: State) -> dict[str, State]:
    """Return the possible actions in *state*, each with the resulting state."""
    return dict(_TRANSITIONS[state])


def is_repeated(state: State, action: str) -> bool:
    """Return whether *action* publishes an API that is published already, which WSO2 answers like a success."""
    return (state, action) == (State.PUBLISHED, "Publish")


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
