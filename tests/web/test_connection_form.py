"""The connection settings on the Endpoints page."""

import html
import json
import re
import shlex

from rest.calls import APIS, URL, create_api

FORM = {"with_production": "true", "production": URL}


def read_settings(client, api):
    return client.get(f"{APIS}/{api['id']}").json()["endpointConfig"]["production_endpoints"].get("config")


def test_settings_are_saved_with_the_endpoints(client):
    api = create_api(client)
    path = f"/apis/{api['id']}/endpoints"
    form = FORM | {"production_protocol": "http1", "production_connection_per_caller": "true"}
    assert client.post(path, data=form).status_code == 303
    assert read_settings(client, api) == {"protocol": "http1", "connectionPerCaller": True, "rewriteResponses": False}
    page = client.get(path).text
    assert '<option value="http1" selected>' in page
    defaults = FORM | {"production_protocol": "auto", "production_rewrite_responses": "true"}
    assert client.post(path, data=defaults).status_code == 303
    assert read_settings(client, api) is None


def test_timeouts_retries_and_limits_are_saved_shown_and_reset(client):
    api = create_api(client)
    path = f"/apis/{api['id']}/endpoints"
    form = {
        "production_protocol": "auto",
        "production_rewrite_responses": "true",
        "production_idle_timeout_ms": " 90000 ",
    }
    form |= {"production_retry_statuses": "503, 502", "production_retries": "0", "production_suspend_ms": ""}
    assert client.post(path, data=FORM | form).status_code == 303
    assert read_settings(client, api) == {"actionDuration": 90_000, "retries": 0, "retryStatusCodes": [502, 503]}
    page = client.get(path).text
    assert "3 changed</span>" in page
    for name, value in {
        "idle_timeout_ms": "90000",
        "retries": "0",
        "retry_statuses": "502 503",
        "suspend_ms": "",
    }.items():
        assert re.search(rf'name="production_{name}"[^>]*value="{value}"', page), name
    assert (
        client.post(
            path, data=FORM | {"production_protocol": "auto", "production_rewrite_responses": "true"}
        ).status_code
        == 303
    )
    assert read_settings(client, api) is None


def test_a_wrong_number_is_explained_next_to_its_field_and_stays_typed(client):
    api = create_api(client)
    form = FORM | {"production_protocol": "auto", "production_connect_timeout_ms": "soon"}
    answer = client.post(f"/apis/{api['id']}/endpoints", data=form)
    assert answer.status_code == 422
    assert re.search(r'id="production-connect_timeout_ms-error">Use a whole number from 50 to 60,000.<', answer.text)
    assert re.search(r'name="production_connect_timeout_ms"[^>]*value="soon"', answer.text)


def test_conflicting_settings_are_shown_with_the_reason_and_not_saved(client):
    api = create_api(client)
    form = FORM | {"production": "https://other.test", "production_protocol": "http2"}
    form |= {"production_connection_per_caller": "true"}
    answer = client.post(f"/apis/{api['id']}/endpoints", data=form)
    assert answer.status_code == 422
    assert re.search(r'id="production-connection_per_caller-error"[^>]*>[^<]', answer.text)
    assert 'value="https://other.test"' in answer.text
    assert '<option value="http2" selected>' in answer.text
    assert client.get(f"{APIS}/{api['id']}").json()["endpointConfig"] == api["endpointConfig"]


def test_settings_of_an_unchecked_endpoint_are_ignored(client):
    api = create_api(client)
    contradictory = {"sandbox_protocol": "http2", "sandbox_connection_per_caller": "true"}
    assert client.post(f"/apis/{api['id']}/endpoints", data=FORM | contradictory).status_code == 303


def test_the_curl_command_keeps_the_settings_and_other_stored_members(client):
    production = {"url": URL, "config": {"protocol": "http1", "retryDelay": "30000"}}
    api = create_api(client, endpointConfig={"production_endpoints": production, "sessionTimeOut": "it's 5"})
    assert client.put(f"{APIS}/{api['id']}", json=curl_body(client, api)).status_code == 200
    assert client.get(f"{APIS}/{api['id']}").json()["endpointConfig"] == api["endpointConfig"]


def test_the_curl_command_of_an_api_without_endpoints_has_a_placeholder(client):
    api = create_api(client, endpointConfig=None)
    assert curl_body(client, api)["endpointConfig"]["production_endpoints"] == {"url": "PRODUCTION"}


def curl_body(client, api):
    """Return the body of the curl command on the page."""
    page = client.get(f"/apis/{api['id']}/endpoints").text
    line = html.unescape(re.search(r'id="as-endpoints-curl-line">(.*?)</code>', page)[1])
    words = shlex.split(line)
    return json.loads(words[words.index("--json") + 1])
