"""Acknowledgements and rejections of resources by gateways."""

import pytest

from holdfast.gateway.discovery.cache import Gateway, Rejection
from holdfast.gateway.discovery.subscription import Subscription
from holdfast.gateway.resources.resource import CLUSTER, Resource
from holdfast.server.clock import utc_now


@pytest.fixture
def gateway():
    return Gateway("edge", utc_now())


@pytest.fixture
def subscription():
    return Subscription(CLUSTER, wildcard=True)


def make_resources(**versions):
    return {name.replace("__", "/"): Resource(CLUSTER, name.replace("__", "/"), v, b"") for name, v in versions.items()}


def send(subscription, current):
    (update,) = subscription.take_updates(current, [*subscription.sent, *current])
    return update.nonce


def list_acknowledged(gateway):
    return {name: version for (_, name), version in gateway.acknowledged.items()}


def list_rejected(gateway):
    return {name: rejection for (_, name), rejection in gateway.rejected.items()}


def test_a_sent_version_is_not_acknowledged_before_its_ack(gateway, subscription):
    nonce = send(subscription, make_resources(a="1"))
    assert list_acknowledged(gateway) == {}
    assert subscription.answer(gateway, nonce, None)
    assert list_acknowledged(gateway) == {"a": "1"}


@pytest.mark.parametrize("error", [None, "no"])
def test_an_unknown_or_already_answered_nonce_is_ignored(gateway, subscription, error):
    nonce = send(subscription, make_resources(a="1"))
    assert not subscription.answer(gateway, "stale", error)
    assert (list_acknowledged(gateway), list_rejected(gateway)) == ({}, {})
    subscription.answer(gateway, nonce, None)
    assert not subscription.answer(gateway, nonce, error)
    assert (list_acknowledged(gateway), list_rejected(gateway)) == ({"a": "1"}, {})


def test_each_update_is_acknowledged_by_its_own_nonce(gateway, subscription):
    first = send(subscription, make_resources(a="1"))
    second = send(subscription, make_resources(a="2", b="1"))
    subscription.answer(gateway, first, None)
    assert list_acknowledged(gateway) == {"a": "1"}
    subscription.answer(gateway, second, None)
    assert list_acknowledged(gateway) == {"a": "2", "b": "1"}


def test_a_rejection_keeps_the_version_in_force(gateway, subscription):
    subscription.answer(gateway, send(subscription, make_resources(a="1")), None)
    subscription.answer(gateway, send(subscription, make_resources(a="2")), "cannot be parsed")
    assert list_acknowledged(gateway) == {"a": "1"}
    assert list_rejected(gateway) == {"a": Rejection("2", "cannot be parsed")}


def test_a_rejected_version_is_never_sent_again_but_the_next_one_is(gateway, subscription):
    subscription.answer(gateway, send(subscription, make_resources(a="1")), "cannot be parsed")
    assert subscription.take_updates(make_resources(a="1"), ["a"]) == []
    subscription.answer(gateway, send(subscription, make_resources(a="2")), None)
    assert (list_acknowledged(gateway), list_rejected(gateway)) == ({"a": "2"}, {})


def test_a_rejection_that_names_one_of_several_resources_is_about_that_one(gateway, subscription):
    nonce = send(subscription, make_resources(a__x="1", b__x="1", c__x="1"))
    subscription.answer(gateway, nonce, "Error adding/updating cluster(s) b/x: bad TLS context")
    assert list_acknowledged(gateway) == {"a/x": "1", "c/x": "1"}
    assert list_rejected(gateway).keys() == {"b/x"}


def test_a_name_that_is_part_of_another_name_is_not_rejected_with_it(gateway, subscription):
    """The name of the cluster for upgrades begins with the name of the other one."""
    nonce = send(subscription, make_resources(api__production="1", api__production__upgrade="1"))
    subscription.answer(gateway, nonce, "Error adding/updating cluster(s) api/production/upgrade: bad")
    assert list_acknowledged(gateway) == {"api/production": "1"}
    assert list_rejected(gateway).keys() == {"api/production/upgrade"}


def test_both_names_are_rejected_if_both_are_in_the_text(gateway, subscription):
    nonce = send(subscription, make_resources(a__b="1", a__b__upgrade="1", c="1"))
    subscription.answer(gateway, nonce, "Error: a/b/upgrade: bad, a/b: bad")
    assert list_rejected(gateway).keys() == {"a/b", "a/b/upgrade"}


def test_a_rejection_without_names_is_about_all_resources(gateway, subscription):
    nonce = send(subscription, make_resources(trust__1="1", trust__2="1"))
    subscription.answer(gateway, nonce, "Failed to load trusted CA certificates")
    assert list_acknowledged(gateway) == {}
    assert list_rejected(gateway).keys() == {"trust/1", "trust/2"}


def test_a_rejection_with_an_empty_text_is_a_rejection(gateway, subscription):
    subscription.answer(gateway, send(subscription, make_resources(a="1")), "")
    assert (list_acknowledged(gateway), list_rejected(gateway)) == ({}, {"a": Rejection("1", "")})


def test_a_removed_resource_is_neither_acknowledged_nor_rejected(gateway, subscription):
    subscription.answer(gateway, send(subscription, make_resources(a="1", b="1")), None)
    subscription.answer(gateway, send(subscription, make_resources(a="1", b="2")), "b is bad")
    subscription.answer(gateway, send(subscription, {}), None)
    assert (list_acknowledged(gateway), list_rejected(gateway)) == ({}, {})


def test_a_version_is_in_force_only_if_it_was_the_last_one_sent(gateway, subscription):
    """From A to B and back to A: an ACK of the first A doesn't count for the second."""
    nonces = []
    for version in "ABA":
        nonces.append(send(subscription, make_resources(x=version)))
        gateway.unanswered[CLUSTER, "x"] = nonces[-1]  # as the stream does
    for nonce in nonces[:2]:
        subscription.answer(gateway, nonce, None)
        assert not gateway.has((CLUSTER, "x"), "A")
        assert not gateway.has((CLUSTER, "x"), "B")
    subscription.answer(gateway, nonces[2], None)
    assert gateway.has((CLUSTER, "x"), "A")
