"""The audit log over REST: lists, filters, stable pages, downloads and the ends of the hash chain."""

import csv
import io
import json

import pytest

from holdfast.audit.chain import hash_event
from holdfast.services.access.accounts import make_principal
from holdfast.services.access.audit import write_down
from holdfast.store.audit import Action
from issuing import issue
from rest.calls import PREFIX, URL, assert_problem, create_api, replace, upload
from store.values import read

EVENTS = f"{PREFIX}/audit-events"


def events(client, **filters):
    response = client.get(EVENTS, params=filters)
    assert response.status_code == 200, response.text
    return response.json()["list"]


@pytest.fixture
def audited_change(client):
    """An API, and a certificate that was imported and replaced."""
    create_api(client)
    old, new = issue("pizza.test"), issue("pizza.test")
    assert upload(client, old.pem).status_code == 201
    response = replace(client, new.pem)
    assert response.status_code == 200
    return old, new, response.headers["x-request-id"]


@pytest.fixture
def sign_out(shared_runtime, berta):
    """Write an event about a subject."""

    def sign_out(subject):
        with shared_runtime.store.write() as session:
            write_down(session, make_principal(berta), shared_runtime.now(), Action.SIGN_OUT, subject)

    return sign_out


def test_an_event_says_who_changed_what_when_and_from_where(client, berta, audited_change):
    old, new, request_id = audited_change
    event = events(client)[0]
    assert (event["user"], event["action"], event["subject"]) == (berta.name, "replace certificate", "pizza-backend")
    assert event["address"]
    assert event["requestId"] == request_id
    assert event["changes"] == [
        {"name": "endpoint", "before": [URL], "after": [URL]},
        {"name": "certificates", "before": [read(old).fingerprint], "after": [read(new).fingerprint]},
    ]


def test_a_change_with_the_whole_description_names_only_what_changed(client):
    path = f"{PREFIX}/apis/{create_api(client)['id']}"
    for change in ({"description": "new"}, {"tags": ["a"]}, {"tags": []}):
        client.put(path, json=client.get(path).json() | change).raise_for_status()
    details = [event["detail"].rpartition(", ")[2] for event in events(client, action="change API")]
    assert details == ["changed tags", "changed tags", "changed description"]


@pytest.mark.parametrize(
    ("filters", "actions"),
    [
        ({"action": "create API"}, {"create API"}),
        ({"subject": "pizza-backend"}, {"import certificate", "replace certificate"}),
        ({"query": "PIZZA-back"}, {"import certificate", "replace certificate"}),
        ({"query": "%"}, set()),
        ({"query": "replace", "subject": "pizza-backend"}, {"replace certificate"}),
        ({"user": "nobody"}, set()),
        ({"user": "\0", "action": "\0", "subject": "\0", "query": "\0"}, set()),
        ({"kind": "callers"}, set()),
        ({"kind": "certificates"}, {"import certificate", "replace certificate"}),
        ({"to": "2020-01-01T00:00:00Z"}, set()),
        ({"from": "2020-01-01T00:00:00+05:00", "action": "create API"}, {"create API"}),
    ],
)
def test_events_can_be_filtered(client, audited_change, filters, actions):
    del audited_change
    assert {event["action"] for event in events(client, **filters)} == actions


@pytest.mark.parametrize(
    "filters",
    [
        {"from": "yesterday"},
        {"to": "2026-01-01T00:00:00"},
        {"before": "x"},
        {"before": f"{10**30}.1"},
        {"from": "0001-01-01T00:00:00+05:00"},
        {"kind": "x"},
        {"sort": "a"},
    ],
)
def test_a_filter_that_cannot_be_read_is_rejected(client, filters):
    assert_problem(client.get(EVENTS, params=filters), 400, *filters)


def test_pages_stay_the_same_when_events_are_added(client, sign_out):
    for number in range(5):
        sign_out(f"{number}")
    response = client.get(EVENTS, params={"limit": 2, "action": "sign out"}).json()
    subjects = [event["subject"] for event in response["list"]]
    while response["pagination"]["next"]:
        sign_out("new")
        response = client.get(response["pagination"]["next"]).json()
        subjects += [event["subject"] for event in response["list"]]
    assert subjects == ["4", "3", "2", "1", "0"]


def test_json_lines_can_be_verified(client, audited_change):
    del audited_change
    response = client.get(f"{EVENTS}/export")
    assert response.headers["content-type"] == "application/jsonl"
    assert 'filename="audit-' in response.headers["content-disposition"]
    lines = [json.loads(line) for line in response.text.splitlines()]
    assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
    assert all(hash_event(line) == line["hash"] for line in lines)
    chain = client.get(f"{EVENTS}/chain").json()
    assert chain == {
        "newest": {"number": len(lines), "hash": lines[-1]["hash"]},
        "anchor": {"number": 0, "hash": "0" * 64},
        "anchoredTime": None,
    }


def test_no_cell_of_a_csv_download_is_a_formula(client, sign_out):
    names = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", 'a "quoted", name']
    for name in names:
        sign_out(name)
    response = client.get(f"{EVENTS}/export", params={"format": "csv", "action": "sign out"})
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [row["subject"] for row in rows] == [*(f"'{name}" for name in names[:-1]), names[-1]]
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
