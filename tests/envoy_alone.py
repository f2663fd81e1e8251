"""
An Envoy without Holdfast, to test trust settings that Holdfast would never send it.

    statuses = statuses_of({"a": cluster("a", backend.port, root.pem)}, tmp_path)
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from backends import V4
from holdfast.gateway.process.binary import find_envoy
from ports import free_addresses
from running import wait_until

CONNECTION_MANAGER = (
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"


def statuses_of(clusters: Mapping[str, dict[str, Any]], directory: Path) -> dict[str, int]:
    """Call the backend of each cluster through one Envoy, and give the statuses by the names of the clusters."""
    address = free_addresses(1)[0]
    (directory / "envoy.json").write_text(json.dumps(configuration(address, clusters)))
    with (
        envoy(directory / "envoy.json"),
        httpx2.Client(base_url=f"http://{address}", trust_env=False, timeout=30) as client,
    ):
        wait_until(lambda: answers(client), within=30)
        return {name: client.get(f"/{name}/").status_code for name in clusters}


def cluster(name: str, port: int, trust: bytes, **more: Any) -> dict[str, Any]:
    """A backend on *port* that is verified by *trust* (PEM), by its address, and by *more* of a validation context."""
    host = {"endpoint": {"address": {"socket_address": {"address": V4, "port_value": port}}}}
    validation = {
        "trusted_ca": {"inline_string": trust.decode()},
        "match_typed_subject_alt_names": [{"san_type": "IP_ADDRESS", "matcher": {"exact": V4}}],
    } | more
    tls = {"@type": TLS, "common_tls_context": {"validation_context": validation}}
    return {
        "name": name,
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [host]}]},
        "transport_socket": {"name": "tls", "typed_config": tls},
    }


def configuration(address: str, clusters: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """All of Envoy's configuration: on *address*, the first segment of the path says which cluster is asked."""
    host, _, port = address.partition(":")
    routes = [{"match": {"prefix": f"/{name}/"}, "route": {"cluster": name}} for name in clusters]
    manager = {
        "@type": CONNECTION_MANAGER,
        "stat_prefix": "test",
        "route_config": {"virtual_hosts": [{"name": "test", "domains": ["*"], "routes": routes}]},
        "http_filters": [{"name": "router", "typed_config": {"@type": ROUTER}}],
    }
    listener = {
        "name": "test",
        "address": {"socket_address": {"address": host, "port_value": int(port)}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    return {"static_resources": {"clusters": list(clusters.values()), "listeners": [listener]}}


@contextmanager
def envoy(file: Path) -> Iterator[None]:
    """Run Envoy on its own with the configuration in *file*."""
    command = [str(find_envoy()), "--config-path", str(file), "--log-level", "off", "--disable-hot-restart"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def answers(client: httpx2.Client) -> bool:
    """Return whether Envoy listens."""
    try:
        return client.get("/").status_code == 404
    except httpx2.TransportError:
        return False
