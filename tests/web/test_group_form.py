"""Load-balanced and failover groups in the form of the Endpoints page."""

from urllib.parse import quote

import pytest

from rest.calls import APIS, ENDPOINTS, create_api

ONE, TWO, THREE = (f"https://{name}.test" for name in ("one", "two", "three"))
FORM = {"with_production": "true", "production": ONE}
GROUP = {
    "group_kind": "load_balance",
    "group_algorithm": "least_request",
    "group_session": "transport",
    "group_session_timeout": "60",
    "group_production": f"{TWO}\r\n\r\n  {THREE} 3 \r\n",
    "group_path": "/health",
    "group_interval": "5",
}


def config_of(client, api):
    return client.get(f"{APIS}/{api['id']}").json()["endpointConfig"]


def test_a_group_is_saved_kept_and_removed(client):
    api = create_api(client)
    path = f"/apis/{api['id']}/endpoints"
    assert "Load balance and Failover Configurations" in client.get(path).text
    assert "Not Configured" in client.get(path).text
    assert client.post(path, data=FORM | GROUP).status_code == 303
    for _ in range(2):
        config = config_of(client, api)
        assert config["production_endpoints"] == [{"url": ONE}, {"url": TWO}, {"url": THREE, "weight": 3}]
        assert config["algoCombo"].endswith("LeastRequest")
        assert (config["sessionManagement"], config["sessionTimeOut"]) == ("transport", 60_000)
        assert config["healthCheck"] == {"path": "/health", "interval": 5, "timeout": 3, "statuses": "200-299"}
        assert client.post(path, data=FORM).status_code == 303  # a form without a group keeps it
    page = client.get(path).text
    assert "Load Balanced | Production: 3" in page
    assert f"{TWO}\n{THREE} 3</textarea>" in page
    assert client.post(path, data=FORM | {"group_kind": ""}).status_code == 303
    assert config_of(client, api) == {"endpoint_type": "http", "production_endpoints": {"url": ONE}}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"group_production": "nowhere"}, "group-production-error"),
        ({"group_production": f"{TWO} heavy"}, "group-production-error"),
        ({"group_session_timeout": "soon"}, "group-session_timeout-error"),
        ({"group_statuses": "2xx"}, "group-statuses-error"),
        ({"group_production": "http://two.test"}, "production-error"),
    ],
)
def test_mistakes_are_shown_next_to_their_fields_and_what_was_typed_stays(client, values, field):
    api = create_api(client)
    response = client.post(f"/apis/{api['id']}/endpoints", data=FORM | GROUP | values)
    assert response.status_code == 422
    assert f'id="{field}"></div>' not in response.text
    assert next(iter(values.values())) in response.text
    assert config_of(client, api)["endpoint_type"] == "http"


def test_each_member_of_a_group_has_its_own_trust_settings(client):
    api = create_api(client)
    path = f"/apis/{api['id']}"
    client.post(f"{path}/endpoints", data=FORM | GROUP)
    page = client.get(f"{path}/endpoints?certificates").text
    for url in (ONE, TWO, THREE):
        assert f'"{path}/trust/production?endpoint={quote(url)}"' in page
    dialog = client.get(f"{path}/trust/production", params={"endpoint": TWO}).text
    assert f'action="{path}/trust/production?endpoint={quote(TWO)}"' in dialog
    saved = client.post(f"{path}/trust/production", params={"endpoint": TWO}, data={"names": "two.example"})
    assert saved.status_code == 303
    names = {
        url: client.get(f"{ENDPOINTS}/trust-settings", params={"endpoint": url}).json()["names"] for url in (ONE, TWO)
    }
    assert names == {ONE: [], TWO: ["two.example"]}
    granted = client.post(
        f"{path}/trust/production/exception",
        params={"endpoint": THREE},
        data={"reason": "its certificate is on the way"},
    )
    assert granted.status_code == 303
    assert THREE in client.get("/exceptions").text
    client.post(f"{path}/trust/production/exception/end", params={"endpoint": THREE})
    elsewhere = client.get(f"{path}/trust/production", params={"endpoint": "https://elsewhere.test"})
    assert elsewhere.status_code == 404
