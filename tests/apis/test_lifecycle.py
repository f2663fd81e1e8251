"""Lifecycle states and actions."""

import itertools

import pytest

from holdfast.apis.catalog.lifecycle import State, list_transitions, transit
from holdfast.apis.errors import TransitionRefused

TABLE = {
    (State.CREATED, "Publish"): State.PUBLISHED,
    (State.CREATED, "Deploy as a Prototype"): State.PROTOTYPED,
    (State.PROTOTYPED, "Publish"): State.PUBLISHED,
    (State.PROTOTYPED, "Demote to Created"): State.CREATED,
    (State.PUBLISHED, "Deploy as a Prototype"): State.PROTOTYPED,
    (State.PUBLISHED, "Demote to Created"): State.CREATED,
    (State.PUBLISHED, "Block"): State.BLOCKED,
    (State.BLOCKED, "Re-Publish"): State.PUBLISHED,
    (State.BLOCKED, "Deprecate"): State.DEPRECATED,
    (State.PUBLISHED, "Deprecate"): State.DEPRECATED,
    (State.DEPRECATED, "Publish"): State.PUBLISHED,
    (State.DEPRECATED, "Retire"): State.RETIRED,
}
ACTIONS = ["Publish", "Demote to Created", "Deprecate", "Retire", "Block", "Re-Publish", "Deploy as a Prototype", ""]


@pytest.mark.parametrize(("state", "action"), list(itertools.product(State, ACTIONS)))
def test_the_lifecycle_has_exactly_these_transitions(state, action):
    if (state, action) in TABLE:
        assert transit(state, action) is TABLE[state, action]
        assert list_transitions(state)[action] is TABLE[state, action]
    else:
        with pytest.raises(TransitionRefused):
            transit(state, action)


def test_a_refusal_names_what_is_possible():
    with pytest.raises(
        TransitionRefused, match="Possible actions: Demote to Created, Deploy as a Prototype, Block, Deprecate"
    ):
        transit(State.PUBLISHED, "publish")
    with pytest.raises(TransitionRefused, match="Possible actions: none"):
        transit(State.RETIRED, "Publish")


def test_prototypes_and_published_and_deprecated_apis_are_served():
    assert [state for state in State if state.is_served] == [State.PROTOTYPED, State.PUBLISHED, State.DEPRECATED]
