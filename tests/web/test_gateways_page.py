"""The page of gateways: operators see everything, others only names, groups and progress."""

import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.gateway.control.reports import Problem, ProblemKind, Report, Traffic
from holdfast.gateway.discovery.cache import AppliedRevision, Rejection
from holdfast.gateway.peer import Peer
from holdfast.gateway.resources.resource import CLUSTER
from holdfast.services.access.permissions import Role
from rest.calls import PREFIX

NOW = datetime.now(UTC)
SECRET_NAME = "cluster-of-another-organization"


@pytest.fixture(scope="module")
def operator(enlist, sign_in):
    return sign_in(enlist("default", str(uuid.uuid4()), Role.ADMIN))


@pytest.fixture
def name(shared_runtime, operator):
    """A gateway that is enrolled, connected and reporting, and rejects a resource."""
    name = f"eu-{uuid.uuid4().hex[:8]}"
    assert operator.post(f"{PREFIX}/gateways", json={"name": name, "labels": {"region": "eu"}}).status_code == 201
    gateway, watch = shared_runtime.groups.default.connect(name, NOW)
    gateway.applied = AppliedRevision(41, NOW)
    gateway.rejected[CLUSTER, SECRET_NAME] = Rejection("1", "it cannot be parsed")
    shared_runtime.gateway_states.connect(Peer(name), "ipv4:192.0.2.7:4711", NOW)
    report = Report(
        NOW,
        NOW,
        "9.8.7",
        "1.40.0",
        NOW - timedelta(hours=1),
        2,
        problems=(Problem(ProblemKind.LISTENER, "Can't listen on 192.0.2.7:8280."),),
        traffic=(Traffic("production", 1200, 3),),
    )
    shared_runtime.gateway_states.take(name, report, NOW)
    yield name
    shared_runtime.groups.default.disconnect(gateway, watch)
    shared_runtime.gateway_states.disconnect(name, NOW)
    operator.delete(f"{PREFIX}/gateways/{name}")


def card(client, name):
    """Return the card of a gateway on the page."""
    page = client.get("/gateways").text
    return re.search(rf'id="gateway-{name}">(.*?)(?:<li class="card gateway"|</ul>\s*<p|\Z)', page, re.DOTALL)[1]


def test_operators_see_connection_configuration_report_and_certificate(operator, name):
    html = card(operator, name)
    for text in (
        "192.0.2.7",
        "9.8.7",
        "1.40.0",
        "region",
        "1,200",
        SECRET_NAME,
        "it cannot be parsed",
        "192.0.2.7:8280",
    ):
        assert text in html
    assert 'data-connection="connected"' in html
    assert f"/gateways/{name}/revoke" in html


def test_a_gateway_is_stale_only_while_it_is_not_connected(operator, shared_runtime):
    name = f"eu-{uuid.uuid4().hex[:8]}"
    assert operator.post(f"{PREFIX}/gateways", json={"name": name}).status_code == 201
    shared_runtime.gateway_states.connect(Peer(name), "ipv4:192.0.2.7:4711", NOW)
    shared_runtime.gateway_states.take(name, Report(NOW, NOW, "9.8.7", stale_since=NOW), NOW)
    where = f"{PREFIX}/gateways/{name}"
    try:
        assert "finding-warning" in card(operator, name)
        assert operator.get(where).json()["connection"]["report"]["staleSince"]
        gateway, watch = shared_runtime.groups.default.connect(name, NOW)
        assert "finding-warning" not in card(operator, name)
        assert operator.get(where).json()["connection"]["report"]["staleSince"] is None
        shared_runtime.groups.default.disconnect(gateway, watch)
    finally:
        shared_runtime.gateway_states.disconnect(name, NOW)
        operator.delete(where)


def test_a_gateway_that_is_away_is_not_said_to_serve(operator, shared_runtime):
    name = f"eu-{uuid.uuid4().hex[:8]}"
    assert operator.post(f"{PREFIX}/gateways", json={"name": name}).status_code == 201
    assert "hasn't been connected since" not in card(operator, name)
    shared_runtime.gateway_states.connect(Peer(name), "ipv4:192.0.2.7:4711", NOW)
    shared_runtime.gateway_states.disconnect(name, NOW)
    assert "It hasn't been connected since" in card(operator, name)
    operator.delete(f"{PREFIX}/gateways/{name}")


def test_groups_are_shown_with_the_urls_of_their_callers(operator, stranger, shared_runtime):
    group = f"g-{uuid.uuid4().hex[:8]}"
    body = {"name": group, "displayName": "Europe", "urls": {"productionTls": "https://eu.example"}}
    assert operator.post(f"{PREFIX}/gateways/groups", json=body).status_code == 201
    for client in (operator, stranger):
        page = client.get("/gateways").text
        for text in ("Europe", group, "https://eu.example", *shared_runtime.gateways.values()):
            assert text in page


def test_rest_reports_the_same(operator, name):
    body = operator.get(f"{PREFIX}/gateways/{name}").json()
    assert body in operator.get(f"{PREFIX}/gateways", params={"limit": 1000}).json()["list"]
    connection = body["connection"]
    assert (connection["address"], connection["applied"]["revision"], connection["rejections"]) == ("192.0.2.7", 41, 1)
    assert connection["rejected"] == [{"type": "Cluster", "name": SECRET_NAME, "message": "it cannot be parsed"}]
    report = connection["report"]
    assert (report["version"], report["envoyVersion"], report["envoyRestarts"]) == ("9.8.7", "1.40.0", 2)
    assert (report["lostReports"], report["envoyEndedTime"]) == (0, None)
    assert report["traffic"] == [{"environment": "production", "requests": 1200, "failures": 3}]
    assert report["problems"][0]["kind"] == "listener"


def test_others_see_progress_but_nothing_of_other_organizations(enlist, sign_in, stranger, name):
    viewer = sign_in(enlist("default", str(uuid.uuid4()), Role.VIEWER))
    for client in (viewer, stranger):
        html = card(client, name)
        assert 'data-connection="connected"' in html
        assert "41" in html
        for text in ("192.0.2.7", "9.8.7", "region", "1,200", SECRET_NAME, "it cannot be parsed", "revoke"):
            assert text not in html
        assert client.get("/gateways/enroll").status_code == 403
        assert client.get(f"/gateways/{name}/revoke").status_code == 403
        assert client.post(f"/gateways/{name}/revoke").status_code == 403


def test_a_join_token_is_shown_once_and_never_again(operator):
    name = f"eu-{uuid.uuid4().hex[:8]}"
    form = {"name": name, "group": "Default", "labels": "region=eu tier=edge"}
    answer = operator.post("/gateways/enroll", data=form)
    (token,) = re.findall(r"holdfast gateway join http://127.0.0.1:9080 (hfg_[\w-]+)", answer.text)
    assert answer.headers["cache-control"] == "no-store"
    text = card(operator, name)
    assert (token in text, "tier" in text, 'data-connection="waiting"' in text) == (False, True, True)
    assert operator.post(f"/gateways/{name}/revoke").headers["location"] == "/gateways?done=gateway-revoked"
    assert f"gateway-{name}" not in operator.get("/gateways").text


@pytest.mark.parametrize(
    ("field", "form"),
    [
        ("name", {"name": "UPPER"}),
        ("labels", {"name": "eu-9", "labels": "region"}),
        ("group", {"name": "eu-9", "group": "\n\x00"}),
    ],
)
def test_invalid_input_is_explained_next_to_its_field(operator, field, form):
    answer = operator.post("/gateways/enroll", data=form)
    assert answer.status_code == 422
    assert re.search(rf'id="{field}-error"[^>]*>[^<]', answer.text)
