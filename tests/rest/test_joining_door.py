"""`/gateways`: enrolling, joining with nothing but a token, listing and revoking."""

import uuid

import pytest
from cryptography import x509

from enrolling import Machine
from holdfast.apis.gateways.join_token import MAX_LENGTH
from holdfast.services.access.attempts import FREE
from holdfast.services.access.permissions import Role
from rest.calls import PREFIX, assert_problem

GATEWAYS = f"{PREFIX}/gateways"


@pytest.fixture(scope="module", autouse=True)
def _gateways_of_this_module_need_no_attention_afterwards(save):
    put_back = save()
    yield
    put_back()


@pytest.fixture(scope="module")
def operator(enlist, sign_in):
    """A client of an admin of the default organization."""
    return sign_in(enlist("default", str(uuid.uuid4()), Role.ADMIN))


@pytest.fixture
def machine(connect, shared_runtime):
    """A client without credentials, at its own address."""
    return connect(shared_runtime, client=(str(uuid.uuid4()), 50000))


@pytest.fixture
def name():
    return f"eu-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def token(operator, name):
    return enroll(operator, name).json()["token"]


def enroll(operator, name, **more):
    response = operator.post(GATEWAYS, json={"name": name} | more)
    assert response.status_code == 201, response.text
    return response


def join(machine, token, csr=None):
    return machine.post(f"{GATEWAYS}/join", json={"token": token, "csr": csr or Machine().request()})


def send_json(machine, text):
    return machine.post(f"{GATEWAYS}/join", content=text, headers={"content-type": "application/json"})


def test_a_machine_joins_with_nothing_but_the_token(operator, machine, name):
    assert operator.post(f"{GATEWAYS}/groups", json={"name": "Europe"}).status_code == 201
    enrollment = enroll(operator, name, group="Europe", labels={"region": "eu"}).json()
    assert (enrollment["state"], enrollment["certificate"], enrollment["enrolledTime"]) == ("WAITING", None, None)
    answer = join(machine, enrollment["token"])
    assert answer.status_code == 200, answer.text
    member = answer.json()
    assert (member["name"], member["group"]) == (name, "Europe")
    # It listens on every address, so the host is the one through which the machine reached the publisher.
    assert member["discovery"] == {"host": None, "port": 9443, "serverName": "discovery.holdfast.internal"}
    certificate = x509.load_pem_x509_certificate(member["certificate"].encode())
    gateway = operator.get(f"{GATEWAYS}/{name}").json()
    assert gateway["certificate"]["fingerprint"] == certificate.fingerprint(certificate.signature_hash_algorithm).hex()
    assert (gateway["state"], gateway["labels"], gateway["joinBefore"]) == ("ENROLLED", {"region": "eu"}, None)
    assert gateway in operator.get(GATEWAYS, params={"limit": 1000}).json()["list"]
    assert "token" not in gateway


def test_a_token_that_was_used_and_an_unknown_one_get_the_same_answer(machine, token):
    assert join(machine, token).status_code == 200
    problems = [
        assert_problem(join(machine, secret), 403, says="Create another one") for secret in (token, "hfg_unknown")
    ]
    assert problems[0] == problems[1]
    assert problems[0]["type"] == "/problems/join-refused"


def test_without_a_discovery_port_a_token_is_not_used_up(operator, machine, name, shared_runtime, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(type(shared_runtime), "discovery", None)
        enrollment = enroll(operator, name).json()
        assert enrollment["discovery"] is None
        assert_problem(join(machine, enrollment["token"]), 409, says="Start it with --discovery")
    assert join(machine, enrollment["token"]).status_code == 200


def test_guessing_is_slowed_down(machine):
    for _ in range(FREE + 1):
        assert_problem(join(machine, "hfg_guess"), 403)
    response = join(machine, "hfg_guess")
    assert_problem(response, 429)
    assert response.headers["retry-after"] == "1"


def test_a_request_that_cannot_be_used_is_rejected_by_name(machine, token):
    answer = join(machine, token, "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----")
    assert_problem(answer, 400, "csr", says="can't be read")
    assert join(machine, token).status_code == 200


def test_large_and_unknown_values_are_rejected_without_quoting_the_token(machine, token):
    path = f"{GATEWAYS}/join"
    assert_problem(join(machine, token, "x" * 9000), 400, "csr")
    assert_problem(machine.post(path, json={"token": "x" * (MAX_LENGTH + 1), "csr": ""}), 400, "token")
    assert_problem(machine.post(path, json={"token": token, "csr": "", "name": "eu-2"}), 400, "name")
    assert_problem(send_json(machine, '{"token": "\\ud800", "csr": ""}'), 400, "token")
    assert_problem(send_json(machine, '{"token": "hfg_x", "csr": "\\ud800"}'), 400, "csr")
    assert_problem(send_json(machine, '{"token": "hfg_\\u0000", "csr": "\\u0000"}'), 403)
    in_query = machine.post(path, params={"token": token}, json={"token": token, "csr": ""})
    assert_problem(in_query, 400, "token", says="has no such query parameter")
    assert token not in in_query.text


def test_a_revoked_gateway_is_not_found_and_its_token_is_rejected(operator, machine, name, token):
    assert operator.delete(f"{GATEWAYS}/{name}").status_code == 204
    assert_problem(join(machine, token), 403)
    assert_problem(operator.get(f"{GATEWAYS}/{name}"), 404)
    assert_problem(operator.delete(f"{GATEWAYS}/{name}"), 404)


@pytest.mark.parametrize(
    "wrong", ["", "Eu-1", "-eu", "eu-", "e" * 64, "eu.1", "ü", "eu_1", "eu 1", "eu\n", "local", "join"]
)
def test_a_name_that_could_mean_something_else_is_rejected(operator, wrong):
    assert_problem(operator.post(GATEWAYS, json={"name": wrong}), 400, "name")


@pytest.mark.parametrize(
    "more",
    [
        {"group": "g" * 61},
        {"group": "Eu\u202erope"},
        {"labels": {"": "eu"}},
        {"labels": {"region": "e" * 64}},
        {"labels": {"region": "a b"}},
        {"labels": {str(number): "" for number in range(17)}},
    ],
)
def test_a_group_or_label_that_is_not_plain_text_is_rejected(operator, name, more):
    assert_problem(operator.post(GATEWAYS, json={"name": name} | more), 400, *more)


def test_an_admin_of_another_organization_gets_403(client, name):
    assert_problem(client.post(GATEWAYS, json={"name": name}), 403)
    assert_problem(client.get(GATEWAYS), 403)
    assert_problem(client.get(f"{GATEWAYS}/{name}"), 403)
    assert_problem(client.delete(f"{GATEWAYS}/{name}"), 403)
