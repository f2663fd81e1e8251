"""Many requests at once share few connections to PostgreSQL, and none waits for another one forever."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from holdfast.server.clock import utc_now
from holdfast.store.database import Store
from holdfast.store.postgresql import engine
from holdfast.store.postgresql.location import parse_location
from issuing import issue
from postgresql import shared_server
from rest.calls import APIS, create_api, upload

AT_ONCE = 60  # more than there are threads


@pytest.fixture
def store(monkeypatch, patient_requests):
    del patient_requests
    monkeypatch.setattr(engine, "PATIENCE", 120.0)
    location = parse_location(shared_server().create_database().url)
    store = Store(replace(location, connections=5), utc_now())
    yield store
    store.close()


@pytest.mark.long
def test_parallel_requests_share_few_connections(own_client):
    api = create_api(own_client)
    files = [issue(f"new{number}.test").pem for number in range(AT_ONCE // 6)]

    def call(number):
        if number % 6 == 0:
            return upload(own_client, files[number // 6], f"new{number}").status_code
        return own_client.get([APIS, "/apis", f"/apis/{api['id']}/endpoints"][number % 3]).status_code

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert Counter(pool.map(call, range(AT_ONCE))) == {200: AT_ONCE * 5 // 6, 201: AT_ONCE // 6}
