"""URLs in a backend's responses, as callers see them."""

import socket
from collections.abc import Iterator

import httpx2
import pytest

from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.gateway.resources.response_rewriting import build_mapping
from issuing import issue
from running import Holdfast, PublishedApi, wait_until
from scripted import V4, Message, ScriptedBackend, exchange

pytestmark = pytest.mark.envoy
IDENTITY = issue(V4)


class Site(ScriptedBackend):
    """A backend that answers with the header fields in `fields`."""

    fields: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__(self._answer, IDENTITY)

    def _answer(self, connection: socket.socket, _: Message) -> None:
        lines = ["HTTP/1.1 302 Found", *self.fields, "Content-Length: 0", "", ""]
        connection.sendall("\r\n".join(lines).encode("latin-1"))


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as backend:
        yield backend


@pytest.fixture(scope="module")
def below_base(holdfast: Holdfast, site: Site) -> PublishedApi:
    """Production is at /base/v1 of the site, the sandbox at its root."""
    api = holdfast.publish_api(f"{site.url}/base/v1", site.url)
    holdfast.import_certificate(site.url, IDENTITY.pem)
    return api


def call_and_read(holdfast: Holdfast, api: PublishedApi, name: str, *, sandbox: bool = False) -> list[str]:
    """Call *api* and give the values of a header field of the response."""
    url = httpx2.URL(holdfast.sandbox_url if sandbox else holdfast.gateway_url)
    lines = [f"GET {api.path}/x HTTP/1.1", "Host: api.example", "Connection: close"]
    message = exchange((url.host, url.port or 80), *lines)
    assert message.status == 302
    return message.all(name.lower())


# What the backend says, what callers of production (/base/v1) see, what callers of the sandbox (/) see. PUBLIC stands
# for the API's path at the gateway; ORIGIN and PORT are the backend's.
LOCATIONS = [
    ("ORIGIN/base/v1/orders/5", "PUBLIC/orders/5", "PUBLIC/base/v1/orders/5"),
    ("ORIGIN/base/v1", "PUBLIC", "PUBLIC/base/v1"),
    ("ORIGIN/base/v1/", "PUBLIC/", "PUBLIC/base/v1/"),
    ("ORIGIN/base/v1?page=2#top", "PUBLIC?page=2#top", "PUBLIC/base/v1?page=2#top"),
    ("HTTPS://127.0.0.1:PORT/base/v1/a%2Fb", "PUBLIC/a%2Fb", "PUBLIC/base/v1/a%2Fb"),
    ("//127.0.0.1:PORT/base/v1/x", "PUBLIC/x", "PUBLIC/base/v1/x"),
    ("/base/v1/orders/5", "PUBLIC/orders/5", "PUBLIC/base/v1/orders/5"),
    ("/base/v1", "PUBLIC", "PUBLIC/base/v1"),
    # Not below the endpoint's URL, or another origin.
    ("ORIGIN", "ORIGIN", "PUBLIC"),
    ("ORIGIN/", "ORIGIN/", "PUBLIC/"),
    ("ORIGIN/base/v10/x", "ORIGIN/base/v10/x", "PUBLIC/base/v10/x"),
    ("/login", "/login", "PUBLIC/login"),
    ("/base/v1x", "/base/v1x", "PUBLIC/base/v1x"),
    ("http://127.0.0.1:PORT/base/v1/x", "http://127.0.0.1:PORT/base/v1/x", "http://127.0.0.1:PORT/base/v1/x"),
    ("https://127.0.0.1/base/v1/x", "https://127.0.0.1/base/v1/x", "https://127.0.0.1/base/v1/x"),
    ("https://login.example/base/v1/x", "https://login.example/base/v1/x", "https://login.example/base/v1/x"),
    ("https://me@127.0.0.1:PORT/base/v1", "https://me@127.0.0.1:PORT/base/v1", "https://me@127.0.0.1:PORT/base/v1"),
    (
        "https://127.0.0.1:PORT.example/base/v1",
        "https://127.0.0.1:PORT.example/base/v1",
        "https://127.0.0.1:PORT.example/base/v1",
    ),
    ("//login.example/base/v1", "//login.example/base/v1", "//login.example/base/v1"),
    ("mailto:me@example", "mailto:me@example", "mailto:me@example"),
    # Relative to the request's path: right as it is.
    ("6", "6", "6"),
    ("../orders?x=/base/v1", "../orders?x=/base/v1", "../orders?x=/base/v1"),
    ("?page=2", "?page=2", "?page=2"),
    ("", "", ""),
    # From a backend that follows X-Forwarded-Prefix.
    ("PUBLIC/orders/5", "PUBLIC/orders/5", "PUBLIC/orders/5"),
    ("ORIGINPUBLIC/orders/5", "PUBLIC/orders/5", "PUBLIC/orders/5"),
    # Never a scheme-relative reference, which browsers take for another host.
    ("/\\evil.example", "/\\evil.example", "PUBLIC/\\evil.example"),
    ("ORIGIN//evil.example", "ORIGIN//evil.example", "PUBLIC//evil.example"),
]
COOKIES = [
    ("a=b; Path=/base/v1", "a=b; Path=PUBLIC", "a=b; Path=PUBLIC/base/v1"),
    ("a=b; path=/base/v1/x; HttpOnly", "a=b; Path=PUBLIC/x; HttpOnly", "a=b; Path=PUBLIC/base/v1/x; HttpOnly"),
    ("a=b;PATH = /base/v1/ ;Secure", "a=b; Path=PUBLIC/;Secure", "a=b; Path=PUBLIC/base/v1/;Secure"),
    # For more than the endpoint: for the whole API, and not for its neighbors at the gateway.
    ("a=b; Path=/", "a=b; Path=PUBLIC", "a=b; Path=PUBLIC"),
    ("a=b; Path=/base", "a=b; Path=PUBLIC", "a=b; Path=PUBLIC/base"),
    ("a=b; Path=/base/", "a=b; Path=PUBLIC", "a=b; Path=PUBLIC/base/"),
    ("a=b; Path=/other", "a=b; Path=/other", "a=b; Path=PUBLIC/other"),
    ("a=b; Path=/base/v10", "a=b; Path=/base/v10", "a=b; Path=PUBLIC/base/v10"),
    ("a=b; Path=PUBLIC/x", "a=b; Path=PUBLIC/x", "a=b; Path=PUBLIC/x"),
    ("a=b", "a=b", "a=b"),
    ("a=b; Path", "a=b; Path", "a=b; Path"),
    ("a=b; Path=", "a=b; Path=", "a=b; Path="),
    ("a=b; Path=x", "a=b; Path=x", "a=b; Path=x"),
    ("Path=/base/v1; a=b", "Path=/base/v1; a=b", "Path=/base/v1; a=b"),  # the cookie's name
    # The host's own Domain; those of others, and parents', stay.
    ("a=b; Domain=127.0.0.1; Secure", "a=b; Secure", "a=b; Secure"),
    ("a=b; domain=.127.0.0.1", "a=b", "a=b"),
    ("a=b; Domain=example.com", "a=b; Domain=example.com", "a=b; Domain=example.com"),
    # Browsers take __Host- cookies only with Path=/.
    ("__Host-a=b; Secure; Path=/", "__Host-a=b; Secure; Path=/", "__Host-a=b; Secure; Path=/"),
]


@pytest.mark.parametrize("sandbox", [False, True], ids=["production", "sandbox"])
def test_urls_below_the_endpoint_become_the_gateways(
    holdfast: Holdfast, site: Site, below_base: PublishedApi, sandbox: bool
):
    def write(text: str) -> str:
        port = site.url.rpartition(":")[2]
        return text.replace("ORIGIN", site.url).replace("PORT", port).replace("PUBLIC", below_base.path)

    for template, production, in_sandbox in LOCATIONS:
        for field in ("Location", "Content-Location"):
            site.fields = (f"{field}: {write(template)}",)
            expected = [write(in_sandbox if sandbox else production)]
            assert call_and_read(holdfast, below_base, field, sandbox=sandbox) == expected, template
    site.fields = tuple(f"Set-Cookie: {write(template)}" for template, _, _ in COOKIES)
    expected = [write(in_sandbox if sandbox else production) for _, production, in_sandbox in COOKIES]
    assert call_and_read(holdfast, below_base, "set-cookie", sandbox=sandbox) == expected


def test_an_endpoint_below_a_path_like_the_apis_own_is_mapped_too(holdfast: Holdfast, site: Site):
    api = holdfast.publish_api(site.url)
    holdfast.change_endpoints(api, f"{site.url}{api.path}/v2")
    site.fields = (f"Location: {api.path}/v2/orders/5", f"Set-Cookie: a=b; Path={api.path}/v2")
    wait_until(lambda: call_and_read(holdfast, api, "location") == [f"{api.path}/orders/5"])
    assert call_and_read(holdfast, api, "set-cookie") == [f"a=b; Path={api.path}"]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://10.0.0.1/base", "10.0.0.1"),
        ("https://node1", "node1"),
        ("https://node1:8443", "node1"),
        ("https://[::1]:8443", "::1"),
    ],
)
def test_a_cookies_domain_is_compared_with_the_whole_host(url: str, host: str):
    """A host can end with digits that aren't a port."""
    mapping = build_mapping("/pizza/1.0", parse_endpoint(url))
    assert mapping
    assert mapping["host"] == host


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5; url=/base/v1/x", "5; url=PUBLIC/x"),
        ("0;URL='/base/v1/x?y'", "0;URL='PUBLIC/x?y'"),
        ("0; url=https://login.example/", "0; url=https://login.example/"),
        ("5", "5"),
    ],
)
def test_refresh_is_mapped_too(holdfast: Holdfast, site: Site, below_base: PublishedApi, text: str, expected: str):
    site.fields = (f"Refresh: {text}",)
    assert call_and_read(holdfast, below_base, "refresh") == [expected.replace("PUBLIC", below_base.path)]


def test_an_endpoint_can_keep_its_responses_as_they_are(holdfast: Holdfast, site: Site, below_base: PublishedApi):
    site.fields = ("Location: /base/v1/x", "Set-Cookie: a=b; Path=/base/v1")
    assert call_and_read(holdfast, below_base, "location") == [f"{below_base.path}/x"]
    for setting, location in ((False, "/base/v1/x"), (True, f"{below_base.path}/x")):
        production = {"url": f"{site.url}/base/v1", "config": {"rewriteResponses": setting}}
        endpoints = {"production_endpoints": production, "sandbox_endpoints": {"url": site.url}}
        config = {"endpointConfig": {"endpoint_type": "http", **endpoints}}
        assert holdfast.rest.put(f"/apis/{below_base.id}", json=config).is_success
        wait_until(lambda location=location: call_and_read(holdfast, below_base, "location") == [location])
        assert call_and_read(holdfast, below_base, "location", sandbox=True) == [f"{below_base.path}/base/v1/x"]
        path = below_base.path if setting else "/base/v1"
        assert call_and_read(holdfast, below_base, "set-cookie") == [f"a=b; Path={path}"]


@pytest.mark.parametrize("value", [" " * 30_000 + "x", ";" * 30_000, "; " * 15_000, "=" * 30_000, "url" * 10_000])
def test_no_value_keeps_the_gateway_busy(holdfast: Holdfast, site: Site, below_base: PublishedApi, value: str):
    """Quadratic time would take seconds for these."""
    for field in ("Location", "Refresh", "Set-Cookie"):
        site.fields = (f"{field}: 5; a=b; Path={value}{value[:1]}|",)
        assert len(call_and_read(holdfast, below_base, field)) == 1


def test_the_default_version_has_urls_without_its_number_and_only_the_gateways_cors_fields(
    holdfast: Holdfast, site: Site, below_base: PublishedApi
):
    del below_base  # it imported the certificate
    api = holdfast.publish_api(f"{site.url}/base")
    cors = {"corsConfigurationEnabled": True, "accessControlAllowOrigins": ["https://shop.test"]}
    response = holdfast.rest.put(f"/apis/{api.id}", json={"isDefaultVersion": True, "corsConfiguration": cors})
    assert response.status_code == 200, response.text
    site.fields = (
        f"Location: {site.url}/base/next", "Set-Cookie: a=b; Path=/base/x", "Access-Control-Allow-Origin: *",
        "Access-Control-Allow-Credentials: true", "Access-Control-Expose-Headers: x-secret",
    )  # fmt: skip
    short = api.path.rpartition("/")[0]
    wait_until(lambda: holdfast.call(short).status_code == 302)
    for path in (api.path, short):
        response = holdfast.call(f"{path}/x", headers={"origin": "https://evil.test"})
        assert response.headers["location"] == f"{path}/next"
        assert response.headers["set-cookie"] == f"a=b; Path={path}/x"
        assert [name for name in response.headers if name.startswith("access-control-")] == []
        response = holdfast.call(f"{path}/x", headers={"origin": "https://shop.test"})
        assert response.headers["access-control-allow-origin"] == "https://shop.test"
        assert "access-control-expose-headers" not in response.headers


def test_urls_of_every_member_of_a_group_are_mapped(holdfast: Holdfast, site: Site, below_base: PublishedApi):
    assert below_base  # its certificate is trusted
    first, other = f"{site.url}/base", "https://other.example:8443"
    api = holdfast.create_api(first)
    members = {"production_endpoints": {"url": first}, "production_failovers": [{"url": f"{other}/base"}]}
    holdfast.rest.put(f"/apis/{api.id}", json={"endpointConfig": {"endpoint_type": "failover", **members}})
    holdfast.change_lifecycle(api, "Publish")
    stranger = "https://stranger.example/base/x"
    site.fields = (
        f"Location: {other}/base/orders/5",
        f"Content-Location: {stranger}",
        "Set-Cookie: a=1; Domain=other.example",
    )
    wait_until(lambda: holdfast.call(f"{api.path}/x").status_code == 302)
    assert call_and_read(holdfast, api, "Location") == [f"{api.path}/orders/5"]
    assert call_and_read(holdfast, api, "Content-Location") == [stranger]
    assert call_and_read(holdfast, api, "Set-Cookie") == ["a=1"]
