"""Other parsers read the same scheme, host and port in every accepted URL."""

import contextlib
from ipaddress import ip_address

import httpx2
import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.util import parse_url as parse_by_urllib3

from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.errors import InvalidField
from holdfast.apis.url import DEFAULT_PORTS, Url, parse_url
from holdfast.gateway.resources.clusters import build_clusters

HOSTS = (
    st.sampled_from(
        ["backend.test", "[::1]", "127.0.0.1", "b\u00fccher.test", "xn--bcher-kva.test", "[::1%25a]", "1.2", "0x7f.1"]
    )
    | st.ip_addresses(v=4).map(str)
    | st.ip_addresses(v=6).map("[{}]".format)
    | st.text("abAB01.-_xn", min_size=1, max_size=12)
    | st.text(max_size=8)
)
PARTS = st.sampled_from(["", "@", ":", "[", "]", "\\", "%", "evil.test", "\u3002", "\u2488", "/", "?", "#", "::1"])
PORTS = st.sampled_from(["", ":", ":8443", ":0", ":65536", ":+1", ":\u0664", ":8443:1"]) | st.integers(0, 99999).map(
    ":{}".format
)
URLS = st.builds(
    "{}://{}{}{}{}{}".format,
    st.sampled_from(["http", "https", "HTTPS", "ftp"]),
    PARTS,
    HOSTS,
    PARTS,
    PORTS,
    st.sampled_from(["", "/", "/base", "/a@b:1/[", "/a%2f", "?a=b", "#x", "\\evil.test", "@evil.test/"]),
)


def read_by_httpx(text: str) -> tuple[str, str, int]:
    url = httpx2.URL(text)
    return url.scheme, normalize(url.raw_host.decode()), url.port or DEFAULT_PORTS[url.scheme]


def read_by_urllib3(text: str) -> tuple[str, str, int]:
    url = parse_by_urllib3(text)
    return str(url.scheme), normalize(str(url.host)), url.port or DEFAULT_PORTS[str(url.scheme)]


def normalize(host: str) -> str:
    with contextlib.suppress(ValueError):
        return str(ip_address(host.strip("[]")))
    return host.lower().removesuffix(".")


@given(URLS | st.text(max_size=40) | st.text("htps:/[]@%.#?\\a1", max_size=30).map("https://".__add__))
@example("https://[::1]evil.example:8443/p")
@example("https://backend.test:80@evil.test")
@example("https://B\u00fccher.test./x")
def test_accepted_urls_mean_the_same_to_other_parsers(text):
    try:
        url = parse_url(text)
    except ValueError:
        return
    expected = (url.scheme, url.host, url.port)
    assert read_by_httpx(text) == expected
    assert read_by_urllib3(text) == expected


@given(URLS)
@example("http://[2001:DB8::1]:81")
@example("http://B\u00fccher.test")
def test_envoy_gets_the_host_and_port_that_were_read(text):
    try:
        endpoint = parse_endpoint(text.replace("https://", "http://").replace("HTTPS://", "http://"))
    except InvalidField:
        return
    resource, *_ = build_clusters("c", endpoint, None)
    [locality] = Cluster.FromString(resource.body).load_assignment.endpoints
    address = locality.lb_endpoints[0].endpoint.address.socket_address
    assert (address.address, address.port_value) == (endpoint.origin.host, endpoint.origin.port)
    assert read_by_httpx(endpoint.url) == ("http", address.address, address.port_value)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("HTTPS://Id.Test/a?b=c", Url("https", "id.test", 443, "/a", "b=c")),
        ("http://[::1]:8080", Url("http", "::1", 8080, "", None)),
        ("https://id.test?", Url("https", "id.test", 443, "", "")),
    ],
)
def test_a_url_has_a_scheme_host_port_path_and_query(text, url):
    assert parse_url(text) == url


@pytest.mark.parametrize(
    "text", ["https://id.test/#a", "https://id.test/?\u00e4", "https://id.test/\u202e", "https:/id.test"]
)
def test_a_url_that_violates_rfc_3986_is_refused(text):
    with pytest.raises(ValueError, match="The URL"):
        parse_url(text)
