"""Many concurrent writers, and a long transaction of another process, never cause a 500."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.apis.catalog.lifecycle import State
from holdfast.server.clock import utc_now
from holdfast.store.catalog import apis
from holdfast.store.database import Store
from holdfast.store.postgresql import engine as postgresql_engine
from holdfast.store.sqlite import engine as sqlite_engine
from holdfast.store.trust import endpoint_certificates
from issuing import issue
from rest.calls import APIS, CERTIFICATES, PREFIX, assert_problem, create_api, upload
from store.values import make_api, make_entry

pytestmark = pytest.mark.long

ORIGIN = "https://shared.test"
AT_ONCE = 40


@pytest.fixture
def patience():
    """The number of seconds that writers wait."""
    return 120.0


@pytest.fixture
def store(monkeypatch, database, patience, patient_requests):
    del patient_requests
    for engine in (sqlite_engine, postgresql_engine):
        monkeypatch.setattr(engine, "PATIENCE", patience)
    store = Store(database, utc_now())
    yield store
    store.close()


def test_parallel_uploads_for_an_origin_of_many_apis_and_certificates_all_succeed(own_client, store):
    with store.write() as session:
        for number in range(1000):
            apis.insert(session, make_api(f"Api{number}", production=ORIGIN, state=State.CREATED))
        for number in range(150):
            entry = make_entry(f"old{number}", issue(f"old{number}.test"), endpoint=ORIGIN)
            endpoint_certificates.insert(session, entry)
    files = [issue(f"new{number}.test").pem for number in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda n: upload(own_client, files[n], f"new{n}", ORIGIN).status_code, range(AT_ONCE))
        assert Counter(answers) == {201: AT_ONCE}


@pytest.mark.parametrize("patience", [0.1])
def test_a_busy_database_gets_503_with_retry_after(own_client, storage):
    api = create_api(own_client)
    body = {
        "name": "ci",
        "scopes": ["apim:api_view"],
        "expiresTime": (datetime.now(UTC) + timedelta(days=30)).isoformat(),
    }
    token = own_client.post(f"{PREFIX}/tokens", json=body).json()["token"]
    with storage.writing():
        answer = upload(own_client, issue("pizza.test").pem)
        assert_problem(answer, 503, says="Try again in 5 seconds.")
        assert (answer.json()["type"], answer.headers["retry-after"]) == ("/problems/busy", "5")
        page = own_client.post(f"/apis/{api['id']}/delete")
        assert (page.status_code, page.headers["retry-after"]) == (503, "5")
        assert "The database is busy saving other changes." in page.text
        assert own_client.get(APIS).json()["count"] == 1  # reads still work
        assert own_client.get(APIS, headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert own_client.get(CERTIFICATES).json()["count"] == 0
    assert upload(own_client, issue("pizza.test").pem).status_code == 201
