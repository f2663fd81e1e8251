"""Whether the gateway on this machine listens: other gateways don't matter, whatever they report."""

from holdfast.gateway.discovery.cache import Cache, Rejection
from holdfast.gateway.resources.resource import LISTENER, Resource
from holdfast.server.clock import utc_now
from holdfast.server.machine.listen_addresses import GatewayListener
from holdfast.services.publishing.listeners import Listeners

REJECTION = Rejection("1", "production: cannot bind '[::1]:8280': Address already in use")


def test_only_the_gateway_on_this_machine_counts():
    cache = Cache()
    cache.apply([Resource(LISTENER, "production", "1", b"")])
    listener = GatewayListener("gateway", "production", tls=False, addresses=(("127.0.0.1", 9),), url="")
    listeners = Listeners(cache, "local", [listener])
    remote, _ = cache.connect("eu-1", utc_now())
    remote.rejected[LISTENER, "production"] = REJECTION
    assert [state.problem for state in listeners.list_states()] == ["No gateway is connected."]
    assert listeners.is_listening("gateway")
    local, _ = cache.connect("local", utc_now())
    assert not listeners.is_listening("gateway")
    local.rejected[LISTENER, "production"] = REJECTION
    assert [state.is_retried for state in listeners.list_states()] == [True]
    del local.rejected[LISTENER, "production"]
    local.acknowledged[LISTENER, "production"] = "1"
    assert listeners.is_listening("gateway")
