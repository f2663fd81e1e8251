"""Many concurrent writers, and a long transaction of another process, never cause a 500."""

import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.apis.catalog.lifecycle import State
from holdfast.services.access.accounts import SESSION_COOKIE
from holdfast.services.access.permissions import Role
from holdfast.store import sqlite
from holdfast.store.access import accounts
from holdfast.store.access.accounts import User
from holdfast.store.catalog import apis
from holdfast.store.database import Store
from holdfast.store.trust import endpoint_certificates
from issuing import issue
from rest.calls import APIS, CERTIFICATES, PREFIX, assert_problem, create_api, upload
from store.values import NOW, make_api, make_entry

ORIGIN = "https://shared.test"
AT_ONCE = 40


@pytest.fixture
def patience():
    """The number of seconds that writers wait."""
    return 3.0


@pytest.fixture
def store(monkeypatch, database, patience):
    monkeypatch.setattr(sqlite, "PATIENCE", patience)
    opened = Store(database)
    yield opened
    opened.close()


@pytest.fixture
def client(runtime, connect):
    """A client of a separate Holdfast, signed in as its only user."""
    user = User("anna", "default", "anna", "no password", frozenset({Role.ADMIN}))
    with runtime.store.write() as session:
        accounts.insert_organization(session, "default", NOW)
        accounts.insert_user(session, user, NOW)
    client = connect(runtime, raise_server_exceptions=False)
    client.cookies.set(SESSION_COOKIE, runtime.accounts.start_session(user, runtime.now()))
    return client


def test_parallel_uploads_for_an_origin_of_many_apis_and_certificates_all_succeed(client, store):
    with store.write() as session:
        for number in range(1000):
            apis.insert(session, make_api(f"Api{number}", production=ORIGIN, state=State.CREATED))
        for number in range(150):
            entry = make_entry(f"old{number}", issue(f"old{number}.test"), endpoint=ORIGIN)
            endpoint_certificates.insert(session, entry)
    files = [issue(f"new{number}.test").pem for number in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda n: upload(client, files[n], f"new{n}", ORIGIN).status_code, range(AT_ONCE))
        assert Counter(answers) == {201: AT_ONCE}


@pytest.mark.parametrize("patience", [0.1])
def test_a_busy_database_gets_503_with_retry_after(client, database):
    api = create_api(client)
    body = {
        "name": "ci",
        "scopes": ["apim:api_view"],
        "expiresTime": (datetime.now(UTC) + timedelta(days=30)).isoformat(),
    }
    token = client.post(f"{PREFIX}/tokens", json=body).json()["token"]
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = upload(client, issue("pizza.test").pem)
        assert_problem(answer, 503, says="Try again in 5 seconds.")
        assert (answer.json()["type"], answer.headers["retry-after"]) == ("/problems/busy", "5")
        page = client.post(f"/apis/{api['id']}/delete")
        assert (page.status_code, page.headers["retry-after"]) == (503, "5")
        assert "The database is busy saving other changes." in page.text
        assert client.get(APIS).json()["count"] == 1  # reads still work
        assert client.get(APIS, headers={"Authorization": f"Bearer {token}"}).status_code == 200
        other.execute("ROLLBACK")
    assert client.get(CERTIFICATES).json()["count"] == 0
    assert upload(client, issue("pizza.test").pem).status_code == 201
