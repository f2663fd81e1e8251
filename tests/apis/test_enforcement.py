"""The progress of a change: its REST values and sentences."""

from dataclasses import replace

import pytest

from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.enforcement import Enforcement, Progress
from holdfast.apis.gateways.group import DEFAULT_GROUP
from holdfast.cli.requests.enforcement import describe_enforcement
from holdfast.services.publishing.unused_origins import NO_API
from store.values import make_api


@pytest.mark.parametrize(
    ("enforcement", "words", "sentence"),
    [
        (Enforcement(Progress.NOT_SERVED), "not served", "Takes effect when the API is published"),
        (Enforcement(Progress.NOT_SERVED, reason=NO_API), "not served", "No API has this endpoint"),
        (Enforcement(Progress.NO_GATEWAY), "no gateway", "Waiting for gateways: none is connected"),
        (Enforcement(Progress.WAITING, 1), "waiting", "Waiting for gateways"),
        (Enforcement(Progress.WAITING, 2, 1), "waiting", "Waiting for gateways (1 of 2)"),
        (Enforcement(Progress.WAITING, 2, 1, waiting_for=("eu-1",)), "waiting", "Waiting for eu-1 (1 of 2)"),
        (
            Enforcement(Progress.WAITING, 9, 4, waiting_for=("a", "b", "c", "d", "e")),
            "waiting",
            "Waiting for a, b, c and 2 more (4 of 9)",
        ),
        (
            Enforcement(Progress.ENFORCED, 2, 2, 41, disconnected=("eu-3",)),
            "enforced",
            "Enforced on 2 gateways (41 ms). Not connected: eu-3",
        ),
        (
            Enforcement(Progress.REFUSED, 2, 1, reason="no", waiting_for=("eu-1",)),
            "refused",
            "Rejected by eu-1: no",
        ),
        (Enforcement(Progress.REFUSED, 1, reason="No room."), "refused", "Rejected by a gateway: No room."),
        (Enforcement(Progress.ENFORCED, 1, 1), "enforced", "Enforced on 1 gateway"),
        (Enforcement(Progress.ENFORCED, 2, 2, 31), "enforced", "Enforced on 2 gateways (31 ms)"),
        (Enforcement(Progress.UNVERIFIED, 1, 1), "unverified", "Verification is off on 1 gateway"),
    ],
)
def test_pages_and_commands_use_the_same_sentence(enforcement, words, sentence):
    assert (enforcement.progress.words, str(enforcement)) == (words, sentence)
    member = {
        "progress": words,
        "gateways": enforcement.gateways,
        "enforcedOn": enforcement.enforced_on,
        "milliseconds": enforcement.milliseconds,
        "reason": enforcement.reason,
        "waitingFor": list(enforcement.waiting_for),
        "disconnected": list(enforcement.disconnected),
    }
    assert describe_enforcement(member) == sentence[0].lower() + sentence[1:]


def test_a_command_repeats_a_progress_that_it_does_not_know():
    assert describe_enforcement({"progress": "paused"}) == "paused"


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"state": State.CREATED}, "Takes effect when the API is published"),
        ({"state": State.CREATED, "mocks": ()}, "Takes effect when the API is published"),
        (
            {"state": State.PUBLISHED, "pinned": {(DEFAULT_GROUP, "1")}},
            "Takes effect when the working copy is deployed",
        ),
        ({"state": State.PUBLISHED, "groups": frozenset()}, "Takes effect when the working copy is deployed"),
        ({"state": State.PROTOTYPED, "mocks": ()}, "Not used: gateways answer with examples"),
        ({"state": State.RETIRED}, "Not used: the API is retired"),
    ],
)
def test_the_state_of_an_api_explains_why_gateways_do_not_use_its_endpoints(members, text):
    api = replace(make_api(), **members)
    assert Enforcement(Progress.NOT_SERVED).describe(api.unserved_text) == text
    on_one = Enforcement(Progress.ENFORCED, 1, 1)
    assert on_one.describe(api.unserved_text, with_time=True) == str(on_one)


def test_pages_say_how_long_it_took_only_in_tooltips():
    enforcement = Enforcement(Progress.ENFORCED, 1, 1, 98)
    assert enforcement.describe() == "Enforced on 1 gateway"
    assert enforcement.describe(with_time=True) == "Enforced on 1 gateway (98 ms)"
