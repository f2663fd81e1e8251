"""Rules for requests: listed operations, CORS and limits."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from backends import Backend
from running import Holdfast, PublishedApi, refusal, wait_until

pytestmark = pytest.mark.envoy
NO_RESOURCE, NO_METHOD = "404 resource_not_found", "405 method_not_allowed"
OPERATIONS = [
    ("GET", "/pets"), ("POST", "/pets"), ("GET", "/pets/{id}"), ("DELETE", "/pets/{id}"), ("PUT", "/pets/mine"),
    ("GET", "/pets/{id}/photos/{name}.png"), ("GET", "/public/*"), ("PATCH", "/caf\u00e9/a b"), ("OPTIONS", "/open"),
    ("GET", "/o'neil"), ("GET", "/"),
]  # fmt: skip


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    with Backend(None) as running:
        yield running


def publish(holdfast: Holdfast, backend: Backend, **members: Any) -> PublishedApi:
    api = holdfast.create_api(backend.url("/base"), backend.url("/sandbox"))
    response = holdfast.rest.put(f"/apis/{api.id}", json=members)
    assert response.status_code == 200, response.text
    holdfast.change_lifecycle(api, "Publish")
    return api


@pytest.fixture(scope="module")
def api_with_rules(holdfast: Holdfast, backend: Backend) -> PublishedApi:
    operations = [{"verb": verb, "target": target} for verb, target in OPERATIONS]
    api = publish(holdfast, backend, operations=operations, onlyListedOperations=True, isDefaultVersion=True)
    for path in (api.path, api.path.rpartition("/")[0]):
        wait_until(lambda path=path: holdfast.call(f"{path}/pets").status_code == 200)
    return api


def ask(client: httpx2.Client, method: str, target: str, **headers: str) -> str:
    """Return the path that the backend was asked for, or the gateway's refusal."""
    response = client.request(method, "/", headers=headers, extensions={"target": target.encode()})
    if response.status_code != 200:
        return f"{response.status_code}" if method == "HEAD" else refusal(response)
    return "" if method == "HEAD" else str(response.json()["path"])


# Method, path below the API; path at the backend, or refusal.
REQUESTS = [
    ("GET", "/pets?x=/admin", "/base/pets?x=/admin"),
    ("POST", "/pets", "/base/pets"),
    ("GET", "/pets/5", "/base/pets/5"),
    ("GET", "/pets/a;b=c,d", "/base/pets/a;b=c,d"),
    ("GET", "/pets/%C3%A9", "/base/pets/%C3%A9"),
    ("GET", "/p%65ts", "/base/pets"),
    ("GET", "/x/../pets", "/base/pets"),
    ("DELETE", "/pets/mine", "/base/pets/mine"),
    ("PUT", "/pets/mine", "/base/pets/mine"),
    ("GET", "/pets/5/photos/b.png", "/base/pets/5/photos/b.png"),
    ("GET", "/public", "/base/public"),
    ("GET", "/public/a/b//c%2Fd/", "/base/public/a/b//c%2Fd/"),
    ("PATCH", "/caf%c3%A9/a%20b", "/base/caf%c3%A9/a%20b"),
    ("OPTIONS", "/open", "/base/open"),
    ("GET", "/o'neil", "/base/o'neil"),
    ("GET", "", "/base"),
    ("GET", "/", "/base/"),
    ("HEAD", "/pets", ""),
    ("GET", "/admin", NO_RESOURCE),
    ("GET", "/PETS", NO_RESOURCE),
    ("GET", "/pets/", NO_RESOURCE),
    ("GET", "//pets", NO_RESOURCE),
    ("GET", "/pets//5", NO_RESOURCE),
    ("GET", "/pets/5/photos", NO_RESOURCE),
    ("GET", "/pets/5%2fphotos%2f.png", NO_RESOURCE),
    ("GET", "/pets/5%5Cphotos", NO_RESOURCE),
    ("GET", "/pets/5%252fphotos", NO_RESOURCE),
    ("GET", "/publicx", NO_RESOURCE),
    ("GET", "/public/../admin", NO_RESOURCE),
    ("GET", "/public/..%2fadmin", "400 escaping_path"),
    ("GET", "/pets/..;/admin", NO_RESOURCE),
    ("GET", "/admin?/pets", NO_RESOURCE),
    ("GET", "/pets%3Fx", NO_RESOURCE),
    ("HEAD", "/admin", "404"),
    ("HEAD", "/open", "405"),
    ("DELETE", "/pets", NO_METHOD),
    ("OPTIONS", "/pets", NO_METHOD),
    ("PURGE", "/pets/5", NO_METHOD),
    ("POST", "/public/x", NO_METHOD),
]  # fmt: skip


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("path", ["version", "default"])
def test_only_listed_operations_are_served(holdfast: Holdfast, api_with_rules: PublishedApi, version: str, path: str):
    below = api_with_rules.path if path == "version" else api_with_rules.path.rpartition("/")[0]
    http2 = version == "HTTP/2"
    with httpx2.Client(
        base_url=holdfast.gateway_url, http1=not http2, http2=http2, trust_env=False, timeout=30
    ) as client:
        outcomes = {(method, target): ask(client, method, below + target) for method, target, _ in REQUESTS}
        expected = {(method, target): result for method, target, result in REQUESTS}
        assert outcomes == expected


def test_a_refusal_lists_exactly_the_methods_of_its_path(holdfast: Holdfast, api_with_rules: PublishedApi):
    methods_by_path = {
        "/pets": ["GET", "HEAD", "POST"], "/pets/5?x": ["DELETE", "GET", "HEAD"],
        "/pets/mine": ["DELETE", "GET", "HEAD", "PUT"], "/open": ["OPTIONS"], "": ["GET", "HEAD"],
    }  # fmt: skip
    for path, methods in methods_by_path.items():
        response = holdfast.call(api_with_rules.path + path, "PURGE")
        assert (response.status_code, response.headers.get_list("allow", split_commas=True)) == (405, methods)


def test_backends_do_not_see_other_methods_in_headers(holdfast: Holdfast, api_with_rules: PublishedApi):
    names = ("X-HTTP-Method-Override", "x_http_method_override", "X-HTTP-Method", "X-Method-Override")
    response = holdfast.call(
        f"{api_with_rules.path}/pets", "POST", headers=dict.fromkeys([*names, "x-other"], "DELETE")
    )
    names_there = {name.lower() for name in response.json()["headers"]}
    assert names_there & {*map(str.lower, names), "x-other"} == {"x-other"}


CORS = {
    "corsConfigurationEnabled": True,
    "accessControlAllowOrigins": ["https://shop.test", "http://localhost:3000"],
    "accessControlAllowMethods": ["GET", "PUT"],
    "accessControlAllowHeaders": ["x-key"],
    "accessControlAllowCredentials": True,
}


def cross_origin(response: httpx2.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name.startswith("access-control-")}


def preflight(origin: str) -> dict[str, str]:
    return {"origin": origin, "access-control-request-method": "PUT", "access-control-request-headers": "x-key"}


def test_the_gateway_answers_preflights_and_tells_browsers_which_origins_may_read(holdfast: Holdfast, backend: Backend):
    rules = {"onlyListedOperations": True, "operations": [{"verb": "GET", "target": "/x"}]}
    api = publish(holdfast, backend, corsConfiguration=CORS, isDefaultVersion=True, **rules)
    short = api.path.rpartition("/")[0]
    wait_until(lambda: holdfast.call(f"{api.path}/x").status_code == 200)
    fields = {"access-control-allow-origin": "https://shop.test", "access-control-allow-credentials": "true"}
    answer = {"access-control-allow-methods": "GET, PUT", "access-control-allow-headers": "x-key"}
    for path in (f"{api.path}/x", f"{short}/x", f"{api.path}/unlisted"):
        requests = backend.requests
        response = holdfast.call(path, "OPTIONS", headers=preflight("https://shop.test"))
        assert (response.status_code, cross_origin(response)) == (200, fields | answer)
        assert response.headers.get_list("vary") == ["Origin"]
        for other in ("https://shop.test.evil", "null", "http://shop.test", "https://SHOP.test"):
            response = holdfast.call(path, "OPTIONS", headers=preflight(other))
            assert (response.status_code, response.content) == (200, b"")
            assert "access-control-allow-origin" not in response.headers
            assert response.headers.get_list("vary") == ["Origin"]
        assert backend.requests == requests
    for path, status in ((f"{api.path}/x", 200), (f"{api.path}/unlisted", 404)):
        response = holdfast.call(path, headers={"origin": "https://shop.test"})
        assert (response.status_code, cross_origin(response), response.headers["vary"]) == (status, fields, "Origin")
        response = holdfast.call(path, headers={"origin": "https://evil.test"})
        assert (response.status_code, cross_origin(response), response.headers["vary"]) == (status, {}, "Origin")
    empty = {"origin": "https://shop.test", "access-control-request-method": ""}
    assert refusal(holdfast.call(f"{api.path}/x", "OPTIONS", headers=empty)) == NO_METHOD
    assert refusal(holdfast.call(f"{api.path}/x", "OPTIONS", headers={"origin": "https://shop.test"})) == NO_METHOD
    # A page can read that the API is blocked.
    holdfast.rest.post("/apis/change-lifecycle", params={"apiId": api.id, "action": "Block"}).raise_for_status()
    wait_until(lambda: holdfast.call(f"{api.path}/x").status_code == 503)
    response = holdfast.call(f"{short}/x", headers={"origin": "https://shop.test"})
    assert (refusal(response), cross_origin(response)) == ("503 api_blocked", fields)
    response = holdfast.call(f"{api.path}/x", "OPTIONS", headers=preflight("https://shop.test"))
    assert (response.status_code, cross_origin(response)) == (200, fields | answer)


def test_without_a_policy_backends_answer_for_themselves(holdfast: Holdfast, backend: Backend):
    off = {**CORS, "corsConfigurationEnabled": False}
    api = publish(holdfast, backend, corsConfiguration=off)
    wait_until(lambda: holdfast.call(api.path).status_code == 200)
    response = holdfast.call(api.path, "OPTIONS", headers=preflight("https://shop.test"))
    assert (response.status_code, response.json()["method"], cross_origin(response)) == (200, "OPTIONS", {})


def test_requests_over_the_limit_are_refused_with_the_time_to_wait(holdfast: Holdfast, backend: Backend):
    limits = {"production": 3, "productionTimeUnit": "HOUR", "sandbox": 1_000_000}
    operations = [{"verb": verb, "target": "/*"} for verb in ("GET", "POST", "DELETE")]
    rules = {"onlyListedOperations": True, "operations": operations}
    api = publish(holdfast, backend, maxTps=limits, isDefaultVersion=True, **rules)
    other = publish(holdfast, backend)
    short = api.path.rpartition("/")[0]
    wait_until(lambda: holdfast.call(api.path, sandbox=True).status_code == 200)
    wait_until(lambda: holdfast.call(other.path).status_code == 200)
    assert {holdfast.call(api.path, "PUT").status_code for _ in range(5)} == {405}  # they don't count
    assert [holdfast.call(short).status_code for _ in range(4)] == [200, 200, 200, 429]
    requests = backend.requests
    # All routes count together: both paths, and all methods.
    for path, method in ((api.path, "GET"), (f"{short}/x", "POST"), (f"{api.path}/x", "DELETE")):
        response = holdfast.call(path, method)
        assert (refusal(response), response.headers["retry-after"]) == ("429 too_many_requests", "1200")
    assert backend.requests == requests
    assert [holdfast.call(other.path).status_code for _ in range(5)] == [200] * 5
    assert [holdfast.call(api.path, sandbox=True).status_code for _ in range(5)] == [200] * 5
    request_id = response.json()["request_id"]
    wait_until(lambda: holdfast.rest.get(f"/failures/{request_id}").json().get("code") == "rate_limited")
