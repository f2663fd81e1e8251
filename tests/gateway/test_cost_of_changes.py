"""Updates after a change: the same as if all resources were compared, at the cost of what changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.discovery.subscription import WILDCARD, Subscription
from holdfast.gateway.resources.resource import CLUSTER, Resource
from holdfast.server.clock import utc_now

pytestmark = pytest.mark.long

MANY = 10_000


class ComparingEverything(Subscription):
    """The definition of an update: the difference between what the gateway was sent and all resources."""

    def take_updates(self, current, _):
        names = current.keys() if self.wildcard else self.names & current.keys()
        upserts = [current[name] for name in names if self.sent.get(name) != current[name].version]
        missing = [name for name, version in self.sent.items() if version and name not in current]
        missing += [name for name in self.names - current.keys() if name not in self.sent]
        responses = [self._send(tuple(upserts), ())] if upserts else []
        if missing or (self.wildcard and not responses and not self._answered):
            responses.append(self._send((), tuple(missing)))
        self._answered |= bool(responses)
        return responses


def make(name, version="1"):
    return Resource(CLUSTER, name, version, b"")


def contents(updates):
    return [
        ({resource.name: resource.version for resource in update.resources}, sorted(update.removed))
        for update in updates
    ]


NAMES = st.sampled_from("abcd")
SUBSCRIBED = st.lists(st.sampled_from(["a", "b", "c", "d", WILDCARD]), max_size=3)
VERSIONS = st.dictionaries(NAMES, st.sampled_from("12"), max_size=3)
APPLY = st.tuples(st.just("apply"), VERSIONS, st.sets(NAMES, max_size=2))
REQUEST = st.tuples(st.just("request"), SUBSCRIBED, SUBSCRIBED, VERSIONS)
FORGET = st.tuples(st.just("forget"), st.lists(NAMES, max_size=2))
SEND = st.tuples(st.just("send"))


@given(st.lists(st.one_of(APPLY, REQUEST, FORGET, SEND, SEND), max_size=30))
def test_a_gateway_is_sent_the_same_as_if_all_resources_were_compared(steps):
    cache, slow, quick = Cache(), ComparingEverything(CLUSTER), Subscription(CLUSTER)
    _, watch = cache.connect("edge", utc_now())
    first = True
    for step in [*steps, ("send",)]:
        match step:
            case "apply", upserts, removals:
                cache.apply(
                    [make(name, version) for name, version in upserts.items()], [(CLUSTER, n) for n in removals]
                )
            case "request", subscribe, unsubscribe, has:
                for subscription in (slow, quick):
                    subscription.request(subscribe, unsubscribe, has, first=first)
                first = False
            case "forget", names:
                slow.forget(names)
                quick.forget(names)
            case _:
                changes, current = watch.take(CLUSTER), cache.get_resources(CLUSTER)
                assert contents(quick.take_updates(current, changes)) == contents(slow.take_updates(current, changes))
                assert quick.sent == slow.sent


class Counting(dict):
    """A dictionary that counts how many of its entries were read."""

    reads = 0

    def __getitem__(self, name):
        self.reads += 1
        return super().__getitem__(name)

    def get(self, name, default=None):
        self.reads += 1
        return super().get(name, default)

    def __contains__(self, name):
        self.reads += 1
        return super().__contains__(name)

    def __iter__(self):
        self.reads += len(self)
        return super().__iter__()

    def keys(self):
        self.reads += len(self)
        return super().keys()

    def items(self):
        self.reads += len(self)
        return super().items()

    def values(self):
        self.reads += len(self)
        return super().values()


def count_reads(kind, names):
    """Return how many entries of *names* and of all resources are read for a change of three of them."""
    cache, subscription = Cache(), kind(CLUSTER)
    _, watch = cache.connect("edge", utc_now())
    cache.apply(make(f"{number}") for number in range(MANY))
    subscription.request(names, (), {}, first=True)
    subscription.take_updates(cache.get_resources(CLUSTER), watch.take(CLUSTER))
    cache.apply([make("1", "2"), make("new")], [(CLUSTER, "2")])
    current, subscription.sent = Counting(cache.get_resources(CLUSTER)), Counting(subscription.sent)
    assert subscription.take_updates(current, watch.take(CLUSTER))
    return current.reads + subscription.sent.reads


@pytest.mark.parametrize("names", [[], [f"{number}" for number in range(MANY)]], ids=["wildcard", "by name"])
def test_a_change_costs_what_it_changes(names):
    assert count_reads(ComparingEverything, names) >= MANY  # so the test notices if everything is compared
    assert count_reads(Subscription, names) < 10


def test_nothing_is_read_if_nothing_changed():
    subscription = Subscription(CLUSTER, wildcard=True)
    subscription.take_updates({name: make(name) for name in "abc"}, "abc")
    current = Counting({name: make(name) for name in "abc"})
    assert subscription.take_updates(current, ()) == []
    assert current.reads == 0
