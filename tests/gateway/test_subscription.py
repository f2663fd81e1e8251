"""One resource type on one stream: what a gateway is sent, and what it isn't sent twice."""

import pytest

from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.discovery.subscription import MAX_RESPONSE_BYTES, Subscription
from holdfast.gateway.resources.resource import CLUSTER, Resource
from holdfast.server.clock import utc_now


def make_resources(**versions):
    return {name: Resource(CLUSTER, name, version, b"") for name, version in versions.items()}


class Stream(Subscription):
    """A subscription that learns from a cache which names have changed."""

    def __init__(self, type_url):
        super().__init__(type_url)
        self.cache = Cache()
        self.watch = self.cache.connect("edge", utc_now())[1]


def subscribe(*names, has=None):
    stream = Stream(CLUSTER)
    stream.request(names, (), has or {}, first=True)
    return stream


def send_changes(stream, current):
    """Bring the cache to *current* by the smallest change, and return what the gateway is sent."""
    before = dict(stream.cache.get_resources(CLUSTER))
    upserts = [resource for name, resource in current.items() if before.get(name) != resource]
    stream.cache.apply(upserts, [(CLUSTER, name) for name in before.keys() - current.keys()])
    return stream.take_updates(stream.cache.get_resources(CLUSTER), stream.watch.take(CLUSTER))


def send_updates(stream, current):
    """Return what the gateway is sent: versions by name, and the names of removed resources."""
    responses = send_changes(stream, current)
    versions = {resource.name: resource.version for update in responses for resource in update.resources}
    return versions, sorted(name for update in responses for name in update.removed)


@pytest.mark.parametrize("names", [(), ("*",), ("*", "a")])
def test_a_first_request_without_names_or_with_a_wildcard_subscribes_to_everything(names):
    subscription = subscribe(*names)
    assert send_updates(subscription, make_resources(a="1", b="1")) == ({"a": "1", "b": "1"}, [])
    assert send_updates(subscription, make_resources(a="1", b="2", c="1")) == ({"b": "2", "c": "1"}, [])
    assert send_updates(subscription, make_resources(a="1")) == ({}, ["b", "c"])
    assert send_updates(subscription, make_resources(a="1")) == ({}, [])


def test_only_subscribed_resources_are_sent():
    subscription = subscribe("a", "b")
    assert send_updates(subscription, make_resources(a="1", b="1", c="1")) == ({"a": "1", "b": "1"}, [])
    assert send_updates(subscription, make_resources(a="1", b="1", c="2")) == ({}, [])


def test_a_later_request_without_names_adds_no_subscription():
    subscription = subscribe("a")
    subscription.request((), (), {}, first=False)
    assert send_updates(subscription, make_resources(a="1", b="1")) == ({"a": "1"}, [])


def test_a_missing_name_is_reported_once_and_sent_when_it_is_added():
    subscription = subscribe("a")
    assert send_updates(subscription, make_resources(b="1")) == ({}, ["a"])
    assert send_updates(subscription, make_resources(b="1")) == ({}, [])
    assert send_updates(subscription, make_resources(a="1")) == ({"a": "1"}, [])
    assert send_updates(subscription, {}) == ({}, ["a"])
    assert send_updates(subscription, {}) == ({}, [])
    assert send_updates(subscription, make_resources(a="1")) == ({"a": "1"}, [])


def test_names_are_added_one_after_the_other():
    subscription = subscribe("a")
    send_updates(subscription, make_resources(a="1", b="1"))
    subscription.request(["b"], (), {}, first=False)
    assert send_updates(subscription, make_resources(a="1", b="1")) == ({"b": "1"}, [])


def test_a_resource_is_not_sent_after_its_unsubscription():
    subscription = subscribe("a", "b")
    send_updates(subscription, make_resources(a="1", b="1"))
    subscription.request((), ["a"], {}, first=False)
    assert send_updates(subscription, make_resources(a="2", b="2")) == ({"b": "2"}, [])
    assert send_updates(subscription, {}) == ({}, ["b"])


def test_a_name_that_is_subscribed_again_is_sent_again():
    subscription = subscribe("a")
    send_updates(subscription, make_resources(a="1"))
    subscription.request((), ["a"], {}, first=False)
    subscription.request(["a"], (), {}, first=False)
    assert send_updates(subscription, make_resources(a="1")) == ({"a": "1"}, [])
    # Even without unsubscribing in between: each subscription gets a response.
    subscription.request(["a"], (), {}, first=False)
    assert send_updates(subscription, make_resources(a="1")) == ({"a": "1"}, [])


def test_a_missing_name_that_is_subscribed_again_is_answered_again():
    subscription = subscribe("a")
    send_updates(subscription, {})
    subscription.request(["a"], (), {}, first=False)
    assert send_updates(subscription, {}) == ({}, ["a"])


def test_a_wildcard_can_be_unsubscribed():
    subscription = subscribe("*")
    send_updates(subscription, make_resources(a="1", b="1"))
    subscription.request(["a"], ["*"], {}, first=False)
    assert send_updates(subscription, make_resources(a="2", b="2", c="1")) == ({"a": "2"}, [])
    assert send_updates(subscription, make_resources(a="2")) == ({}, [])


def test_a_name_unsubscribed_while_a_wildcard_remains_is_sent_again():
    """The gateway can't know whether the wildcard includes it (xDS protocol, "unsubscribing from resources")."""
    subscription = subscribe("*", "a")
    send_updates(subscription, make_resources(a="1", b="1"))
    subscription.request((), ["a"], {}, first=False)
    assert send_updates(subscription, make_resources(a="1", b="1")) == ({"a": "1"}, [])


def test_a_reconnecting_gateway_gets_only_what_is_new():
    subscription = subscribe("*", has={"a": "1", "b": "1", "gone": "1"})
    assert send_updates(subscription, make_resources(a="1", b="2", c="1")) == ({"b": "2", "c": "1"}, ["gone"])


def test_names_that_a_gateway_still_has_are_not_sent_again():
    subscription = subscribe("a", "b", "gone", has={"a": "1", "b": "1", "gone": "1"})
    assert send_updates(subscription, make_resources(a="1", b="2", c="1")) == ({"b": "2"}, ["gone"])
    assert send_updates(subscription, make_resources(a="1", b="2")) == ({}, [])


def test_large_updates_are_split():
    third = bytes(MAX_RESPONSE_BYTES // 3)
    current = {name: Resource(CLUSTER, name, "1", third) for name in "abcdefg"}
    responses = send_changes(subscribe("*"), current)
    assert [len(update.resources) for update in responses] == [3, 3, 1]
    assert len({update.nonce for update in responses}) == 3
    assert {resource.name for update in responses for resource in update.resources} == set(current)


def test_only_the_first_update_of_a_stream_that_applied_as_one_is_not_split():
    third, stream = bytes(MAX_RESPONSE_BYTES // 3), subscribe("*")
    stream.applied_as_one = True
    for version, number in (("1", 1), ("2", 3)):
        current = {name: Resource(CLUSTER, name, version, third) for name in "abcdefg"}
        assert len(send_changes(stream, current)) == number


def test_a_resource_larger_than_the_limit_gets_its_own_update():
    sizes = {"a": 10, "b": MAX_RESPONSE_BYTES * 2, "c": 10}
    current = {name: Resource(CLUSTER, name, "1", bytes(size)) for name, size in sizes.items()}
    responses = send_changes(subscribe("*"), current)
    assert [[resource.name for resource in update.resources] for update in responses] == [["a"], ["b"], ["c"]]


def test_two_types_and_two_streams_share_nothing():
    one, second = subscribe("*"), subscribe("*")
    send_updates(one, make_resources(a="1"))
    assert send_updates(second, make_resources(a="1")) == ({"a": "1"}, [])


def test_a_late_answer_to_an_earlier_update_changes_nothing():
    stream = subscribe("*")
    gateway = stream.cache.gateways[0]

    def send(current):
        (update,) = send_changes(stream, current)
        gateway.unanswered.update({(CLUSTER, resource.name): update.nonce for resource in update.resources})
        return update.nonce

    first, second = send(make_resources(a="1", b="1")), send(make_resources(a="2", b="1"))
    stream.answer(gateway, second, None)
    stream.answer(gateway, first, None)
    assert gateway.acknowledged == {(CLUSTER, "a"): "2", (CLUSTER, "b"): "1"}
    removal, again = send(make_resources(b="1")), send(make_resources(a="3", b="1"))
    stream.answer(gateway, again, None)
    stream.answer(gateway, removal, None)
    assert gateway.acknowledged == {(CLUSTER, "a"): "3", (CLUSTER, "b"): "1"}
    change, removed = send(make_resources(a="4", b="1")), send(make_resources(b="1"))
    stream.answer(gateway, removed, None)
    stream.answer(gateway, change, None)
    assert gateway.acknowledged == {(CLUSTER, "b"): "1"}
    assert gateway.unanswered == {}


def test_an_answer_about_what_the_gateway_unsubscribed_from_meanwhile_does_not_say_that_it_has_it():
    """Envoy does so when a cluster that names a secret is replaced before the secret arrives."""
    stream = subscribe("a", "b")
    gateway = stream.cache.gateways[0]
    (update,) = send_changes(stream, make_resources(a="1", b="1"))
    gateway.unanswered.update({(CLUSTER, resource.name): update.nonce for resource in update.resources})
    stream.request((), ["a"], {}, first=False)
    stream.answer(gateway, update.nonce, None)
    assert gateway.acknowledged == {(CLUSTER, "b"): "1"}
    assert gateway.unanswered == {}


def test_of_resources_that_are_applied_as_one_only_the_rejected_ones_are_missing():
    stream, current = subscribe("*"), make_resources(**dict.fromkeys("abcdefgh", "2"))
    stream.applied_as_one = True
    gateway = stream.cache.gateways[0]
    gateway.acknowledged[CLUSTER, "c"] = "1"
    responses = send_changes(stream, current)
    while responses:
        for update in responses:
            gateway.unanswered.update({(CLUSTER, resource.name): update.nonce for resource in update.resources})
            is_bad = not {"c", "f"}.isdisjoint(resource.name for resource in update.resources)
            stream.answer(gateway, update.nonce, "c and f are bad" if is_bad else None)
        responses = send_changes(stream, current)
    assert {name for _, name in gateway.rejected} == {"c", "f"}
    assert gateway.acknowledged == {(CLUSTER, name): "1" if name == "c" else "2" for name in "abcdegh"}
    assert gateway.unanswered == {}
    assert send_updates(stream, {}) == ({}, sorted(current))


def test_a_resource_that_changes_or_is_removed_while_its_update_is_divided_is_sent_as_it_is_then():
    stream = subscribe("*")
    stream.applied_as_one = True
    gateway = stream.cache.gateways[0]
    gateway.acknowledged = {(CLUSTER, name): "0" for name in "ab"}
    (update,) = send_changes(stream, make_resources(a="1", b="1", c="1"))
    gateway.unanswered.update({(CLUSTER, resource.name): update.nonce for resource in update.resources})
    stream.answer(gateway, update.nonce, "bad")
    assert send_updates(stream, make_resources(a="0", c="2")) == ({"c": "2"}, ["b"])
