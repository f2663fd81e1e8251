"""`/endpoints/probe` and `/endpoints/fetch`, and their errors if a backend can't be tested."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from backends import Backend, closed_port, silent_backend
from damaged import damaged_backend
from holdfast.certificates.formats.parsing import MAX_BYTES
from holdfast.gateway.control.service import Control
from holdfast.gateway.peer import Peer
from holdfast.server.clock import utc_now
from holdfast.services.access.accounts import SESSION_COOKIE
from holdfast.services.probing.probes import PLACES_OF_USER, Probes
from issuing import DAY, issue, truststore
from rest.calls import ENDPOINTS, URL, assert_problem, assert_unchanged, create_api, upload

ROOT = issue(ca=True, common_name="root")
INTERMEDIATE = issue(by=ROOT, ca=True, common_name="intermediate")
LEAF = issue("127.0.0.1", by=INTERMEDIATE)


def post(client, what, endpoint, data=None, **fields):
    parts = {name: (None, value) for name, value in {"endpoint": endpoint, **fields}.items()}
    if data is not None:
        parts["certificate"] = ("backend.pem", data)
    return client.post(f"{ENDPOINTS}/{what}", files=parts)


@pytest.fixture(params=["probe", "fetch"])
def what(request):
    return request.param


def test_presented_certificates_are_returned_with_the_meaning_of_each_choice(client, runtime):
    with Backend(LEAF.followed_by(INTERMEDIATE, ROOT)) as backend, assert_unchanged(runtime, "default"):
        body = post(client, "fetch", backend.url("/base")).json()
        assert backend.requests == 0
    assert (body["endpoint"], body["address"]) == (backend.url("/base"), f"127.0.0.1:{backend.port}")
    assert [certificate["role"] for certificate in body["presented"]] == ["leaf", "intermediate", "root"]
    assert [certificate["pem"].encode() for certificate in body["presented"]] == [LEAF.pem, INTERMEDIATE.pem, ROOT.pem]
    prints = [certificate["fingerprint"] for certificate in body["presented"]]
    assert [(choice["kind"], choice["fingerprint"]) for choice in body["choices"]] == [
        ("root", prints[2]),
        ("intermediate", prints[1]),
        ("leaf", prints[0]),
    ]
    assert all(choice["sentence"] for choice in body["choices"])
    assert all(choice["importable"] and not choice["reason"] for choice in body["choices"])
    assert (body["tlsVersion"], body["leftOut"], body["clientCertificateRequested"]) == ("TLSv1.3", 0, False)
    assert body["cipher"]
    assert body["problem"] is None
    assert "verdict" not in body


def test_an_unreachable_backend_presents_nothing(client):
    with closed_port() as url:
        body = post(client, "fetch", url).json()
    assert (body["presented"], body["choices"]) == ([], [])
    assert body["problem"] == {"code": "connection_refused", "message": "Connection refused"}


def test_without_a_gateway_the_verdict_is_unknown(client):
    with Backend(LEAF) as backend:
        body = post(client, "probe", backend.url(), ROOT.pem).json()
    verdict = body["verdict"]
    assert (verdict["accepted"], verdict["answeredBy"], verdict["code"]) == (False, "none", None)
    assert "No gateway" in verdict["message"]
    assert verdict["reason"] == "The gateway local isn't connected."
    assert verdict["remedy"]
    assert body["gateway"] == "local"
    assert len(body["presented"]) == 2
    assert body["findings"] == []


def test_a_choice_that_cannot_be_imported_is_marked(client):
    with Backend(issue("localhost", start=-9 * DAY, end=-DAY)) as backend:
        (choice,) = post(client, "fetch", backend.url()).json()["choices"]
    assert not choice["importable"]
    assert choice["reason"].startswith("It can't be imported, because it has expired.")


def test_findings_are_about_the_host_of_the_endpoint(client):
    with Backend(issue("other.test", by=ROOT)) as backend:
        body = post(client, "probe", backend.url()).json()
    assert [(finding["code"], finding["fingerprint"]) for finding in body["findings"]] == [
        ("name-mismatch", body["presented"][0]["fingerprint"])
    ]


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ("http://backend.test", "Only https endpoints"),
        ("nonsense", "must begin with https://"),
        ("", "is required"),
        ("https://a:b@backend.test", "user name"),
        ("https://169.254.169.254/latest/meta-data", "allowed to connect to 169.254.169.254"),
        ("https://[::ffff:0:a9fe:a9fe]", "aren't allowed"),
        ("https://[fe80::1]", "aren't allowed"),
        ("https://0.0.0.0", "aren't allowed"),
        ("https://[fd00:ec2::254]", "aren't allowed"),
    ],
)
def test_an_endpoint_that_cannot_be_tested_is_refused(client, what, endpoint, says):
    assert_problem(post(client, what, endpoint), 400, "endpoint", says=says)


def test_a_gateway_that_is_not_connected_cannot_be_asked(client, what):
    assert_problem(post(client, what, URL, gateway="eu-1"), 400, "gateway", says="isn't connected")


def test_a_missing_endpoint_is_named(client, what):
    response = client.post(f"{ENDPOINTS}/{what}", files={"endpoint": (None, "")})
    assert_problem(response, 400, "endpoint", says="It is required")
    assert_problem(client.post(f"{ENDPOINTS}/{what}", json={}), 415, "Content-Type", says="multipart/form-data")


def test_an_unusable_file_is_rejected_before_any_connection(client):
    store = truststore("s3cret", ROOT)
    with Backend(LEAF) as backend:
        for data, says in (
            (b"nonsense", "not a certificate"),
            (LEAF.pem + LEAF.key_pem, "private key"),
            (b"x" * (MAX_BYTES + 1), "larger than"),
            (store, "Enter its password"),
        ):
            assert_problem(post(client, "probe", backend.url(), data), 400, "certificate", says=says)
        assert backend.connections == 0
        assert post(client, "probe", backend.url(), store, password="s3cret").status_code == 200


def test_an_alias_must_be_one_of_the_organization_and_of_the_endpoint(client, stranger):
    create_api(client)
    assert upload(client, issue("pizza.test").pem).status_code == 201
    with closed_port() as other:
        for anybody in (client, stranger):
            assert_problem(post(anybody, "probe", other, alias="nobody"), 404)
        assert_problem(post(stranger, "probe", URL, alias="pizza-backend"), 404)
        assert_problem(
            post(client, "probe", other, alias="pizza-backend"), 400, "alias", says="is for https://pizza.test"
        )


@pytest.mark.long
def test_too_many_waiting_probes_get_429_with_retry_after(shared_runtime, connect, berta):
    probes = Probes(Control(lambda _: Peer("local"), utc_now), "local", seconds=0.3, now=utc_now)
    client = connect(replace(shared_runtime, probes=probes))
    client.cookies.set(SESSION_COOKIE, shared_runtime.accounts.start_session(berta, shared_runtime.now()))
    count = PLACES_OF_USER + 4
    with silent_backend() as url, ThreadPoolExecutor(count) as threads:
        answers = list(threads.map(lambda _: post(client, "fetch", url), range(count)))
    refusals = [answer for answer in answers if answer.status_code != 200]
    assert 0 < len(refusals) <= 4
    for answer in refusals:
        assert_problem(answer, 429, says="Too many backends are being tested")
        assert answer.json()["type"] == "/problems/too-many-tests"
        assert int(answer.headers["retry-after"]) > 0


def test_unreadable_certificates_have_position_size_and_fingerprint(client):
    damaged_der = b"\x31" + INTERMEDIATE.der[1:]
    with damaged_backend([LEAF.der, damaged_der, ROOT.der]) as url:
        body = post(client, "fetch", url).json()
    reason = "it doesn't begin like a certificate"
    print_of = hashlib.sha256(damaged_der).hexdigest()
    assert body["unreadable"] == [{"position": 2, "fingerprint": print_of, "size": len(damaged_der), "reason": reason}]
    assert (body["sent"], body["leftOut"], [certificate["role"] for certificate in body["presented"]]) == (
        3,
        1,
        ["leaf", "root"],
    )
    assert [choice["kind"] for choice in body["choices"]] == ["leaf"]


def test_without_a_readable_leaf_no_certificate_is_offered(client):
    with damaged_backend([LEAF.der[:-1], INTERMEDIATE.der, ROOT.der]) as url:
        body = post(client, "fetch", url).json()
    assert [certificate["role"] for certificate in body["presented"]] == ["intermediate", "root"]
    assert all(certificate["pem"] for certificate in body["presented"])
    assert body["choices"] == []
