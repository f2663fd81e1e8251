"""Invalid APIs are rejected with an error that names the field, and nothing changes."""

import json

import pytest

from rest.calls import APIS, PREFIX, api_body, assert_problem

PRODUCTION, SANDBOX = "endpointConfig.production_endpoints.url", "endpointConfig.sandbox_endpoints.url"
HTML, SQL = "<img src=x onerror=alert(1)>", "'; DROP TABLE api; --"


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"name": ""}, "name", "1 to 60 characters"),
        ({"name": "x" * 61}, "name", "1 to 60 characters"),
        ({"name": HTML}, "name", "none of"),
        ({"name": SQL}, "name", "none of"),
        ({"name": "a\ud800"}, "name", "U+D800"),
        ({"name": "Piz\u202eza"}, "name", "The name contains U+202E (RIGHT-TO-LEFT OVERRIDE). Remove it."),
        ({"context": "/piz\u200bza"}, "context", "U+200B (ZERO WIDTH SPACE)"),
        ({"tags": ["a\ufeff"]}, "tags", "U+FEFF"),
        ({"context": ""}, "context", "a path like /pizza"),
        ({"context": "/a b"}, "context", "a path like /pizza"),
        ({"context": "/../etc"}, "context", "a path like /pizza"),
        ({"context": HTML}, "context", "a path like /pizza"),
        ({"context": SQL}, "context", "a path like /pizza"),
        ({"context": "/t/other/x"}, "context", "can't begin with /t/"),
        ({"version": ""}, "version", "like 1.0.0"),
        ({"version": "1/0"}, "version", "like 1.0.0"),
        ({"version": HTML}, "version", "like 1.0.0"),
        ({"version": SQL}, "version", "like 1.0.0"),
        ({"description": "x" * 20_001}, "description", "longer than 20000"),
        ({"description": "\ud800"}, "description", "U+D800"),
        ({"maxTps": {"production": 5, "productionTimeUnit": [[]]}}, "maxTps.productionTimeUnit", "SECOND"),
        ({"production": ""}, PRODUCTION, "The URL is missing"),
        ({"production": "https://"}, PRODUCTION, "The URL has no host"),
        ({"production": "https:///path"}, PRODUCTION, "The URL has no host"),
        ({"production": HTML}, PRODUCTION, "Use a URL like https://"),
        ({"production": f"https://pizza.test/{SQL}"}, PRODUCTION, "Use a URL like https://"),
        ({"production": "https://pizza.test\ud800"}, PRODUCTION, "Use a URL like https://"),
        ({"sandbox": "pizza.test:80"}, SANDBOX, "must begin with https://"),
        ({"sandbox": "javascript:alert(1)"}, SANDBOX, "must begin with https://"),
    ],
)
def test_an_invalid_value_is_named(client, nothing_changes, api, changes, field, says):
    body = json.dumps(api_body(**{"name": "New", "context": "/new"} | changes))
    options = {"content": body, "headers": {"content-type": "application/json"}}
    with nothing_changes():
        assert_problem(client.post(APIS, **options), 400, field, says=says)
        if field in {PRODUCTION, SANDBOX, "description"}:
            assert_problem(client.put(f"{APIS}/{api['id']}", **options), 400, field, says=says)


def test_half_a_character_is_named(client, nothing_changes, api):
    def send(method, path, text):
        headers = {"content-type": "application/json"}
        return client.request(method, f"{APIS}/{api['id']}{path}", content=text, headers=headers)

    group = '{"endpointConfig": {"endpoint_type": "load_balance", "production_endpoints": [{"url": "http://a.test"}], '
    document = '{"name": "a", "type": "HOWTO", "sourceType": "INLINE", "visibility": "API_LEVEL", '
    with nothing_changes():
        answer = send("PUT", "", group + '"algoCombo": "\\ud800"}}')
        assert_problem(answer, 400, "endpointConfig.algoCombo", says="RoundRobin")
        answer = send("POST", "/documents", document + '"inlineContent": "\\ud800"}')
        assert_problem(answer, 400, "inlineContent", says="U+D800")


def test_all_invalid_values_are_named_at_once(client, nothing_changes):
    with nothing_changes():
        response = client.post(APIS, json=api_body("", "nowhere", "nowhere", context="", version=""))
        assert_problem(response, 400, "name", "context", "version", PRODUCTION, SANDBOX)


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        (api_body(), "context", "already exists: Pizza 1.0.0 uses it"),
        (api_body("Pasta", context="/pizza"), "context", "already exists: Pizza 1.0.0 uses it"),
        (api_body("Pasta", context="pizza/", version="2"), "context", "already exists: Pizza 1.0.0 uses it"),
        (api_body("pizza", context="/else"), "name", "with the context /pizza already"),
    ],
)
def test_a_taken_context_or_name_is_a_conflict(client, nothing_changes, body, field, says):
    with nothing_changes():
        assert_problem(client.post(APIS, json=body), 409, field, says=says)


@pytest.mark.parametrize("kind", ["default", "awslambda", HTML])
def test_an_unsupported_type_of_endpoint_is_rejected(client, nothing_changes, api, kind):
    body = api_body("New")
    body["endpointConfig"]["endpoint_type"] = kind
    with nothing_changes():
        for response in (client.post(APIS, json=body), client.put(f"{APIS}/{api['id']}", json=body)):
            assert_problem(response, 400, "endpointConfig.endpoint_type")


@pytest.mark.parametrize("endpoints", ["https://a.test", 5])
def test_a_value_that_is_not_an_endpoint_is_rejected_and_not_dropped(client, nothing_changes, endpoints):
    body = api_body("New")
    body["endpointConfig"]["production_endpoints"] = endpoints
    with nothing_changes():
        assert_problem(client.post(APIS, json=body), 400, "endpointConfig.production_endpoints")


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", ("action", "apiId")),
        ("apiId=x", ("action",)),
        ("action=Publish", ("apiId",)),
    ],
)
def test_a_lifecycle_change_needs_an_action_and_an_api(client, query, fields):
    assert_problem(client.post(f"{APIS}/change-lifecycle?{query}"), 400, *fields, says="It is required")


@pytest.mark.parametrize("action", ["Retire", "Block", "publish", HTML, SQL, ""])
def test_an_impossible_transition_is_refused_with_the_possible_ones(client, nothing_changes, api, action):
    with nothing_changes():
        response = client.post(f"{APIS}/change-lifecycle", params={"apiId": api["id"], "action": action})
        assert_problem(response, 400, says="Possible actions: Publish, Deploy as a Prototype.")


@pytest.mark.parametrize("api_id", ["nobody", "%00", "..%2f..", SQL.replace("/", ""), "x" * 5000])
def test_an_unknown_api_is_not_found(client, nothing_changes, api_id):
    with nothing_changes():
        assert_problem(client.get(f"{APIS}/{api_id}"), 404)
        assert_problem(client.delete(f"{APIS}/{api_id}"), 404)
        response = client.post(f"{APIS}/change-lifecycle", params={"apiId": api_id, "action": "Publish"})
        assert_problem(response, 404)


@pytest.mark.parametrize("path", ["apis", "endpoint-certificates"])
def test_an_impossible_page_is_rejected(client, path):
    for field, values in (
        ("limit", ["0", "-1", "1001", "ten", "", "1.5"]),
        ("offset", ["-1", "99999999999999999999", SQL, ""]),
    ):
        for value in values:
            assert_problem(client.get(f"{PREFIX}/{path}", params={field: value}), 400, field)
