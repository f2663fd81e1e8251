"""REST lists the certificates that backends present, and everything that expires."""

from datetime import timedelta

import pytest

from holdfast.apis.watch.watched_endpoint import Coverage
from issuing import DAY, issue
from rest.calls import PREFIX, create_api, upload
from store.values import read
from watching import observe

PATH, EXPIRY = f"{PREFIX}/watched-endpoints", f"{PREFIX}/expiry"
ORIGIN = "https://pizza.test:8443"  # of the API's endpoint


@pytest.fixture
def presents(shared_runtime, berta):
    """Write that a backend of berta's organization presents a certificate."""

    def write(identity, origin=ORIGIN, ago=timedelta(), coverage=None):
        now = shared_runtime.now() - ago
        return observe(shared_runtime.store, berta.organization, origin, [read(identity)], now, coverage)

    return write


def list_watched(client, **query):
    return client.get(PATH, params=query).json()["list"]


def test_a_change_is_listed_with_what_is_new_and_whether_it_is_trusted(client, presents):
    api = create_api(client)
    old, new = issue("pizza.test"), issue("pizza.test", end=20 * DAY)
    presents(old, ago=timedelta(days=30))
    presents(new, ago=timedelta(days=2), coverage=Coverage("trust", accepted=False, cause="unknown_issuer"))
    (endpoint,) = list_watched(client)
    assert (endpoint["endpoint"], endpoint["status"], endpoint["trusted"]) == (ORIGIN, "changed", False)
    assert (endpoint["cause"], endpoint["decidedBy"]) == ("unknown_issuer", "comparison")
    assert endpoint["apis"] == [{"id": api["id"], "name": "Pizza", "version": "1.0.0"}]
    assert endpoint["changed"]["key"] == endpoint["presented"]["since"]
    assert endpoint["changed"]["names"] is None
    whole = client.get(f"{PATH}/{endpoint['id']}").json()
    assert [certificate["fingerprint"] for certificate in whole["certificates"]] == [read(new).fingerprint]
    history = client.get(f"{PATH}/{endpoint['id']}/history").json()
    assert [entry["changes"] for entry in history["list"]] == [["key"], []]
    assert history["pagination"]["total"] == 2


def test_watched_endpoints_are_filtered_and_paged(client, presents):
    api = create_api(client)
    presents(issue("pizza.test", end=10 * DAY))
    presents(issue("pasta.test"), "https://pasta.test")
    presents(
        issue("bread.test", end=200 * DAY),
        "https://bread.test",
        coverage=Coverage("trust", accepted=False, cause="expired"),
    )
    assert [endpoint["status"] for endpoint in list_watched(client)] == ["expiring", "not_trusted", "trusted"]
    assert [endpoint["endpoint"] for endpoint in list_watched(client, status="trusted")] == ["https://pasta.test"]
    assert [endpoint["endpoint"] for endpoint in list_watched(client, apiId=api["id"])] == [ORIGIN]
    assert [endpoint["endpoint"] for endpoint in list_watched(client, endpoint="https://bread.test/base")] == [
        "https://bread.test"
    ]
    assert list_watched(client, apiId=api["id"], endpoint="https://bread.test") == []
    assert [endpoint["endpoint"] for endpoint in list_watched(client, query="BREAD")] == ["https://bread.test"]
    later = (read(issue("x.test", end=30 * DAY))).not_after.isoformat()
    assert [endpoint["endpoint"] for endpoint in list_watched(client, expiresBefore=later)] == [ORIGIN]
    page = client.get(PATH, params={"limit": 1, "offset": 1, "status": "trusted"}).json()
    assert (page["list"], page["pagination"]["total"]) == ([], 1)
    page = client.get(PATH, params={"limit": 1, "query": ".test"}).json()
    assert "query=.test" in page["pagination"]["next"]


def test_a_changed_backend_needs_attention_now_only_if_gateways_reject_it(client, presents):
    def item():
        listed_items = client.get(f"{PREFIX}/attention").json()["list"]
        return {item["kind"]: (item["urgency"], item["count"]) for item in listed_items}.get("changed-certificates")

    create_api(client)
    presents(issue("pizza.test"), ago=timedelta(days=30))
    assert item() is None
    presents(issue("pizza.test"), ago=timedelta(days=8))
    assert item() is None  # long ago
    presents(issue("pizza.test"), ago=timedelta(days=2))
    assert item() == ("later", 1)
    presents(issue("pizza.test"), coverage=Coverage("trust", accepted=False, cause="unknown_issuer"))
    assert item() == ("now", 1)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"status": "lost"}, 400),
        ({"apiId": "unknown"}, 404),
        ({"endpoint": "no url"}, 400),
        ({"expiresBefore": "soon"}, 400),
    ],
)
def test_wrong_filters_are_refused(client, query, status):
    assert client.get(PATH, params=query).status_code == status


def test_watched_endpoints_of_other_organizations_are_not_found(client, stranger, presents):
    endpoint = presents(issue("pizza.test"))
    for path in (f"{PATH}/{endpoint.id}", f"{PATH}/{endpoint.id}/history"):
        assert client.get(path).status_code == 200
        assert stranger.get(path).status_code == 404
    assert list_watched(stranger) == stranger.get(EXPIRY).json()["list"] == []


def test_the_timeline_counts_what_is_trusted_and_what_is_presented_by_month(client, presents, shared_runtime):
    create_api(client)
    soon, later = issue("pizza.test", end=40 * DAY), issue("pizza.test", end=800 * DAY)
    upload(client, soon.pem, "soon")
    upload(client, later.pem, "later")
    presents(issue("pizza.test", end=40 * DAY))
    timeline = client.get(EXPIRY).json()
    month = f"{shared_runtime.now() + timedelta(days=40):%Y-%m}"
    counts = {period["period"]: (period["trusted"], period["presented"]) for period in timeline["periods"]}
    names = list(counts)
    assert (names[0], names[-1], len(names)) == ("expired", "later", 14)
    assert {name: count for name, count in counts.items() if any(count)} == {month: (1, 1), "later": (1, 0)}
    assert {(certificate["source"], certificate["alias"]) for certificate in timeline["list"]} == {
        ("trusted", "soon"),
        ("presented", None),
    }
    (entry,) = client.get(EXPIRY, params={"period": "later"}).json()["list"]
    assert (entry["alias"], entry["endpoint"], entry["used"], entry["previous"]) == ("later", ORIGIN, True, False)
    only = client.get(EXPIRY, params={"period": month, "source": "presented"}).json()
    assert (only["count"], only["pagination"]["total"]) == (1, 1)
    second = client.get(EXPIRY, params={"limit": 1, "offset": 1}).json()
    assert second["list"] == timeline["list"][1:]


@pytest.mark.parametrize("query", [{"period": "2020-01"}, {"period": "x"}, {"offset": 20_000}, {"source": "both"}])
def test_periods_that_are_not_on_the_timeline_are_refused(client, query):
    assert client.get(EXPIRY, params=query).status_code == 400
