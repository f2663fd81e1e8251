"""Trust is per origin, and problems stay local."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from backends import Backend, closed_port, silent_backend
from issuing import issue
from running import Holdfast, PublishedApi, refusal, wait_until

pytestmark = pytest.mark.envoy
NOT_TRUSTED = "503 backend_not_trusted"
HOST = "127.0.0.1"


def test_trust_in_a_ca_imported_for_one_port_is_refused_for_another(holdfast: Holdfast):
    root = issue(ca=True)
    with Backend(issue(HOST, by=root)) as one, Backend(issue(HOST, by=root)) as other:
        of_trusted, of_other = holdfast.publish_api(one.url()), holdfast.publish_api(other.url())
        holdfast.import_certificate(one.url(), root.pem)
        for _ in range(5):
            assert holdfast.call(of_trusted.path).status_code == 200
            assert refusal(holdfast.call(of_other.path)) == NOT_TRUSTED
        assert other.requests == 0


def test_trust_in_a_host_by_one_name_is_refused_by_another(holdfast: Holdfast):
    identity = issue(HOST, "localhost")
    with Backend(identity) as backend:
        by_address = holdfast.publish_api(backend.url())
        by_name = holdfast.publish_api(backend.url(host="localhost"))
        holdfast.import_certificate(backend.url(), identity.pem)
        assert holdfast.call(by_address.path).status_code == 200
        assert refusal(holdfast.call(by_name.path)) == NOT_TRUSTED


def test_trust_holds_for_every_api_and_path_of_the_origin(holdfast: Holdfast):
    identity = issue(HOST)
    with Backend(identity) as backend:
        first, second = holdfast.publish_api(backend.url("/a")), holdfast.publish_api(backend.url("/b"))
        holdfast.import_certificate(backend.url("/a"), identity.pem)
        later = holdfast.publish_api(backend.url("/c"))
        assert [holdfast.call(api.path).json()["path"] for api in (first, second, later)] == ["/a", "/b", "/c"]


def test_certificates_of_one_origin_add_up_and_go_one_by_one(holdfast: Holdfast):
    old, new = issue(HOST), issue(HOST)
    with Backend(old) as backend:
        api = holdfast.publish_api(backend.url())
        of_old = holdfast.import_certificate(backend.url(), old.pem)
        holdfast.import_certificate(backend.url(), new.pem)
        assert holdfast.call(api.path).status_code == 200
        holdfast.delete_certificate(of_old)
        wait_until(lambda: holdfast.call(api.path).status_code == 503)
        backend.present(new)
        assert holdfast.call(api.path).status_code == 200


def test_certificates_of_one_subject_with_key_identifiers_are_both_trusted(holdfast: Holdfast):
    one, two = issue(HOST), issue(HOST)
    with Backend(one) as first, Backend(two) as second:
        for backend in (first, second):
            api = holdfast.publish_api(backend.url())
            holdfast.import_certificate(backend.url(), one.pem + two.pem)
            assert holdfast.call(api.path).status_code == 200


def test_an_indistinguishable_certificate_is_refused_and_the_first_stays_trusted(holdfast: Holdfast):
    one, two = issue(HOST, identified=False), issue(HOST, identified=False)
    with Backend(one) as backend:
        api = holdfast.publish_api(backend.url())
        alias = holdfast.import_certificate(backend.url(), one.pem)
        fields, file = {"alias": "second", "endpoint": backend.url()}, {"certificate": ("second.pem", two.pem)}
        answer = holdfast.rest.post("/endpoint-certificates", data=fields, files=file)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/certificates-indistinguishable")
        assert f"{alias} already has a certificate with the subject" in answer.json()["description"]
        assert holdfast.call(api.path).status_code == 200
        backend.present(two)
        holdfast.replace_certificate(alias, two.pem)
        assert holdfast.call(api.path).status_code == 200


def test_without_an_import_only_public_roots_are_trusted(holdfast: Holdfast):
    root = issue(ca=True, common_name="ISRG Root X1")
    for identity in (issue(HOST, ca=True), issue(HOST, by=root), issue(HOST, by=root).followed_by(root)):
        with Backend(identity) as backend:
            api = holdfast.publish_api(backend.url())
            assert refusal(holdfast.call(api.path)) == NOT_TRUSTED
            assert backend.requests == 0


def test_sandbox_and_production_have_separate_trust(holdfast: Holdfast):
    identity = issue(HOST)
    with Backend(identity) as production, Backend(identity) as sandbox:
        api = holdfast.publish_api(production.url("/production"), sandbox.url("/sandbox"))
        holdfast.import_certificate(sandbox.url(), identity.pem)
        assert refusal(holdfast.call(api.path)) == NOT_TRUSTED
        assert holdfast.call(api.path, sandbox=True).json()["path"] == "/sandbox"
        holdfast.import_certificate(production.url(), identity.pem)
        assert holdfast.call(api.path).json()["path"] == "/production"
        assert (production.requests, sandbox.requests) == (1, 1)


def test_an_environment_without_an_endpoint_is_not_served(holdfast: Holdfast):
    with Backend(None) as backend:
        assert refusal(holdfast.call(holdfast.publish_api(backend.url()).path, sandbox=True)) == "404 not_found"
        api = holdfast.publish_api(sandbox=backend.url())
        assert refusal(holdfast.call(api.path)) == "404 not_found"
        assert holdfast.call(api.path, sandbox=True).status_code == 200


def test_broken_backends_hurt_only_themselves(holdfast: Holdfast):
    identity, other = issue(HOST), issue(HOST)
    with (
        Backend(identity) as good,
        Backend(None) as plain,
        closed_port() as closed,
        silent_backend() as silent,
        ThreadPoolExecutor() as threads,
    ):
        api = holdfast.publish_trusted_api(good.url(), identity.pem)
        endpoints = [plain.url().replace("http:", "https:"), closed, silent, "https://does-not-exist.invalid"]
        apis = [holdfast.create_api(endpoint) for endpoint in endpoints]
        for broken_api in apis:
            holdfast.change_lifecycle(broken_api, "Publish")
        calls = [threads.submit(wait_until, partial(_find_refusal, holdfast, broken_api)) for broken_api in apis]
        while not all(call.done() for call in calls):  # what does not answer the handshake takes five seconds
            assert holdfast.call(api.path).status_code == 200
        unreachable = "503 backend_unreachable"
        expected = [unreachable, unreachable, "504 backend_timeout", unreachable]
        assert [call.result() for call in calls] == expected
        # Other changes are still enforced.
        good.present(other)
        holdfast.import_certificate(good.url(), other.pem)
        assert holdfast.call(api.path).status_code == 200


def _find_refusal(holdfast: Holdfast, api: PublishedApi) -> str:
    """Return how a call was rejected, once the gateway knows the API and its backend."""
    outcome = refusal(holdfast.call(api.path))
    return "" if outcome in ("404 not_found", "503 backend_not_ready") else outcome
