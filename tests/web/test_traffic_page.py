"""The page Traffic of an API, for each kind of data."""

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.apis.traffic.measures import Measures
from holdfast.store.topics import Topic
from holdfast.store.traffic import parts
from holdfast.store.traffic.parts import Subject
from rest.calls import create_api

MINUTE = timedelta(minutes=1)
CERTIFICATE = "ab" * 32


@pytest.fixture
def api_id(client):
    return create_api(client)["id"]


def test_a_new_api_has_no_requests(client, api_id):
    text = client.get(f"/apis/{api_id}/traffic").text
    assert text.count("No data") >= 24
    assert "data-value" not in text


def test_the_page_shows_what_gateways_counted(client, api_id, shared_runtime, berta):
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    measures = Measures({200: 1200, 503: 34}, (0, 10, 90), 500, 9000, {"TLSv1.3": 100}, CERTIFICATE)
    with shared_runtime.store.note(Topic.TRAFFIC) as session:
        subject = Subject(berta.organization, api_id, "production")
        parts.add_measures(session, "edge", now - 5 * MINUTE, {subject: measures}, (60, 3600))
        parts.add_coverage(session, "edge", now - 5 * MINUTE, 60.0, is_late=True, uncounted=0, dropped=2)
        parts.add_causes(session, [(subject, "edge", now - 5 * MINUTE, "connection_refused", 34)])
    text = client.get(f"/apis/{api_id}/traffic", params={"period": "1h"}).text
    assert 'data-value="1200"' in text
    assert "connection_refused" in text
    assert "edge" in text
    assert "sample of 100 requests" in text
    assert CERTIFICATE[:16] in text.replace(":", "").replace("<wbr>", "").lower()
    csv = client.get(f"/apis/{api_id}/traffic.csv", params={"period": "1h"})
    assert csv.headers["content-type"].startswith("text/csv")
    assert sum(int(line.split(",")[1] or 0) for line in csv.text.splitlines()[1:]) == 1234
    assert client.get(f"/apis/{api_id}/traffic.json").json()["total"]["requests"] == 1234
