"""Channels, notifications, silences and owners over REST."""

import pytest

from issuing import issue
from receivers import SECRET, receiver
from rest.calls import APIS, CERTIFICATES, PREFIX, create_api, upload

CHANNELS, SILENCES = f"{PREFIX}/notification-channels", f"{PREFIX}/silences"


@pytest.fixture
def channel(client):
    body = {"name": "tools", "kind": "webhook", "url": "https://127.0.0.1:1/hidden-h4x?t=1", "secret": SECRET}
    answer = client.post(CHANNELS, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_no_response_contains_a_url_or_a_secret(client, channel, shared_storage):
    assert channel["target"] == "https://127.0.0.1:1"
    responses = [
        client.get(CHANNELS),
        client.get(f"{CHANNELS}/tools"),
        client.put(f"{CHANNELS}/tools", json={"events": []}),
    ]
    for answer in responses:
        assert answer.status_code == 200
        assert "hidden-h4x" not in answer.text
        assert SECRET not in answer.text
    content = shared_storage.content()
    assert b"hidden-h4x" not in content
    assert SECRET.encode() not in content


def test_a_test_message_says_whether_it_arrived(client, tmp_path):
    with receiver(tmp_path, "http", "410") as hook:
        body = {"name": "ops", "kind": "slack", "url": f"{hook.url}/services/x"}
        assert client.post(CHANNELS, json=body).status_code == 201
        outcome = client.post(f"{CHANNELS}/ops/test").json()
        assert outcome == {"delivered": False, "error": "127.0.0.1 answered 410: Sorry."}
        assert client.get(f"{CHANNELS}/ops").json()["state"]["error"] == outcome["error"]
        assert client.post(f"{CHANNELS}/ops/test").json() == {"delivered": True, "error": ""}
        state = client.get(f"{CHANNELS}/ops").json()["state"]
        assert (state["error"], state["lastFailure"], state["waiting"]) == ("", None, 0)
        assert "Test of the channel ops" in hook.bodies[1]["text"]


def test_a_name_can_be_taken_once(client, channel):
    again = client.post(CHANNELS, json={"name": channel["name"], "kind": "email", "recipients": ["a@example.com"]})
    assert (again.status_code, again.json()["error"][0]["code"]) == (409, "name")


@pytest.mark.parametrize(
    "change",
    [
        {"url": "https://attacker.test"},
        {"secret": "c2hvcnQ="},
        {"recipients": ["a@example.com"]},
        {"events": ["weather"]},
        {"audience": "owners"},
        {"url": "http://192.0.2.1"},
    ],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.usefixtures("channel")
def test_a_change_that_makes_no_sense_is_rejected(client, change):
    assert client.put(f"{CHANNELS}/tools", json=change).status_code == 400


def test_channels_of_others_do_not_exist(stranger, channel):
    path = f"{CHANNELS}/{channel['name']}"
    assert {stranger.get(path).status_code, stranger.delete(path).status_code} == {404}
    assert stranger.get(CHANNELS).json()["count"] == 0


def test_a_silence_lasts_at_most_90_days(client, shared_runtime):
    body = {"about": "gateway:eu-1", "reason": "moved", "until": "2100-01-01T00:00:00Z"}
    assert client.post(SILENCES, json=body).json()["error"][0]["code"] == "until"
    until = shared_runtime.now().replace(microsecond=0).isoformat()
    assert client.post(SILENCES, json={**body, "until": until}).status_code == 400


def test_owners_are_replaced_as_a_whole(client):
    api = create_api(client)
    assert upload(client, issue("pizza.test").pem).status_code == 201
    for path in (f"{APIS}/{api['id']}/owners", f"{CERTIFICATES}/pizza-backend/owners"):
        assert client.get(path).json() == {"owners": []}
        assert client.put(path, json={"owners": ["b@example.com", "a@example.com"]}).status_code == 200
        assert client.get(path).json() == {"owners": ["b@example.com", "a@example.com"]}
        assert client.put(path, json={"owners": []}).json() == {"owners": []}
    assert client.get(f"{APIS}/none/owners").status_code == 404


def test_metrics_say_which_channels_fail(client, channel):
    assert client.post(f"{CHANNELS}/{channel['name']}/test").status_code == 200
    metrics = client.get("/metrics").text
    assert 'holdfast_notification_channel_failing{channel="tools"} 1.0' in metrics
    assert 'holdfast_notifications_waiting{channel="tools"} 0.0' in metrics
