"""Routes to a cluster that Envoy doesn't have yet are held, within limits."""

import asyncio

import pytest
from envoy.config.route.v3.route_components_pb2 import Route, RouteAction, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.discovery.route_hold import LONGEST, TOGETHER, RouteHold
from holdfast.gateway.resources.resource import CLUSTER, ROUTES, make_resource
from holdfast.server.clock import utc_now
from services.control_plane import advance, play

SCOPE = "production/pizza"
OWN = "default/pizza/production"


def make_routes(*clusters: str, rewrite: str = ""):
    """Routes to *clusters*; *rewrite* makes them another version."""
    own = [Route(name=OWN, route=RouteAction(cluster=name, prefix_rewrite=rewrite)) for name in clusters]
    return make_resource(ROUTES, SCOPE, RouteConfiguration(virtual_hosts=[VirtualHost(routes=own)]))


@pytest.mark.parametrize("new", [f"{OWN}/r2", f"{OWN}/{'long' * 40}", OWN])
def test_routes_wait_for_a_cluster_that_is_new_or_changed_with_them(new):
    async def story():
        gateway, _ = Cache().connect("edge-1", utc_now())
        woken = asyncio.Event()
        hold = RouteHold(gateway, woken.set)
        gateway.acknowledged[CLUSTER, OWN] = "1"
        old, old_and_new = {SCOPE: make_routes(OWN)}, {SCOPE: make_routes(OWN, new, rewrite="/new")}
        assert list(hold.release([SCOPE], old)) == [SCOPE]

        gateway.unanswered[CLUSTER, new] = "0"
        assert list(hold.release([SCOPE], old_and_new)) == []
        assert gateway.behind
        advance(TOGETHER)
        assert list(hold.release([], old_and_new)) == []
        gateway.unanswered.clear()
        hold.take_answer()
        assert woken.is_set()
        assert list(hold.release([], old_and_new)) == [SCOPE]
        assert list(hold.release([], old_and_new)) == []

    play(story())


def test_routes_that_change_later_than_a_cluster_do_not_wait_for_it():
    async def story():
        gateway, _ = Cache().connect("edge-1", utc_now())
        hold = RouteHold(gateway, asyncio.Event().set)
        gateway.acknowledged[CLUSTER, OWN] = "1"
        gateway.unanswered[CLUSTER, OWN] = "0"
        assert list(hold.release([], {})) == []
        advance(TOGETHER)
        assert list(hold.release([SCOPE], {SCOPE: make_routes(OWN)})) == [SCOPE]

    play(story())


def test_held_routes_are_sent_when_they_change_again_or_after_some_seconds():
    async def story():
        gateway, _ = Cache().connect("edge-1", utc_now())
        woken = asyncio.Event()
        hold = RouteHold(gateway, woken.set)
        gateway.unanswered[CLUSTER, f"{OWN}/r2"] = "0"
        first, second = {SCOPE: make_routes(f"{OWN}/r2")}, {SCOPE: make_routes(f"{OWN}/r2", rewrite="/other")}
        assert list(hold.release([SCOPE], first)) == []
        assert list(hold.release([SCOPE], second)) == [SCOPE]

        assert list(hold.release([SCOPE], first)) == []
        advance(LONGEST)
        await woken.wait()
        assert list(hold.release([], first)) == [SCOPE]

    play(story())
