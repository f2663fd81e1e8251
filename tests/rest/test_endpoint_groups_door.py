"""Load-balanced and failover groups in `endpointConfig`, as WSO2's clients send and expect them."""

from datetime import timedelta

import pytest

from holdfast.apis.catalog.endpoint_group import read_group
from holdfast.apis.gateways.control_plane import ControlPlane
from holdfast.store.clock import read_database_time
from holdfast.store.control_planes import control_planes
from holdfast.store.revisions import get_newest_revision
from holdfast.store.tables import ControlPlaneRow, SchemaCompatibilityRow
from rest.calls import APIS, api_body, assert_problem, create_api

ONE, TWO, THREE = (f"https://{name}.test/base" for name in ("one", "two", "three"))
ROUND_ROBIN = "org.apache.synapse.endpoints.algorithms.RoundRobin"
BALANCED = {
    "endpoint_type": "load_balance",
    "algoCombo": ROUND_ROBIN,
    "algoClassName": ROUND_ROBIN,
    "sessionManagement": "transport",
    "sessionTimeOut": 60000,
    "production_endpoints": [
        {"url": ONE, "endpoint_type": "http", "template_not_supported": False},
        {"url": TWO, "endpoint_type": "http", "template_not_supported": False, "weight": 3, "priority": 2},
    ],
    "sandbox_endpoints": [{"url": THREE, "priority": 5}],
    "failOver": "True",
    "healthCheck": {"path": "/health", "interval": 5, "timeout": 2, "statuses": "200-204"},
}
FAILOVER = {
    "endpoint_type": "failover",
    "production_endpoints": {"url": ONE},
    "production_failovers": [{"url": TWO, "endpoint_type": "http"}, {"url": THREE}],
    "sandbox_failovers": [],
}


def config_of(client, api):
    return client.get(f"{APIS}/{api['id']}").json()["endpointConfig"]


@pytest.mark.parametrize("config", [BALANCED, FAILOVER], ids=["load_balance", "failover"])
def test_a_group_is_returned_as_it_was_sent(client, config):
    api = client.post(APIS, json=api_body(endpointConfig=config)).json()
    assert config_of(client, api) == config
    assert client.put(f"{APIS}/{api['id']}", json={"endpointConfig": config_of(client, api)}).status_code == 200
    assert config_of(client, api) == config


def test_a_group_keeps_its_members_when_something_else_changes_and_loses_them_when_the_type_does(client):
    api = client.post(APIS, json=api_body(endpointConfig=FAILOVER)).json()
    client.put(f"{APIS}/{api['id']}", json={"description": "new"})
    assert config_of(client, api) == FAILOVER
    single = {"endpoint_type": "http", "production_endpoints": {"url": ONE}}
    client.put(f"{APIS}/{api['id']}", json={"endpointConfig": single})
    assert config_of(client, api) == single


def test_a_copy_and_the_list_of_users_know_all_members(client):
    api = client.post(APIS, json=api_body(endpointConfig=BALANCED)).json()
    copy = client.post(f"{APIS}/copy-api", params={"apiId": api["id"], "newVersion": "2"}).json()
    assert config_of(client, copy) == BALANCED


REFUSED = {
    "the same backend twice": ([ONE, TWO, ONE + "/"], {}, "production", "twice"),
    "http and https": ([ONE, "http://two.test/base"], {}, "production", "mix http and https"),
    "two paths of one backend": ([ONE, "https://one.test/other"], {}, "production", "another API"),
    "different paths": ([ONE, "https://two.test/other"], {}, "production", "same path"),
    "too many": ([f"https://{number}.test" for number in range(33)], {}, "production", "at most 32"),
    "not a URL": ([ONE, "nowhere"], {}, "production", "URL"),
    "an unknown algorithm": ([ONE], {"algoCombo": "com.example.Own"}, "algoCombo", "isn't supported"),
    "an algorithm of one's own": (
        [ONE],
        {"algoCombo": "other", "algoClassName": "com.example.Own"},
        "algoCombo",
        "Own",
    ),
    "two algorithms": ([ONE], {"algoCombo": "RoundRobin", "algoClassName": "LeastRequest"}, "algoCombo", "differ"),
    "sessions in SOAP": ([ONE], {"sessionManagement": "soap"}, "sessionManagement", "SOAP"),
    "a timeout that isn't a number": ([ONE], {"sessionTimeOut": "soon"}, "sessionTimeOut", "milliseconds"),
    "a header that isn't one": ([ONE, TWO], {"sessionHeader": "a b"}, "session_header", "header"),
    "a health check without a path": ([ONE, TWO], {"healthCheck": {"path": "health"}}, "health_check.path", "path"),
    "statuses that aren't": ([ONE, TWO], {"healthCheck": {"statuses": "2xx"}}, "health_check.statuses", "200-299"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_group_that_cannot_work_is_refused(client, case):
    urls, settings, field, says = REFUSED[case]
    config = {"endpoint_type": "load_balance", "production_endpoints": [{"url": url} for url in urls], **settings}
    response = client.post(APIS, json=api_body(endpointConfig=config))
    assert response.status_code == 400
    assert any(field in error["code"] and says in error["message"] for error in response.json()["error"]), response.text


@pytest.mark.parametrize(
    ("priorities", "wrong", "reason"),
    [
        ((1, 2, 3), None, ""),
        ((None, 2, None), None, ""),
        ((10, None, 20), None, ""),
        ((None, 1, None), "members.0.", "the previous endpoint has 1"),
        ((2, None, 3), "members.1.", "the previous endpoint has 3"),
        ((1, 101, None), "members.0.", "from 1 to 100"),
        ((0, None, None), "", "from 1 to 100"),
    ],
)
def test_priorities_in_a_failover_group_must_follow_the_order_of_its_endpoints(client, priorities, wrong, reason):
    first, *others = (
        {"url": url, "priority": endpoint} for url, endpoint in zip((ONE, TWO, THREE), priorities, strict=True)
    )
    config = {"endpoint_type": "failover", "production_endpoints": first, "production_failovers": others}
    response = client.post(APIS, json=api_body(endpointConfig=config))
    if wrong is None:
        assert [endpoint["url"] for endpoint in config_of(client, response.json())["production_failovers"]] == [
            TWO,
            THREE,
        ]
    else:
        assert_problem(response, 400, f"endpointConfig.production.{wrong}priority", says=reason)


def test_priorities_are_refused_while_a_control_plane_of_an_earlier_version_would_ignore_them(own_client, runtime):
    def read_required_version():
        with runtime.store.read() as session:
            return session.query(SchemaCompatibilityRow).one().oldest_revision

    with runtime.store.write() as session:
        now = read_database_time(session)
        control_planes.save(session, ControlPlane("a", "old", "0.1", now, now), "home", now + timedelta(minutes=1))
        session.get(ControlPlaneRow, "a").schema_revision = "0045"
    plain = BALANCED | {"production_endpoints": [{"url": ONE, "priority": 1}, {"url": TWO, "weight": 3}]}
    del plain["sandbox_endpoints"]
    api = own_client.post(APIS, json=api_body(endpointConfig=plain)).json()
    path = f"{APIS}/{api['id']}"
    for config in (FAILOVER, plain):
        assert own_client.put(path, json={"endpointConfig": config}).status_code == 200
    first, further, sandbox = (
        plain | {"production_endpoints": [{"url": ONE, "priority": 2}, {"url": TWO}]},
        plain | {"production_endpoints": [{"url": ONE}, {"url": TWO, "priority": 2}]},
        plain | {"sandbox_endpoints": [{"url": THREE, "priority": 2}]},
    )
    says = "Endpoints can't have a priority other than 1 while a control plane of an earlier version runs"
    for config in (first, further, sandbox):
        for response in (
            own_client.put(path, json={"endpointConfig": config}),
            own_client.post(APIS, json=api_body("Another", endpointConfig=config)),
        ):
            assert assert_problem(response, 409, says=says)["type"] == "/problems/control-planes-too-old"
    form = {"with_production": "true", "production": ONE, "group_kind": "load_balance"}
    rows = {"group_production_url": ["", TWO], "group_production_weight": ["", ""]}
    page = own_client.post(f"/apis/{api['id']}/endpoints", data=form | rows | {"group_production_priority": ["", "2"]})
    assert page.status_code == 422
    assert "Upgrade old first." in page.text
    assert config_of(own_client, api) == {**plain, "production_endpoints": [{"url": ONE}, {"url": TWO, "weight": 3}]}
    assert read_required_version() < "0046"
    with runtime.store.write() as session:
        session.get(ControlPlaneRow, "a").schema_revision = get_newest_revision()
    assert own_client.put(path, json={"endpointConfig": further}).status_code == 200
    assert read_required_version() == "0046"


@pytest.mark.parametrize(("kind", "priorities"), [("load_balance", [1, 1]), ("failover", [1, 2])])
def test_a_group_that_was_stored_without_priorities_is_read(kind, priorities):
    group = read_group({"kind": kind, "members": [{"url": TWO, "weight": 3}], "weight": 2})
    assert [group.priority, *(member.priority for member in group.members)] == priorities
    assert read_group(group.values) == group


def test_failover_has_neither_algorithm_nor_sessions_even_if_a_client_sends_them(client):
    members = {
        "algoCombo": "other",
        "algoClassName": "com.example.Own",
        "sessionManagement": "soap",
        "sessionTimeOut": "",
    }
    api = client.post(APIS, json=api_body(endpointConfig=FAILOVER | members)).json()
    assert config_of(client, api) == FAILOVER


def test_a_client_learns_that_requests_go_to_other_members_although_it_asked_for_none(client):
    apis = {
        value: client.post(APIS, json=api_body(f"A{value}", endpointConfig=BALANCED | {"failOver": value})).json()
        for value in ("True", "False")
    }
    assert "membersWithoutEffect" not in apis["True"]
    assert apis["False"]["membersWithoutEffect"] == ["endpointConfig.failOver"]


def test_several_endpoints_need_the_type_of_a_group(client):
    api = create_api(client)
    config = {"endpoint_type": "http", "production_endpoints": [{"url": ONE}, {"url": TWO}]}
    response = client.put(f"{APIS}/{api['id']}", json={"endpointConfig": config})
    assert_problem(response, 400, "endpointConfig.endpoint_type", says="load_balance")
