"""One type on one stream: what a gateway is told, and what it is not told twice."""

import pytest

from holdfast.gateway.discovery.subscription import MAX_RESPONSE_BYTES, Subscription
from holdfast.gateway.resources.resource import CLUSTER, Resource


def resources(**versions):
    return {name: Resource(CLUSTER, name, version, b"") for name, version in versions.items()}


def subscribe(*names, has=None):
    subscription = Subscription(CLUSTER)
    subscription.request(names, (), has or {}, first=True)
    return subscription


def told(subscription, current):
    """Say what the gateway is told: versions by name, and the names that are gone."""
    updates = subscription.updates(current)
    changed = {resource.name: resource.version for update in updates for resource in update.resources}
    return changed, sorted(name for update in updates for name in update.removed)


@pytest.mark.parametrize("names", [(), ("*",), ("*", "a")])
def test_a_first_request_without_names_or_with_a_star_asks_for_everything(names):
    subscription = subscribe(*names)
    assert told(subscription, resources(a="1", b="1")) == ({"a": "1", "b": "1"}, [])
    assert told(subscription, resources(a="1", b="2", c="1")) == ({"b": "2", "c": "1"}, [])
    assert told(subscription, resources(a="1")) == ({}, ["b", "c"])
    assert told(subscription, resources(a="1")) == ({}, [])


def test_only_named_resources_are_told():
    subscription = subscribe("a", "b")
    assert told(subscription, resources(a="1", b="1", c="1")) == ({"a": "1", "b": "1"}, [])
    assert told(subscription, resources(a="1", b="1", c="2")) == ({}, [])


def test_a_later_request_without_names_asks_for_nothing_new():
    subscription = subscribe("a")
    subscription.request((), (), {}, first=False)
    assert told(subscription, resources(a="1", b="1")) == ({"a": "1"}, [])


def test_a_name_that_does_not_exist_is_said_to_be_gone_once_and_sent_when_it_comes():
    subscription = subscribe("a")
    assert told(subscription, resources(b="1")) == ({}, ["a"])
    assert told(subscription, resources(b="1")) == ({}, [])
    assert told(subscription, resources(a="1")) == ({"a": "1"}, [])
    assert told(subscription, {}) == ({}, ["a"])
    assert told(subscription, {}) == ({}, [])
    assert told(subscription, resources(a="1")) == ({"a": "1"}, [])


def test_names_are_added_one_after_the_other():
    subscription = subscribe("a")
    told(subscription, resources(a="1", b="1"))
    subscription.request(["b"], (), {}, first=False)
    assert told(subscription, resources(a="1", b="1")) == ({"b": "1"}, [])


def test_an_unsubscribed_name_is_told_no_longer():
    subscription = subscribe("a", "b")
    told(subscription, resources(a="1", b="1"))
    subscription.request((), ["a"], {}, first=False)
    assert told(subscription, resources(a="2", b="2")) == ({"b": "2"}, [])
    assert told(subscription, {}) == ({}, ["b"])


def test_a_name_that_is_subscribed_again_is_sent_again():
    subscription = subscribe("a")
    told(subscription, resources(a="1"))
    subscription.request((), ["a"], {}, first=False)
    subscription.request(["a"], (), {}, first=False)
    assert told(subscription, resources(a="1")) == ({"a": "1"}, [])
    # Also without an unsubscription in between: who asks gets an answer.
    subscription.request(["a"], (), {}, first=False)
    assert told(subscription, resources(a="1")) == ({"a": "1"}, [])


def test_a_missing_name_that_is_subscribed_again_is_answered_again():
    subscription = subscribe("a")
    told(subscription, {})
    subscription.request(["a"], (), {}, first=False)
    assert told(subscription, {}) == ({}, ["a"])


def test_the_star_can_be_given_back():
    subscription = subscribe("*")
    told(subscription, resources(a="1", b="1"))
    subscription.request(["a"], ["*"], {}, first=False)
    assert told(subscription, resources(a="2", b="2", c="1")) == ({"a": "2"}, [])
    assert told(subscription, resources(a="2")) == ({}, [])


def test_a_name_given_back_beside_the_star_is_sent_again():
    """The gateway cannot know whether the star holds it (xDS protocol, "unsubscribing from resources")."""
    subscription = subscribe("*", "a")
    told(subscription, resources(a="1", b="1"))
    subscription.request((), ["a"], {}, first=False)
    assert told(subscription, resources(a="1", b="1")) == ({"a": "1"}, [])


def test_a_gateway_that_comes_again_is_told_only_what_is_new():
    subscription = subscribe("*", has={"a": "1", "b": "1", "gone": "1"})
    assert told(subscription, resources(a="1", b="2", c="1")) == ({"b": "2", "c": "1"}, ["gone"])


def test_names_that_a_gateway_still_has_are_not_sent_again():
    subscription = subscribe("a", "b", "gone", has={"a": "1", "b": "1", "gone": "1"})
    assert told(subscription, resources(a="1", b="2", c="1")) == ({"b": "2"}, ["gone"])
    assert told(subscription, resources(a="1", b="2")) == ({}, [])


def test_large_updates_come_in_pieces():
    third = bytes(MAX_RESPONSE_BYTES // 3)
    current = {name: Resource(CLUSTER, name, "1", third) for name in "abcdefg"}
    updates = subscribe("*").updates(current)
    assert [len(update.resources) for update in updates] == [3, 3, 1]
    assert len({update.nonce for update in updates}) == 3
    assert {resource.name for update in updates for resource in update.resources} == set(current)


def test_one_resource_that_is_larger_than_a_piece_goes_alone():
    sizes = {"a": 10, "b": MAX_RESPONSE_BYTES * 2, "c": 10}
    current = {name: Resource(CLUSTER, name, "1", bytes(size)) for name, size in sizes.items()}
    updates = subscribe("*").updates(current)
    assert [[resource.name for resource in update.resources] for update in updates] == [["a"], ["b"], ["c"]]


def test_two_types_and_two_streams_share_nothing():
    one, other = subscribe("*"), subscribe("*")
    told(one, resources(a="1"))
    assert told(other, resources(a="1")) == ({"a": "1"}, [])
