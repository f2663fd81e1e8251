"""Headers about callers that the gateway sends to backends, and the proxies that it trusts."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing

import httpx2
import pytest

from backends import Backend, ListeningBackend
from calling import GATEWAYS, tls_of
from issuing import issue, server_context
from running import REST, Holdfast, PublishedApi, wait_until, write_identity

pytestmark = pytest.mark.envoy
CALLER, PROXY = "127.0.0.1", "127.0.0.2"
CLAIMS = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "443",
    "X-Forwarded-Host": "api.example",
    "X-Forwarded-Prefix": "/public",
    "X-Forwarded-Ssl": "on",
    "X-Forwarded-Client-Cert": "Hash=aa",
    "Forwarded": "for=203.0.113.9;proto=https",
    "Client-Cert": ":MIIB:",
    "Client-Cert-Chain": ":MIIB:",
    "X-Real-IP": "203.0.113.9",
    "Client-IP": "203.0.113.9",
    "X-Original-URL": "/admin",
    "X-Rewrite-URL": "/admin",
}
UNDERSCORED = {name.replace("-", "_"): value for name, value in CLAIMS.items() if "-" in name} | {
    "X-Forwarded_For": "203.0.113.9",
    "X_Forwarded-Proto": "https",
    "X-Forwarded-Client_Cert": "Hash=aa",
    "Client-Cert_Chain": ":MIIB:",
    "X_Request_Id": "mine",
    "X-Request_Id": "mine",
}
OWN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def holdfast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holdfast]:
    directory = tmp_path_factory.mktemp("forwarding")
    files = write_identity(directory, issue(CALLER, by=GATEWAYS))
    proxies = {"HOLDFAST_TRUSTED_PROXIES": f"{PROXY}/32, 127.0.0.0/32, {PROXY}, fd00::/8"}
    with Holdfast(directory, gateway_identity=files, **proxies) as running:
        yield running


@pytest.fixture(scope="module")
def api(holdfast: Holdfast) -> Iterator[PublishedApi]:
    with Backend(None) as backend:
        yield holdfast.publish_api(backend.url("/base"))


def client_of(holdfast: Holdfast, address: str, kind: str) -> httpx2.Client:
    """Make a client whose connections come from *address*."""
    tls = kind.startswith("https")
    transport = httpx2.HTTPTransport(
        local_address=address, verify=tls_of(), http1=kind.endswith("1.1"), http2=kind.endswith("2")
    )
    url = "https://{}:{}".format(*holdfast.tls_address()) if tls else holdfast.gateway_url
    return httpx2.Client(base_url=url, transport=transport, trust_env=False, timeout=30)


def call_and_see(
    holdfast: Holdfast, api: PublishedApi, address: str, kind: str, headers: dict[str, str]
) -> dict[str, str]:
    """Call *api* and return the headers about the caller that its backend sees."""
    with client_of(holdfast, address, kind) as client:
        answer = client.get(f"{api.path}/x", headers=headers).json()
    ordinary = {"host", "accept", "accept-encoding", "user-agent", "x-request-id", "x-envoy-external-address"}
    return {name: value for name, value in answer["headers"].items() if name not in ordinary}


@pytest.mark.parametrize("kind", ["http/1.1", "https/1.1", "https/2"])
@pytest.mark.parametrize("claims", [{}, CLAIMS, UNDERSCORED, CLAIMS | UNDERSCORED])
def test_fields_that_callers_claim_are_replaced(holdfast, api, kind: str, claims: dict[str, str]):
    scheme, _, _ = kind.partition("/")
    port = str(holdfast.tls_address()[1]) if scheme == "https" else holdfast.gateway_url.rpartition(":")[2]
    assert call_and_see(holdfast, api, CALLER, kind, claims) == {
        "x-forwarded-for": CALLER,
        "x-forwarded-proto": scheme,
        "x-forwarded-port": port,
        "x-forwarded-host": f"{CALLER}:{port}",
        "x-forwarded-prefix": api.path,
    }


@pytest.mark.parametrize("kind", ["http/1.1", "https/2"])
def test_fields_of_a_trusted_proxy_are_kept_and_extended(holdfast, api, kind: str):
    fields = call_and_see(holdfast, api, PROXY, kind, CLAIMS | UNDERSCORED)
    own_host = "{}:{}".format(*holdfast.tls_address()) if kind == "https/2" else holdfast.gateway_url.partition("//")[2]
    element = fields.pop("forwarded")
    assert re.fullmatch(rf'for=203.0.113.9;proto=https, for="{PROXY}:\d+"', element)
    assert fields.pop("x-forwarded-prefix").endswith(api.path)
    claims = {name.lower(): value for name, value in CLAIMS.items() if name not in {"Forwarded", "X-Forwarded-Prefix"}}
    assert fields == claims | {"x-forwarded-for": f"203.0.113.9,{PROXY}", "x-forwarded-host": f"api.example,{own_host}"}


def test_a_trusted_proxy_that_says_nothing_is_taken_for_the_caller(holdfast, api):
    fields = call_and_see(holdfast, api, PROXY, "http/1.1", {})
    assert (fields["x-forwarded-for"], fields["x-forwarded-proto"], fields["x-forwarded-prefix"]) == (
        PROXY,
        "http",
        api.path,
    )
    assert "forwarded" not in fields


def exchange(address: tuple[str, int], *lines: str, source: str = CALLER) -> str:
    """Send one request as it is and return the answer; the gateway waits for a second before it closes on its own."""
    with closing(socket.create_connection(address, timeout=30, source_address=(source, 0))) as connection:
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1"))
        received = b""
        while not _is_whole(received) and (data := connection.recv(65536)):
            received += data
    return received.decode()


def _is_whole(received: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    size = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
    return bool(end and size) and len(body) >= int(size[1])


def gateway(holdfast: Holdfast) -> tuple[str, int]:
    url = httpx2.URL(holdfast.gateway_url)
    return url.host, url.port or 0


def test_every_field_of_a_trusted_proxy_is_kept(holdfast):
    identity = issue(CALLER)
    reply = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"
    fields = {"x-forwarded-for": "203.0.113.9", "x-forwarded-prefix": "/a", "forwarded": "for=203.0.113.9"}
    again = {"x-forwarded-for": "203.0.113.8", "x-forwarded-prefix": "/b", "forwarded": "for=203.0.113.8"}
    lines = [f"{name}: {value}" for name, value in (*fields.items(), *again.items())]
    with ListeningBackend(server_context(identity), reply) as backend:
        api = holdfast.publish_trusted_api(backend.url(), identity.pem)
        answer = exchange(gateway(holdfast), f"GET {api.path} HTTP/1.1", "Host: x", *lines, source=PROXY)
    assert answer.startswith("HTTP/1.1 204")
    (head,) = filter(None, backend.received)
    values_by_field: dict[str, list[str]] = {}
    for name, _, value in (line.partition(": ") for line in head.decode().splitlines()):
        values_by_field.setdefault(name, []).extend(re.split(", ?", value))
    assert values_by_field["x-forwarded-for"] == ["203.0.113.9", "203.0.113.8", PROXY]
    assert values_by_field["x-forwarded-prefix"] == ["/a", "/b", api.path]
    assert values_by_field["forwarded"][:2] == ["for=203.0.113.9", "for=203.0.113.8"]
    assert values_by_field["forwarded"][2].startswith(f'for="{PROXY}:')


@pytest.mark.parametrize("source", [CALLER, PROXY])
def test_the_request_id_is_always_the_gateways_own(holdfast, api, source: str):
    mine = {"X-Request-Id": "mine"}
    with client_of(holdfast, source, "http/1.1") as client:
        assert OWN_ID.fullmatch(client.get(api.path, headers=mine).json()["headers"]["x-request-id"])
        assert OWN_ID.fullmatch(client.get("/nowhere", headers=mine).json()["request_id"])
    for line, *more in (
        ("GET /x#fragment HTTP/1.1", "Host: x"),
        ("GET /x%00 HTTP/1.1", "Host: x"),
        ("GET / HTTP/1.1",),
        ("OPTIONS * HTTP/1.1", "Host: x"),
        ("GET nowhere HTTP/1.1", "Host: x"),
        ("GET / HTTP/1.1", "Host: x", "Host: y"),
        (f"GET {api.path}/..%2f HTTP/1.1", "Host: x"),
    ):
        answer = exchange(gateway(holdfast), line, *more, "X-Request-Id: mine", source=source)
        head, _, body = answer.partition("\r\n\r\n")
        assert head.startswith(("HTTP/1.1 400", "HTTP/1.1 404")), (line, head)
        assert OWN_ID.fullmatch(json.loads(body)["request_id"]), line


@pytest.mark.parametrize("source", [CALLER, PROXY])
def test_an_original_path_that_callers_claim_does_not_select_the_routes(holdfast, api, source: str):
    claim = "X-Envoy-Original-Path: /elsewhere"
    answer = exchange(gateway(holdfast), f"GET {api.path} HTTP/1.1", "Host: x", claim, source=source)
    assert answer.startswith("HTTP/1.1 200")


@pytest.mark.parametrize("second", ["a", "b"])
def test_two_hosts_are_refused(holdfast, api, second: str):
    answer = exchange(gateway(holdfast), f"GET {api.path} HTTP/1.1", "Host: a", f"Host: {second}")
    assert answer.startswith("HTTP/1.1 400")
    assert '"two_hosts"' in answer
    publisher = httpx2.URL(holdfast.publisher_url)
    answer = exchange((publisher.host, publisher.port or 0), "GET / HTTP/1.1", "Host: a", f"Host: {second}")
    assert answer.startswith("HTTP/1.1 400")


def test_a_failed_sign_in_is_logged_with_the_client_of_a_trusted_proxy(holdfast):
    for source, client in ((PROXY, "203.0.113.77"), (CALLER, CALLER)):
        transport = httpx2.HTTPTransport(local_address=source)
        headers = {"X-Forwarded-For": "203.0.113.77"}
        with httpx2.Client(
            base_url=holdfast.publisher_url, transport=transport, trust_env=False, timeout=30
        ) as browser:
            assert browser.get(f"{REST}/apis", auth=("admin", "no password"), headers=headers).status_code == 401

        def line(client=client):
            entries = [entry for entry in holdfast.log_lines() if entry["event"] == "failed sign-in"]
            return next((entry for entry in entries if entry["address"] == client), None)

        entry = wait_until(line)
        assert (entry["way"], entry["reason"], entry["user"]) == ("HTTP Basic", "wrong name or password", "admin")
    assert "no password" not in holdfast.errors.read_text()


def test_the_publisher_trusts_forwarding_headers_only_from_trusted_proxies(holdfast):
    cookies = []
    for source in (CALLER, PROXY):
        transport = httpx2.HTTPTransport(local_address=source)
        with httpx2.Client(base_url=holdfast.publisher_url, transport=transport, trust_env=False, timeout=30) as client:
            form = {"name": "admin", "password": holdfast.admin_password}
            answer = client.post("/sign-in", data=form, headers={"X-Forwarded-Proto": "https"})
            cookies.append(answer.headers["set-cookie"])
            assert ("strict-transport-security" in answer.headers) is (source == PROXY)
    assert ["__Host-" in cookie and "Secure" in cookie for cookie in cookies] == [False, True]
