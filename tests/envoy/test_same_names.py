"""Of two trust anchors of one name, Envoy believes both exactly where Holdfast says that it can tell them apart."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509

from backends import V4, Backend
from holdfast.certificates.certificate import read_certificate
from holdfast.certificates.trust import indistinguishable
from holdfast.gateway.process import find_envoy
from issuing import Extension, Issued, PrivateKey, issue, p256
from ports import free_addresses
from running import wait_until

pytestmark = pytest.mark.envoy
CONNECTION_MANAGER = (
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
IDENTIFIERS = ("neither", "subject", "both")  # which key identifiers a certificate has


@dataclass(frozen=True, slots=True)
class Anchor:
    """What is trusted, and what a backend presents that leads to it."""

    trusted: Issued
    presented: Issued


def identifiers(kind: str, key: PrivateKey, issuer_key: PrivateKey) -> list[Extension]:
    subject = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return [(each, False) for each in (subject, authority)][: IDENTIFIERS.index(kind)]


def self_signed(kind: str, *names: str, ca: bool) -> Issued:
    key = p256()
    return issue(*names, ca=ca, common_name="same", key=key, identified=False, more=identifiers(kind, key, key))


def root(kind: str) -> Anchor:
    trusted = self_signed(kind, ca=True)
    return Anchor(trusted, leaf_below(trusted, kind))


def intermediate(kind: str) -> Anchor:
    above, key = issue(ca=True, common_name="above"), p256()
    more = identifiers(kind, key, above.key)
    trusted = issue(by=above, ca=True, common_name="same", key=key, identified=False, more=more)
    return Anchor(trusted, leaf_below(trusted, kind))


def own(kind: str) -> Anchor:
    return Anchor(trusted := self_signed(kind, V4, ca=False), trusted)


def own_that_is_a_ca(kind: str) -> Anchor:
    return Anchor(trusted := self_signed(kind, V4, ca=True), trusted)


def leaf_below(ca: Issued, kind: str) -> Issued:
    """Issue a certificate that names the key identifier of its issuer, if that has one."""
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key())
    return issue(V4, by=ca, identified=False, more=[] if kind == "neither" else [(authority, False)]).alone


KINDS = {each.__name__: each for each in (root, intermediate, own, own_that_is_a_ca)}
PAIRS = [
    (f"{one} with {first}, {other} with {second}", (KINDS[one](first), KINDS[other](second)))
    for one, other in combinations_with_replacement(KINDS, 2)
    for first, second in product(IDENTIFIERS, repeat=2)
    if one != other or first <= second
]


def test_envoy_believes_both_of_a_pair_that_holdfast_accepts_and_of_no_other(tmp_path: Path):
    expected = {
        name: not indistinguishable([read_certificate(each.trusted.der) for each in pair]) for name, pair in PAIRS
    }
    assert True in expected.values()
    assert False in expected.values()
    assert believed_by_envoy(tmp_path) == expected


def believed_by_envoy(directory: Path) -> dict[str, bool]:
    """Say of each pair whether Envoy accepts both backends, in whichever order both are trusted."""
    address = free_addresses(1)[0]
    with ExitStack() as stack:
        clusters: dict[str, Any] = {}
        for number, (_, pair) in enumerate(PAIRS):
            ports = [stack.enter_context(Backend(anchor.presented)).port for anchor in pair]
            for order, port in product((1, -1), ports):
                trust = b"".join(anchor.trusted.pem for anchor in pair[::order]).decode()
                name = f"{number}.{order}.{port}"
                clusters[name] = cluster(name, port, trust)
        (directory / "envoy.json").write_text(json.dumps(configuration(address, clusters)))
        stack.enter_context(envoy(directory / "envoy.json"))
        client = stack.enter_context(httpx.Client(base_url=f"http://{address}", trust_env=False, timeout=20))
        wait_until(lambda: answers(client), within=30)
        statuses = {name: client.get(f"/{name}/").status_code for name in clusters}
    return {
        name: {status for cluster, status in statuses.items() if cluster.startswith(f"{number}.")} == {200}
        for number, (name, _) in enumerate(PAIRS)
    }


def cluster(name: str, port: int, trust: str) -> dict[str, Any]:
    """A backend on *port* that is verified by *trust* (PEM) and by its address."""
    host = {"endpoint": {"address": {"socket_address": {"address": V4, "port_value": port}}}}
    validation = {
        "trusted_ca": {"inline_string": trust},
        "match_typed_subject_alt_names": [{"san_type": "IP_ADDRESS", "matcher": {"exact": V4}}],
    }
    tls = {"@type": TLS, "common_tls_context": {"validation_context": validation}}
    return {
        "name": name,
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [host]}]},
        "transport_socket": {"name": "tls", "typed_config": tls},
    }


def configuration(address: str, clusters: dict[str, Any]) -> dict[str, Any]:
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
    command = [str(find_envoy()), "--config-path", str(file), "--log-level", "off", "--use-dynamic-base-id"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def answers(client: httpx.Client) -> bool:
    """Say whether Envoy listens."""
    try:
        return client.get("/").status_code == 404
    except httpx.TransportError:
        return False
