"""Several backends serve one API, and each is verified for itself: the others take the traffic of one that fails."""

import base64
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from backends import V4, Backend, closed_port
from issuing import DAY, Identity, issue
from running import Holdfast, PublishedApi, refusal, wait_until
from scripted import ScriptedBackend

pytestmark = pytest.mark.envoy
NAME = "localhost"
SECURITY = {"production": {"enabled": True, "type": "BASIC", "username": "shop", "password": "secret"}}
CREDENTIAL = "Basic " + base64.b64encode(b"shop:secret").decode()


@contextmanager
def backends(*identities: Identity | None) -> Iterator[list[Backend]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Backend(identity)) for identity in identities]


def publish(
    holdfast: Holdfast,
    urls: Sequence[str],
    kind: str = "load_balance",
    priorities: Sequence[int | None] = (),
    **settings: Any,
) -> PublishedApi:
    """Publish an API whose endpoints are *urls*, the first one first."""
    first, *rest = [{"url": url, "priority": priority} for url, priority in zip_longest(urls, priorities)]
    own: dict[str, Any] = {"production_endpoints": [first, *rest]}
    if kind == "failover":
        own = {"production_endpoints": first, "production_failovers": rest}
    api = holdfast.create_api(urls[0])
    config = {"endpoint_type": kind, **own, **settings}
    response = holdfast.rest.put(f"/apis/{api.id}", json={"endpointConfig": config})
    assert response.is_success, response.text
    holdfast.change_lifecycle(api, "Publish")
    return api


def trust(holdfast: Holdfast, *pairs: tuple[str, Identity]) -> None:
    for url, identity in pairs:
        alias = holdfast.import_certificate(url, identity.pem)
        holdfast.wait_until_enforced(alias)


def call(holdfast: Holdfast, api: PublishedApi, times: int = 12, by: str = "host", **more: Any) -> Counter[str]:
    """Return how many requests arrived with each value of the header *by*; statuses other than 200 are counted, too."""
    answers = [holdfast.call(f"{api.path}/x", **more) for _ in range(times)]
    return Counter(
        answer.json()["headers"].get(by, "") if answer.status_code == 200 else str(answer.status_code)
        for answer in answers
    )


def host(backend: Backend, name: str = V4) -> str:
    return f"{name}:{backend.port}"


def test_each_member_is_verified_for_itself_and_gets_its_own_name_and_host_header(holdfast: Holdfast):
    one, two = issue(V4), issue(NAME)
    with backends(one, two) as (first, second):
        urls = [first.url("/base"), second.url("/base", NAME)]
        api = publish(holdfast, urls)
        trust(holdfast, (urls[0], one), (urls[1], two))
        wait_until(lambda: set(call(holdfast, api)) == {host(first), host(second, NAME)})
        counts = call(holdfast, api, 40)
        assert min(counts[host(first)], counts[host(second, NAME)]) >= 8  # each worker has its own turn
        assert second.server_names[-1] == NAME
        assert holdfast.call(f"{api.path}/pay?a=1").json()["path"] == "/base/pay?a=1"


# What the first member presents, and what is imported for it.
UNKNOWN, EXPIRED, FOREIGN = issue(V4), issue(V4, start=-9 * DAY, end=-DAY), issue("other.test")
BROKEN = {
    "a certificate that isn't trusted": (UNKNOWN, None),
    "a certificate for another name": (FOREIGN, FOREIGN),
    "an expired certificate": (EXPIRED, None),
    "plain HTTP": (None, None),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("kind", ["load_balance", "failover"])
def test_the_others_take_the_requests_of_a_member_that_fails(holdfast: Holdfast, kind: str, case: str):
    identity, anchor = BROKEN[case]
    good = issue(V4)
    with backends(identity, good) as (first, second):
        urls = [f"https://{V4}:{first.port}", second.url()]
        api = publish(holdfast, urls, kind)
        trust(holdfast, (urls[1], good), *([(urls[0], anchor)] if anchor else []))
        wait_until(lambda: holdfast.answers(api))
        assert call(holdfast, api, 8) == {host(second): 8}
        assert call(holdfast, api, 2, method="POST", content=b"x" * 10_000) == {host(second): 2}
        assert first.requests == 0


def test_the_certificate_of_one_member_is_not_accepted_from_another(holdfast: Holdfast):
    identity = issue(V4)
    with backends(identity, identity) as (first, second):
        api = publish(holdfast, [first.url(), second.url()])
        trust(holdfast, (first.url(), identity))
        wait_until(lambda: holdfast.answers(api))
        assert call(holdfast, api) == {host(first): 12}
        assert second.requests == 0


def test_a_failover_member_takes_over_only_while_the_first_fails(holdfast: Holdfast):
    good = issue(V4)
    with backends(good, good) as (first, second):
        urls = [first.url(), second.url()]
        api = publish(holdfast, urls, "failover")
        trust(holdfast, *((url, good) for url in urls))
        wait_until(lambda: holdfast.answers(api))
        assert call(holdfast, api) == {host(first): 12}
        first.present(issue(V4))
        first.hang_up()
        assert call(holdfast, api) == {host(second): 12}
        first.present(good)
        wait_until(lambda: host(first) in call(holdfast, api, 1), within=60)
    assert second.requests >= 12


def test_members_of_a_later_priority_get_requests_only_while_those_before_them_fail(holdfast: Holdfast):
    good, wrong = issue(V4), issue(V4)
    with backends(good, good, good) as members:
        last, *first = members
        api = publish(holdfast, [member.url() for member in members], priorities=[7, 2, 2])
        trust(holdfast, *((member.url(), good) for member in members))
        wait_until(lambda: set(call(holdfast, api)) == {host(backend) for backend in first})
        # One of two suffices, both before and after the other is suspended.
        first[0].present(wrong)
        first[0].hang_up()
        down = first[0].url()
        wait_until(
            lambda: call(holdfast, api) == {host(first[1]): 12} and health(holdfast, api).get(down) == "suspended"
        )
        assert call(holdfast, api, 30) == {host(first[1]): 30}
        assert last.requests == 0
        first[1].present(wrong)
        first[1].hang_up()
        assert call(holdfast, api, 30) == {host(last): 30}
        for member in first:
            member.present(good)
        rounds = [call(holdfast, api)]
        wait_until(lambda: rounds.append(call(holdfast, api)) or host(last) not in rounds[-1], within=60)
        assert set().union(*rounds) <= {host(member) for member in members}


def except_from_verification(holdfast: Holdfast, url: str) -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    body = {"reason": "It is being moved.", "until": until.isoformat()}
    assert holdfast.rest.put("/endpoints/trust-exception", params={"endpoint": url}, json=body).is_success


def test_an_attacker_at_one_member_gets_nothing_that_is_meant_for_another(holdfast: Holdfast):
    good, wrong = issue(V4), issue(V4)
    with backends(good, wrong) as (first, second):
        urls = [first.url(), second.url()]
        api = publish(holdfast, urls, endpoint_security=SECURITY)
        trust(holdfast, (urls[0], good))
        wait_until(lambda: holdfast.answers(api))
        assert call(holdfast, api, by="authorization") == {CREDENTIAL: 12}
        except_from_verification(holdfast, urls[1])
        # All members have one credential, so while one isn't verified, none gets requests, with it or without it.
        wait_until(lambda: set(call(holdfast, api)) == {"503"})
        assert refusal(holdfast.call(f"{api.path}/x")) == "503 backend_sign_in_failed"
        assert second.requests == 0
        members = {"production_endpoints": [{"url": url} for url in urls]}
        config = {"endpoint_type": "load_balance", "endpoint_security": {"production": None}, **members}
        assert holdfast.rest.put(f"/apis/{api.id}", json={"endpointConfig": config}).is_success
        wait_until(lambda: set(call(holdfast, api)) == {host(first), host(second)})
        first.present(wrong)  # now, the attacker answers for the verified member, too
        first.hang_up()
        count = first.requests
        assert call(holdfast, api) == {host(second): 12}
        assert first.requests == count


def test_no_request_fails_while_the_certificate_of_a_member_is_rotated(holdfast: Holdfast):
    old, new, other = issue(V4), issue(V4), issue(V4)
    with backends(old, other) as (first, second), ThreadPoolExecutor() as pool:
        api = publish(holdfast, [first.url(), second.url()], endpoint_security=SECURITY)
        alias = holdfast.import_certificate(first.url(), old.pem)
        trust(holdfast, (second.url(), other))
        wait_until(lambda: set(call(holdfast, api)) == {host(first), host(second)})
        end = threading.Event()
        load = [pool.submit(call_until, holdfast, api, end, by) for by in ("host", "authorization") * 2]
        try:
            holdfast.replace_certificate(alias, new.pem, keep=True)
            holdfast.wait_until_enforced(alias)
            first.present(new)
            handshakes = first.connections
            first.hang_up()
            wait_until(lambda: first.connections > handshakes)
            holdfast.replace_certificate(alias, new.pem)
            holdfast.wait_until_enforced(alias)
        finally:
            end.set()
        counts = sum((future.result() for future in load), Counter())
    assert set(counts) == {host(first), host(second), CREDENTIAL}
    assert min(counts.values()) > 10


def call_until(holdfast: Holdfast, api: PublishedApi, end: threading.Event, by: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    while not end.is_set() or counts.total() < 30:  # however slow the machine is
        counts += call(holdfast, api, 5, by)
    return counts


def test_a_member_that_is_down_does_not_fail_a_request(holdfast: Holdfast):
    good = issue(V4)
    with backends(good) as (up,), closed_port() as closed:
        by_name = closed.replace(V4, NAME)
        api = publish(holdfast, [by_name, up.url()])
        trust(holdfast, (up.url(), good))
        wait_until(lambda: holdfast.answers(api))
        assert call(holdfast, api) == {host(up): 12}

        def find_suspended() -> list[dict[str, Any]]:
            call(holdfast, api)
            own, other = (places(holdfast, api)[url] for url in (by_name, up.url()))
            return own if [place["state"] for place in (*own, *other)] == ["suspended", "available"] else []

        (place,) = wait_until(find_suspended)
        assert (place["code"], place["address"]) == ("failures", closed.removeprefix("https://"))
        assert place["since"]
        # The endpoint that replaces it has its address, but hasn't failed.
        config = {"endpoint_type": "load_balance", "production_endpoints": [{"url": closed}, {"url": up.url()}]}
        assert holdfast.rest.put(f"/apis/{api.id}", json={"endpointConfig": config}).is_success
        wait_until(lambda: health(holdfast, api) == {closed: "available", up.url(): "available"})


def test_requests_of_a_session_go_to_one_member(holdfast: Holdfast):
    good = issue(V4)
    with backends(good, good, good) as members:
        urls = [member.url() for member in members]
        by_header = publish(holdfast, urls, sessionManagement="simpleClientSession")
        by_cookie = publish(holdfast, urls, sessionManagement="transport", sessionTimeOut="60000")
        trust(holdfast, *((url, good) for url in urls))
        wait_until(lambda: holdfast.answers(by_header) and holdfast.answers(by_cookie))
        clients = [call(holdfast, by_header, 4, headers={"ClientID": f"client-{number}"}) for number in range(12)]
        assert all(len(hosts) == 1 for hosts in clients)
        assert len(set().union(*clients)) > 1
        assert holdfast.rest.put(f"/apis/{by_cookie.id}", json={"isDefaultVersion": True}).is_success
        short = by_cookie.path.rpartition("/")[0]
        wait_until(lambda: holdfast.call(f"{short}/x").is_success)
        for path in (by_cookie.path, short):
            cookie = holdfast.call(f"{path}/x").headers["set-cookie"]
            first, *attributes = cookie.split("; ")
            assert sorted(attributes) == ["HttpOnly", "Max-Age=60", f"Path={path}"]
            counts = call(holdfast, by_cookie, 6, headers={"cookie": first})
            assert list(counts.values()) == [6]


def test_health_checks_use_the_trust_of_the_member(holdfast: Holdfast):
    good, wrong = issue(V4), issue(V4)
    with backends(good, good, wrong) as (first, second, third):
        urls = [first.url(), second.url(), third.url()]
        checks = {"path": "/health", "interval": 1, "timeout": 1, "statuses": "200"}
        api = publish(holdfast, urls, "failover", healthCheck=checks)
        trust(holdfast, *((url, good) for url in urls[:2]))
        wait_until(lambda: holdfast.answers(api))
        wait_until(lambda: first.requests > 2 and second.requests > 2)
        assert third.requests == 0
        wait_until(lambda: [*health(holdfast, api).values()] == ["available", "available", "unhealthy"])
        (place,) = places(holdfast, api)[urls[2]]
        assert (place["gateway"], place["code"], place["address"]) == ("local", "connection", host(third))
        since = place["since"]
        holdfast.kill_publisher()
        holdfast.kill_agent()
        holdfast.start()
        wait_until(lambda: health(holdfast, api).get(urls[2]) == "unhealthy")
        assert places(holdfast, api)[urls[2]][0]["since"] == since


def places(holdfast: Holdfast, api: PublishedApi) -> dict[str, list[dict[str, Any]]]:
    """Return the health of each endpoint at each gateway."""
    answer = holdfast.rest.get(f"/apis/{api.id}/endpoint-health").json()
    return {entry["endpoint"]: entry["gateways"] for entry in answer["list"]}


def health(holdfast: Holdfast, api: PublishedApi) -> dict[str, str]:
    """Return the state of each endpoint at the only gateway."""
    return {url: gateways[0]["state"] for url, gateways in places(holdfast, api).items() if len(gateways) == 1}


def failures(holdfast: Holdfast, api: PublishedApi) -> dict[str, Any]:
    """Return the failures of an API by the URL of the endpoint that failed."""
    own = holdfast.rest.get(f"/apis/{api.id}/failures").json()["list"]
    entries = holdfast.rest.get("/failures", params={"apiId": api.id}).json()["list"]
    assert {entry["endpoint"] for entry in own} <= {entry["endpoint"] for entry in entries}
    return {entry["endpoint"]: entry for entry in own}


def test_each_failure_belongs_to_the_member_that_failed_although_others_answer(holdfast: Holdfast):
    good, ca = issue(V4), issue(ca=True)
    identity = issue(V4, by=ca, start=-9 * DAY, end=-DAY)
    with backends(good, UNKNOWN, identity) as (first, second, third), closed_port() as closed:
        urls = [first.url("/base"), second.url("/base"), third.url("/base"), f"{closed}/base"]
        api = publish(holdfast, urls)
        trust(holdfast, (urls[0], good), (urls[2], ca))
        wait_until(lambda: holdfast.answers(api))
        wait_until(lambda: call(holdfast, api) and len(failures(holdfast, api)) == 3)
        failures_by_url = failures(holdfast, api)
        codes = {url: failure["code"] for url, failure in failures_by_url.items()}
        assert codes == {urls[1]: "self_signed_not_trusted", urls[2]: "expired", urls[3]: "connection_refused"}
        assert failures_by_url[urls[1]]["action"] == "import_certificate"
        attempt = holdfast.rest.get(f"/failures/{failures_by_url[urls[1]]['requestId']}").json()
        assert attempt["endpoint"] == urls[1]
        chain = wait_until(lambda: failures(holdfast, api)[urls[1]]["presented"])
        assert [certificate["fingerprint"] for certificate in chain] == [
            UNKNOWN.certificate.fingerprint(SHA256()).hex()
        ]


def test_a_request_that_fails_at_every_member_counts_once_for_each(holdfast: Holdfast):
    with closed_port() as one, closed_port() as two:
        api = publish(holdfast, [one, two], "failover")
        holdfast.wait_until_served(api)
        assert refusal(holdfast.call(f"{api.path}/x")) == "503 backend_unreachable"
        wait_until(lambda: [failure["times"] for failure in failures(holdfast, api).values()] == [1, 1])


def test_a_member_that_does_not_answer_in_time_is_reported_although_another_answers(holdfast: Holdfast):
    good, end = issue(V4), threading.Event()
    with backends(good) as (fast,), ScriptedBackend(lambda *_: end.wait(20) and None, good) as slow:
        urls = [f"{slow.url}/base", fast.url("/base")]
        first = {"url": urls[0], "config": {"tryTimeoutMs": 500, "retries": 1}}
        api = publish(holdfast, urls, "failover", production_endpoints=first)
        trust(holdfast, *((url, good) for url in urls))
        try:
            wait_until(lambda: call(holdfast, api, 1) == {host(fast): 1})
            assert wait_until(lambda: failures(holdfast, api).get(urls[0]))["code"] == "timeout"
        finally:
            end.set()


def test_a_member_that_is_silent_for_the_idle_timeout_gets_no_more_requests(holdfast: Holdfast):
    good, end = issue(V4), threading.Event()
    with backends(good) as (fast,), ScriptedBackend(lambda *_: end.wait(20) and None, good) as silent:
        urls = [fast.url("/base"), f"{silent.url}/base"]
        first = {"url": urls[0], "config": {"actionDuration": 1000}}
        api = publish(holdfast, urls, production_endpoints=[first, {"url": urls[1]}])
        trust(holdfast, *((url, good) for url in urls))
        try:
            wait_until(lambda: holdfast.answers(api))
            # Callers of idempotent methods get the other member's response; one of a POST gets 504.
            assert call(holdfast, api, 12) == {host(fast): 12}
            assert call(holdfast, api, 6, method="POST").keys() <= {host(fast), "504"}
            wait_until(lambda: call(holdfast, api, 8, method="POST") == {host(fast): 8})
        finally:
            end.set()
