"""No request leaves the base path of its endpoint, however it is encoded."""

from collections.abc import Iterator

import httpx2
import pytest
import websockets.sync.client
from websockets.exceptions import InvalidStatus

from backends import Backend
from decoding import decoding_backend
from running import Holdfast, PublishedApi, refusal

pytestmark = pytest.mark.envoy
REFUSED = "400 escaping_path"
OUTSIDE = [
    "..%2fint/x", "..%2Fint", "%2e%2e%2fint", "%2E%2e%2Fint", ".%2e%2fint", "a%2f..%2f..%2fint", "a%2f..", "..%2f",
    "..%5cint", "..%5Cint", "%2e%2e%5cint", "a%5c..%5c..%5cint", "..%3bx/int", "..%2f;/int", "%2e%2e;%2fint",
    "..%252fint", "%252e%252e%252fint", "%252e%252e/int", "%252e%252e", ".%252e/int", "..%255cint", "..%253b/int",
    "%2%65%2%65/int", "%25%32%65%25%32%65/int", "..%25%32%66int", "%25252e%25252e/int", "..%2500/int",
    "%c0%ae%c0%ae/int", "..%c0%afint", "%u002e%u002e/int", "..%u2215int", ".%09.%2fint", "..%20/int", "..%3fx/int",
    "..%23/int", "%5c..%2fint", "%2f..%2fint", "a//..%2f..%2fint", "..%2f..%2f..%2f..%2fetc/passwd",
]  # fmt: skip
INSIDE = [
    "a%2Fb", "a%2fb%2f", "a%5Cb", "%2F", "a%252Fb", "...", "..a", "a..", "a..%2fb", "a%2f..b", "v1..v2",
    "a;b=c/d;e", "a%3Bb", "100%25", "%C3%A9", "x%20y", "?q=/..%2f..%2fint&..;/..\\%5c%252e%252e/%00",
    "a?../../..%2fint", ".well-known/x",
]  # fmt: skip


@pytest.fixture(scope="module")
def decoding(holdfast: Holdfast, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, PublishedApi]]:
    with decoding_backend(tmp_path_factory.mktemp("nginx")) as url:
        yield {base: holdfast.publish_api(url + base) for base in ("/base", "/twice/base", "")}


def ask(client: httpx2.Client, target: str) -> httpx2.Response:
    """Send *target* as it is; httpx2 would normalize it."""
    return client.get("/", extensions={"target": target.encode()})


def callers(holdfast: Holdfast) -> dict[str, httpx2.Client]:
    http2 = httpx2.Client(base_url=holdfast.gateway_url, http1=False, http2=True, trust_env=False, timeout=30)
    return {"HTTP/1.1": holdfast.caller(), "HTTP/2": http2}


@pytest.mark.parametrize("base", ["/base", "/twice/base", ""])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
def test_paths_that_lead_out_are_refused(holdfast, decoding, base: str, version: str):
    with callers(holdfast)[version] as client:
        path = decoding[base].path
        answers = {below: refusal(ask(client, f"{path}/{below}")) for below in OUTSIDE}
        assert {below: outcome for below, outcome in answers.items() if outcome != REFUSED} == {}


def test_bytes_beyond_ascii_do_not_hide_what_leads_out(holdfast, decoding):
    with callers(holdfast)["HTTP/2"] as client:
        for raw in (b"\xc3\xa9/..%2fint", b"\xff/..%2fint", b"\xc0\xae\xc0\xae/int"):
            target = decoding["/base"].path.encode() + b"/" + raw
            assert refusal(client.get("/", extensions={"target": target})) == REFUSED, raw


@pytest.mark.parametrize("base", ["/base", "/twice/base"])
def test_paths_that_the_gateway_normalizes_stay_inside(holdfast, decoding, base: str):
    with holdfast.caller() as client:
        for below in ("../x", "%2e%2e/x", ".%2e/x", "..", "a/../../x", "..;/x", "..;a=b/x", "..\\x", "a/..\\..\\x"):
            assert refusal(ask(client, f"{decoding[base].path}/{below}")) == "404 not_found", below
        for below in ("%00", "a%00/..%2f", "a#/..%2fint"):
            assert ask(client, f"{decoding[base].path}/{below}").status_code == 400
        for below in ("a/..", "a/../b", "a/b;/..;/c", "./a", "%2e/a", "a\\b", ".;/a"):
            answer = ask(client, f"{decoding[base].path}/{below}")
            assert (answer.status_code, answer.text.startswith(f"{base}/")) == (200, True), below


def test_the_backend_would_have_followed_them(tmp_path):
    with decoding_backend(tmp_path) as url, httpx2.Client(base_url=url, trust_env=False, timeout=30) as client:
        assert ask(client, "/base/..%2fint/x").text == "/int/x"
        assert ask(client, "/twice/base/%252e%252e/%252e%252e/int").text == "/int"


@pytest.mark.parametrize("base", ["/base", ""])
def test_ordinary_paths_and_any_query_arrive_unchanged(holdfast: Holdfast, base: str):
    with Backend(None) as backend:
        api = holdfast.publish_api(backend.url(base))
        for client in callers(holdfast).values():
            with client:
                paths = {below: ask(client, f"{api.path}/{below}").json()["path"] for below in INSIDE}
                assert {below: path for below, path in paths.items() if path != f"{base}/{below}"} == {}


def test_paths_that_lead_into_another_api_are_refused_before_any_route(holdfast: Holdfast, decoding):
    other = decoding[""]
    segment = decoding["/base"].path.split("/")[1]
    with holdfast.caller() as client:
        for target in (
            f"/{segment}%2f..{other.path}",
            f"/..%2f{segment}%2f..{other.path}",
            f"{decoding['/base'].path}%2f..%2f..{other.path}",
            f"//..%2f{other.path}",
            f"{other.path}/..%2f..",
            f"{holdfast.gateway_url}{decoding['/base'].path}/..%2fint",
        ):
            assert refusal(ask(client, target)) == REFUSED, target


def test_a_websocket_cannot_lead_out_either(holdfast: Holdfast, decoding):
    url = holdfast.gateway_url.replace("http", "ws", 1)
    with (
        pytest.raises(InvalidStatus) as error,
        websockets.sync.client.connect(f"{url}{decoding['/base'].path}/..%2fint", open_timeout=30),
    ):
        pass
    assert error.value.response.status_code == 400
    assert b'"escaping_path"' in error.value.response.body
