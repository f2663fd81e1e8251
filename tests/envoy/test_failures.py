"""Why a backend is not reached, as its operators are told."""

import pytest

from backends import Backend, closed_port
from issuing import DAY, Issued, issue
from running import Holdfast, PublishedApi, refusal, wait_until

pytestmark = pytest.mark.envoy
HOST = "127.0.0.1"


def failure(holdfast: Holdfast, api: PublishedApi) -> dict[str, object]:
    """Call until operators are told of it: what began before a change was in force is not held against it."""
    called = set()

    def told() -> dict[str, object] | None:
        called.add(holdfast.call(api.path).json()["request_id"])
        found = holdfast.rest.get(f"/apis/{api.id}/failures").json()["list"]
        return next((each for each in found if each["requestId"] in called), None)

    found = wait_until(told)
    assert found
    return found


def of_backend(holdfast: Holdfast, presented: Issued | None, trusted: Issued | None) -> str:
    with Backend(presented) as backend:
        url = backend.url().replace("http:", "https:")
        api = holdfast.publish_api(url)
        if trusted:
            holdfast.import_certificate(url, trusted.pem)
        found = failure(holdfast, api)
        assert found["message"]
        assert found["remedy"]
        assert found["environment"] == "production"
        return str(found["code"])


def test_each_cause_has_its_code(holdfast: Holdfast):
    root = issue(ca=True)
    expired = issue(HOST, by=root, start=-9 * DAY, end=-2 * DAY)
    early = issue(HOST, by=root, start=2 * DAY)
    nameless = issue(common_name=HOST)
    other = issue("other.test")
    seen = {
        "expired": of_backend(holdfast, expired, root),
        "not_yet_valid": of_backend(holdfast, early, root),
        "no_subject_alt_name": of_backend(holdfast, nameless, nameless),
        "hostname_mismatch": of_backend(holdfast, other, other),
        "self_signed_not_trusted": of_backend(holdfast, issue(HOST), None),
        "unknown_issuer": of_backend(holdfast, issue(HOST, by=root), None),
        "not_tls": of_backend(holdfast, None, None),
    }
    assert list(seen.values()) == list(seen)


def test_a_backend_that_is_not_there_has_its_codes(holdfast: Holdfast):
    with closed_port() as url:
        assert failure(holdfast, holdfast.publish_api(url))["code"] == "connection_refused"
    unknown = holdfast.publish_api("https://nobody-has-this-name.invalid")
    assert failure(holdfast, unknown)["code"] == "dns_failure"


def test_what_was_failing_is_forgotten_when_a_change_is_in_force(holdfast: Holdfast):
    presented = issue(HOST)
    with Backend(presented) as backend:
        api = holdfast.publish_api(backend.url())
        wait_until(lambda: int(str(failure(holdfast, api)["times"])) > 1)
        holdfast.import_certificate(backend.url(), presented.pem)
        assert holdfast.rest.get(f"/apis/{api.id}/failures").json() == {"count": 0, "list": []}
        assert holdfast.call(api.path).status_code == 200


def test_the_names_that_the_backend_has_are_told_to_operators_and_not_to_callers(holdfast: Holdfast):
    presented = issue("other.test")
    with Backend(presented) as backend:
        api = holdfast.publish_api(backend.url())
        holdfast.import_certificate(backend.url(), presented.pem)
        assert "It is for other.test." in str(failure(holdfast, api)["message"])
        answer = holdfast.call(api.path)
        assert refusal(answer) == "503 backend_not_trusted"
        assert "other.test" not in answer.text
