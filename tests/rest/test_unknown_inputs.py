"""Query parameters and form fields that an operation doesn't take are rejected by name, and nothing is changed."""

import pytest

from issuing import issue
from rest.calls import APIS, CERTIFICATES, PREFIX, assert_problem, assert_unchanged, create_api, upload
from rest.operations import REQUESTS, House

pytestmark = pytest.mark.long

OAUTH = {"POST /oauth2/token", "POST /oauth2/revoke"}
OLD, NEW = issue("pizza.test"), issue("pizza.test")
PIZZA = f"{CERTIFICATES}/pizza-backend"


@pytest.fixture(scope="module")
def berta(join):
    return join("berta")


@pytest.fixture(scope="module")
def client(sign_in, berta):
    return sign_in(berta)


@pytest.fixture(scope="module")
def house(shared_runtime, client, berta):
    return House(shared_runtime, client, berta)


@pytest.fixture
def nothing_changes(shared_runtime, berta, house):
    del house
    return lambda: assert_unchanged(shared_runtime, berta.organization)


def in_query(request):
    return request | {"params": request.get("params", {}) | {"noSuchParameter": "1"}}


def in_form(request):
    parts = request.get("files", {}) | {name: (None, value) for name, value in request.get("data", {}).items()}
    return {"params": request.get("params"), "files": parts | {"noSuchField": (None, "1"), "noSuchFile": ("a", b"1")}}


def test_every_operation_rejects_an_unknown_query_parameter(house, client, nothing_changes):
    with nothing_changes():
        for operation in REQUESTS.keys() - OAUTH:
            answer = house.ask(client, operation, change=in_query)
            if operation.startswith("HEAD"):
                assert answer.status_code == 400
            else:
                assert_problem(answer, 400, "noSuchParameter", says="has no such query parameter. It accepts")


def test_every_operation_without_a_json_body_rejects_unknown_form_fields(house, client, nothing_changes):
    with nothing_changes():
        for operation, request in REQUESTS.items():
            if "json" in request(house, house.ids) or operation in OAUTH or operation.startswith("HEAD"):
                continue
            answer = house.ask(client, operation, change=in_form)
            assert_problem(answer, 400, "noSuchField", "noSuchFile", says="has no such form field. It accepts")


def test_unknown_parameters_of_token_requests_are_ignored_as_rfc_6749_says(house, client):
    for operation in OAUTH:
        assert house.ask(client, operation, change=in_query).status_code in (401, 429)  # the credentials are invalid


def test_of_many_unknown_parameters_the_first_are_named(client):
    answer = client.get(APIS, params={f"p{number}": "1" for number in range(2_000)})
    assert [error["code"] for error in answer.json()["error"]] == [f"p{number}" for number in range(20)]


def test_unauthenticated_requests_learn_nothing_about_parameters(connect, shared_runtime, house):
    assert house.ask(connect(shared_runtime), "GET /apis", change=in_query).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "parameter"),
    [
        ("GET", APIS, {"sortBy": "createdTime", "sortOrder": "desc"}),
        ("GET", f"{APIS}/export", {"revisionNumber": "1", "latestRevision": "true"}),
    ],
)
def test_meaningless_parameters_of_wso2_clients_are_ignored(client, house, method, path, parameter):
    params = {"apiId": house.ids["api_id"]} if path.endswith("export") else {}
    assert client.request(method, path, params=params | parameter).status_code == 200


@pytest.mark.parametrize(
    ("options", "field", "says"),
    [
        ({"params": [("keepPrevious", "true"), ("keepPrevious", "true")]}, "keepPrevious", "sent 2 times"),
        ({"params": {"keepPrevious": "maybe"}}, "keepPrevious", "valid boolean"),
        ({"params": {"keepPrevious": ""}}, "keepPrevious", "Send true or false"),
        ({"data": {"keepPrevious": "maybe"}}, "keepPrevious", "valid boolean"),
        ({"data": {"keepPrevious": ""}}, "keepPrevious", "Send true or false"),
        ({"data": {"keepPrevious": ["true", "false"]}}, "keepPrevious", "sent 2 times"),
        (
            {"params": {"keepPrevious": "true"}, "data": {"keepPrevious": "false"}},
            "keepPrevious",
            "contradict each other",
        ),
        ({"data": {"keep_previous": "true"}}, "keep_previous", "It accepts certificate, keepPrevious, password, pin."),
        ({"data": {"password": ["a", "b"]}}, "password", "sent 2 times"),
    ],
)
def test_an_ambiguous_replacement_is_rejected(client, nothing_changes, options, field, says):
    with nothing_changes():
        answer = client.put(PIZZA, files={"certificate": ("a.pem", NEW.pem)}, **options)
        assert_problem(answer, 400, field, says=says)


def test_files_are_accepted_once_and_only_where_a_file_is_expected(client, nothing_changes):
    file = ("a.pem", NEW.pem)
    with nothing_changes():
        twice = client.put(PIZZA, files=[("certificate", file), ("certificate", file)])
        assert_problem(twice, 400, "certificate", says="sent 2 times")
        answer = client.put(PIZZA, files={"certificate": file, "password": file})
        assert_problem(answer, 400, "password", says="valid string")


@pytest.mark.parametrize(
    ("options", "keeps"),
    [
        ({}, False),
        ({"params": {"keepPrevious": "true"}}, True),
        ({"data": {"keepPrevious": "true"}}, True),
        ({"data": {"keepPrevious": "false"}}, False),
        ({"params": {"keepPrevious": "true"}, "data": {"keepPrevious": "true"}}, True),
    ],
)
def test_keep_previous_works_in_the_query_and_in_the_form(sign_in, join, options, keeps):
    client = sign_in(join("dora"))
    create_api(client)
    upload(client, OLD.pem)
    answer = client.put(PIZZA, files={"certificate": ("a.pem", NEW.pem)}, **options)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["previous"]) == keeps


def test_ignored_parameters_are_described_as_ignored(client):
    paths = client.get("/openapi.json").json()["paths"]
    ignored_parameters = {
        parameter["name"]
        for operations in paths.values()
        for operation in operations.values()
        for parameter in operation.get("parameters", [])
        if parameter.get("description", "").startswith("Ignored: ")
    }
    exceptions = {"preserveProvider", "preserveCredentials"}
    assert ignored_parameters == {"apiId", "openAPIVersion", "query", "serviceVersion"} | exceptions


@pytest.mark.parametrize("time", ["251", "2027-01-31", "2027-01-31T12:00:00"])
def test_a_number_of_seconds_or_a_time_without_its_offset_is_not_a_time(client, time):
    answer = client.get(f"{PREFIX}/failures", params={"since": time})
    assert answer.status_code == 400, answer.text
    assert "since" in answer.text
