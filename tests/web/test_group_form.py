"""Load-balanced and failover groups in the form of the Endpoints page."""

import re
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
    "group_production_url": ["", TWO, "", f" {THREE} "],
    "group_production_weight": ["2", "", "", "3"],
    "group_production_priority": ["4", "", "", "5"],
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
        first, *others = config["production_endpoints"]
        assert first == {"url": ONE, "weight": 2, "priority": 4}
        assert others == [{"url": TWO}, {"url": THREE, "weight": 3, "priority": 5}]
        assert config["algoCombo"].endswith("LeastRequest")
        assert (config["sessionManagement"], config["sessionTimeOut"]) == ("transport", 60_000)
        assert config["healthCheck"] == {"path": "/health", "interval": 5, "timeout": 3, "statuses": "200-299"}
        assert client.post(path, data=FORM).status_code == 303  # a form without a group keeps it
    page = client.get(path).text
    assert "Load Balanced | Production: 3" in page
    fields = [f'name="group_production_{name}"' for name in ("url", "weight", "priority")]
    rows = list(zip(*(re.findall(rf'{field}[^>]*? value="(.*?)"', page) for field in fields), strict=True))
    # Without JavaScript, there is an empty row.
    assert rows[:4] == [("", "2", "4"), (TWO, "1", "1"), (THREE, "3", "5"), ("", "", "")]
    failover = GROUP | {"group_kind": "failover", "group_production_weight": "heavy"}
    assert client.post(path, data=FORM | failover).status_code == 303
    assert config_of(client, api)["production_failovers"] == [{"url": TWO}, {"url": THREE}]
    assert client.post(path, data=FORM | {"group_kind": ""}).status_code == 303
    assert config_of(client, api) == {"endpoint_type": "http", "production_endpoints": {"url": ONE}}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"group_production_url": ["", TWO, "nowhere"]}, "group-production-2-url-error"),
        ({"group_production_url": ["", TWO, TWO]}, "group-production-2-url-error"),
        ({"group_production_url": ["", "http://two.test"]}, "group-production-1-url-error"),
        ({"group_production_weight": ["heavy"]}, "group-production-0-weight-error"),
        ({"group_production_priority": ["1", "", "", "101"]}, "group-production-2-priority-error"),
        ({"group_session_timeout": "soon"}, "group-session_timeout-error"),
        ({"group_statuses": "2xx"}, "group-statuses-error"),
    ],
)
def test_mistakes_are_shown_next_to_their_fields_and_what_was_typed_stays(client, values, field):
    api = create_api(client)
    response = client.post(f"/apis/{api['id']}/endpoints", data=FORM | GROUP | values)
    assert response.status_code == 422
    assert f'id="{field}"' in response.text
    assert f'id="{field}"></div>' not in response.text
    [form] = values.values()
    assert f'value="{form if isinstance(form, str) else form[-1]}"' in response.text
    assert config_of(client, api)["endpoint_type"] == "http"


def test_each_member_of_a_group_has_its_own_trust_settings(client):
    api = create_api(client)
    path = f"/apis/{api['id']}"
    client.post(f"{path}/endpoints", data=FORM | GROUP)
    page = client.get(f"{path}/endpoints?certificates").text
    for url in (ONE, TWO, THREE):
        assert f'"{path}/trust/production?endpoint={quote(url)}"' in page
    # One line for each of three, with its sentences behind it.
    assert page.count("trust-settings is-folded") == page.count("gateway-identity is-folded") == 3
    assert page.count("identity-actions") == 0
    dialog = client.get(f"{path}/trust/production", params={"endpoint": TWO}).text
    assert f'action="{path}/trust/production?endpoint={quote(TWO)}"' in dialog
    response = client.post(f"{path}/trust/production", params={"endpoint": TWO}, data={"names": "two.example"})
    assert response.status_code == 303
    names = {
        url: client.get(f"{ENDPOINTS}/trust-settings", params={"endpoint": url}).json()["names"] for url in (ONE, TWO)
    }
    assert names == {ONE: [], TWO: ["two.example"]}
    answer = client.post(
        f"{path}/trust/production/exception",
        params={"endpoint": THREE},
        data={"reason": "its certificate is on the way"},
    )
    assert answer.status_code == 303
    assert THREE in client.get("/exceptions").text
    page = client.get(f"{path}/endpoints?certificates").text
    assert "its certificate is on the way" in page
    assert page.count('<details><summary><span class="alias">Production') == 2  # not of the one that needs attention
    client.post(f"{path}/trust/production/exception/end", params={"endpoint": THREE})
    elsewhere = client.get(f"{path}/trust/production", params={"endpoint": "https://elsewhere.test"})
    assert elsewhere.status_code == 404
