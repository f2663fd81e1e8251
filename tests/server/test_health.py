"""The health checks for load balancers."""

from importlib.metadata import version

from starlette.testclient import TestClient

from holdfast.server.middleware.health import Health, Readiness


async def behind(_scope, _receive, _send):
    raise AssertionError("health checks are answered before anything else")


def test_a_process_is_ready_unless_a_condition_fails_or_it_is_draining():
    connections = [True]
    readiness = Readiness({"gateway": lambda: bool(connections)})
    client = TestClient(Health(behind, readiness))
    assert (client.get("/readyz").status_code, client.get("/readyz").json()) == (200, {"status": "ok"})
    connections.clear()
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (503, {"status": "unavailable", "failing": ["gateway"]})
    readiness.draining = True
    assert client.get("/readyz").json()["failing"] == ["draining", "gateway"]
    assert client.get("/livez").json() == {"status": "ok"}
    assert client.head("/livez").content == b""


def test_a_ready_process_names_what_needs_attention():
    client = TestClient(Health(behind, Readiness(degraded=lambda: ["gateway certificate"])))
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "degraded": ["gateway certificate"]})
    assert client.get("/livez").json() == {"status": "ok"}


def test_health_checks_need_no_sign_in_and_have_no_rate_limit(connect, runtime):
    stranger = connect(runtime, requests_per_second=0.1)
    assert {stranger.get("/livez").status_code for _ in range(20)} == {200}
    assert stranger.get("/readyz").status_code == 200
    assert {stranger.get("/sign-in").status_code for _ in range(20)} > {429}


def test_scripts_that_wait_for_wso2_learn_when_the_process_is_ready_but_not_its_version():
    readiness = Readiness()
    client = TestClient(Health(behind, readiness))
    ready = client.get("/services/Version?wsdl")
    assert (ready.status_code, ready.headers["content-type"]) == (200, "application/xml")
    assert "getVersionResponse" in ready.text
    assert version("holdfast-gateway") not in ready.text
    readiness.draining = True
    assert client.get("/services/Version").status_code == 503
