"""
The lifecycle of an API: which states there are, what leads from one to another, and what is served.
"""

from enum import StrEnum

from holdfast.apis.errors import TransitionRefused


class State(StrEnum):
    """States, as the publisher's REST API spells them."""

    CREATED = "CREATED"
    PUBLISHED = "PUBLISHED"
    DEPRECATED = "DEPRECATED"
    RETIRED = "RETIRED"

    @property
    def is_served(self) -> bool:
        """Whether the gateways answer for an API in this state."""
        return self in {State.PUBLISHED, State.DEPRECATED}


_TRANSITIONS: dict[State, dict[str, State]] = {
    State.CREATED: {"Publish": State.PUBLISHED},
    State.PUBLISHED: {"Demote to Created": State.CREATED, "Deprecate": State.DEPRECATED},
    State.DEPRECATED: {"Publish": State.PUBLISHED, "Retire": State.RETIRED},
    State.RETIRED: {},
}


def transitions_from(state: State) -> dict[str, State]:
    """Name the actions that are possible from *state*, each with the state it leads to."""
    return dict(_TRANSITIONS[state])


def transit(state: State, action: str) -> State:
    """
    Take *action* from *state*.

    Raises:
        TransitionRefused: There is no such action from there.
    """
    try:
        return _TRANSITIONS[state][action]
    except KeyError as error:
        raise TransitionRefused(action, state, list(_TRANSITIONS[state])) from error
