"""While the database cannot be reached, each response is a 503 that explains it; afterwards, everything works."""

import pytest

from holdfast.server.clock import utc_now
from holdfast.store.database import Store
from holdfast.store.postgresql import engine
from holdfast.store.postgresql.location import parse_location
from issuing import issue
from postgresql import PostgresServer
from rest.calls import APIS, assert_problem, create_api, upload

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def server():
    """A separate server, which can be stopped."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def store(server):
    store = Store(parse_location(server.create_database().url + "&connect_timeout=10"), utc_now())
    yield store
    store.close()


def test_every_response_says_that_the_database_cannot_be_reached(own_client, runtime, server):
    api = create_api(own_client)
    server.stop()
    try:
        unreachable = "Holdfast can't reach its database"
        for answer, says in (
            (own_client.get(APIS), f"{unreachable}. Gateways"),
            (upload(own_client, issue("pizza.test").pem), f"{unreachable}, so nothing was saved."),
            (own_client.delete(f"{APIS}/{api['id']}"), f"{unreachable}, so nothing was saved."),
        ):
            assert_problem(answer, 503, says=says)
            assert answer.json()["type"] == "/problems/database-unreachable"
            assert answer.headers["retry-after"] == "5"
        form = {"grant_type": "client_credentials", "client_id": "any", "client_secret": "any"}
        for path in ("/oauth2/token", "/oauth2/revoke"):
            answer = own_client.post(path, data={**form, "token": "any"})
            assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
            assert "can't reach its database" in answer.json()["error_description"]
            assert answer.headers["retry-after"] == "5"
        for page in (own_client.get("/apis"), own_client.post(f"/apis/{api['id']}/delete"), own_client.get("/sign-in")):
            assert page.status_code in {200, 503}, page.text  # the form to sign in needs no database
            if page.status_code == 503:
                assert "reach its database" in page.text
                assert page.headers["retry-after"] == "5"
                assert server.address.socket.name not in page.text
        page = own_client.get("/apis")
        assert page.status_code == 503
        assert "saved" not in page.text
        assert not runtime.store.is_reachable  # the condition of /readyz
    finally:
        server.start()
    assert own_client.get(APIS).json()["count"] == 1
    assert upload(own_client, issue("pizza.test").pem).status_code == 201
    assert runtime.store.is_reachable


def test_a_server_that_does_not_answer_holds_no_request_for_long(own_client, server, monkeypatch):
    """As if its disk or machine hung: the system still accepts connections and confirms what they receive."""
    monkeypatch.setattr(engine, "TO_BEGIN", 0.5)
    assert own_client.get(APIS).status_code == 200
    server.pause()
    try:
        assert_problem(own_client.get(APIS), 503, says="Holdfast can't reach its database")
    finally:
        server.resume()
    assert own_client.get(APIS).status_code == 200
