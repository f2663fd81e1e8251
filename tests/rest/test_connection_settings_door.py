"""Connection settings of endpoints, in `endpointConfig`."""

import pytest

from rest.calls import APIS, URL, api_body, assert_problem, create_api

OURS = {"protocol": "http1", "connectionPerCaller": True, "rewriteResponses": False}
THEIRS = {"retryDelay": "30000"}
EXPORT, IMPORT = f"{APIS}/export", f"{APIS}/import"


def config(production, sandbox=None):
    endpoints = {"production_endpoints": {"url": URL, "config": production}}
    if sandbox is not None:
        endpoints["sandbox_endpoints"] = {"url": URL, "config": sandbox}
    return {"endpoint_type": "http"} | endpoints


def test_settings_are_returned_together_with_other_members(client):
    endpoint_config = config(OURS | THEIRS, {"protocol": "http2"})
    api = create_api(client, endpointConfig=endpoint_config)
    assert api["endpointConfig"] == endpoint_config
    assert client.get(f"{APIS}/{api['id']}").json() == api


def test_settings_with_default_values_are_left_out(client):
    api = create_api(client, endpointConfig=config({"protocol": "auto", "connectionPerCaller": None}))
    assert api["endpointConfig"]["production_endpoints"] == {"url": URL}


def test_each_endpoint_has_its_own_settings_even_with_the_same_url(client):
    api = create_api(client, endpointConfig=config(OURS, {}))
    endpoint_config = api["endpointConfig"]
    assert (endpoint_config["production_endpoints"]["config"], endpoint_config["sandbox_endpoints"].get("config")) == (
        OURS,
        {},
    )


def test_an_update_replaces_the_settings_only_where_it_sends_endpoints(client):
    path = f"{APIS}/{create_api(client, endpointConfig=config(OURS | THEIRS))['id']}"
    response = client.put(path, json={"tags": ["new"]})
    assert response.json()["endpointConfig"] == config(OURS | THEIRS)
    other = client.put(path, json={"endpointConfig": config({"protocol": "http2"} | THEIRS)})
    assert other.json()["endpointConfig"] == config({"protocol": "http2"} | THEIRS)
    assert other.headers["etag"] != response.headers["etag"]
    reset = client.put(path, json={"endpointConfig": {"production_endpoints": {"url": URL}}})
    assert reset.json()["endpointConfig"]["production_endpoints"] == {"url": URL}


def test_saving_urls_on_the_page_keeps_the_settings(client):
    api = create_api(client, endpointConfig=config(OURS))
    form = {"with_production": "on", "production": "https://new.test"}
    assert client.post(f"/apis/{api['id']}/endpoints", data=form).status_code == 303
    endpoint = client.get(f"{APIS}/{api['id']}").json()["endpointConfig"]["production_endpoints"]
    assert endpoint == {"url": "https://new.test", "config": OURS}


def test_copies_and_archives_carry_the_settings(client):
    api = create_api(client, endpointConfig=config(OURS | THEIRS))
    copy = client.post(f"{APIS}/copy-api", params={"newVersion": "2.0.0", "apiId": api["id"]}).json()
    assert copy["endpointConfig"] == api["endpointConfig"]
    archive = client.get(EXPORT, params={"apiId": api["id"]}).content
    client.put(f"{APIS}/{api['id']}", json={"endpointConfig": config({})})
    answer = client.post(IMPORT, params={"overwrite": "true"}, files={"file": ("api.zip", archive)})
    assert answer.is_success, answer.text
    assert client.get(f"{APIS}/{api['id']}").json()["endpointConfig"] == api["endpointConfig"]


def test_the_fallback_is_read_only(client):
    endpoint = {"url": URL, "http1FallbackSince": "2026-01-01T00:00:00+00:00"}
    api = create_api(client, endpointConfig={"production_endpoints": endpoint})
    assert api["endpointConfig"]["production_endpoints"] == {"url": URL}


def test_settings_that_wso2_sends_are_read_or_kept(client):
    theirs = {
        "actionSelect": "fault",
        "factor": "2.0",
        "suspendErrorCode": ["101503"],
        "retryErroCode": [],
        "retryDelay": "",
    }
    settings = {"actionDuration": "30000", "suspendDuration": 60_000.0, "suspendMaxDuration": "", "retryTimeOut": "0"}
    api = create_api(client, endpointConfig=config(theirs | settings))
    members = api["endpointConfig"]["production_endpoints"]["config"]
    assert members == theirs | {"actionDuration": 30_000, "suspendDuration": 60_000}


@pytest.mark.parametrize(("kind", "instead"), [("default", "one API for each backend"), ("awslambda", "lambda-url")])
def test_types_of_endpoints_without_a_fixed_backend_are_refused_with_an_alternative(client, kind, instead):
    answer = client.post(APIS, json=api_body() | {"endpointConfig": config({}) | {"endpoint_type": kind}})
    assert_problem(answer, 400, "endpointConfig.endpoint_type")
    assert instead in answer.json()["description"]


@pytest.mark.parametrize(("kind", "url"), [("address", URL), ("ws", "wss://pizza.test/feed")])
def test_soap_and_websocket_endpoints_keep_their_type_and_url(client, kind, url):
    endpoint_config = {"endpoint_type": kind, "production_endpoints": {"url": url}}
    assert create_api(client, endpointConfig=endpoint_config, type="WS")["endpointConfig"] == endpoint_config


@pytest.mark.parametrize(
    ("settings", "member"),
    [
        ({"protocol": "HTTP/3"}, "protocol"),
        ({"protocol": ["http1"]}, "protocol"),
        ({"connectionPerCaller": "yes"}, "connectionPerCaller"),
        ({"rewriteResponses": 1}, "rewriteResponses"),
        ({"protocol": "http2", "connectionPerCaller": True}, "connectionPerCaller"),
        ({"connectTimeoutMs": 10}, "connectTimeoutMs"),
        ({"connectTimeoutMs": "soon"}, "connectTimeoutMs"),
        ({"actionDuration": "-5"}, "actionDuration"),
        ({"actionDuration": 86_400_001}, "actionDuration"),
        ({"retries": 6}, "retries"),
        ({"retryStatusCodes": [200]}, "retryStatusCodes"),
        ({"retryStatusCodes": list(range(500, 521))}, "retryStatusCodes"),
        ({"responseTimeoutMs": 100, "tryTimeoutMs": 101}, "tryTimeoutMs"),
        ({"suspendDuration": 5000, "suspendMaxDuration": 1000}, "suspendMaxDuration"),
        ({"maxRequests": 0}, "maxRequests"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_by_name(client, settings, member):
    api = create_api(client)
    for environment in ("production", "sandbox"):
        endpoints = {f"{environment}_endpoints": {"url": URL, "config": settings}}
        field = f"endpointConfig.{environment}_endpoints.config.{member}"
        assert_problem(client.put(f"{APIS}/{api['id']}", json={"endpointConfig": endpoints}), 400, field)
