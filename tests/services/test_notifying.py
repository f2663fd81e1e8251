"""People are notified of what is so: once, in order, and at least once whatever ends in between."""

import base64
import hashlib
import hmac
import json
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from acting import context_of
from holdfast.apis.gateways.gateway import Gateway, IssuedCertificate, Placement
from holdfast.apis.identities.caller_certificate import CallerCertificate
from holdfast.apis.notifications.silence import SilenceDraft
from holdfast.apis.watch.watched_endpoint import BackendCertificate, Changes, Coverage, WatchedEndpoint
from holdfast.certificates.certificate import read_certificate
from holdfast.network.addresses import read_network
from holdfast.services.control_planes.lease import LeasedStore, LeaseLost
from holdfast.services.notifications import history, owners, silences
from holdfast.services.notifications.sending import Sender
from holdfast.services.trust import trust_settings
from holdfast.store.catalog import apis
from holdfast.store.control_planes import leases
from holdfast.store.gateways import certificates as gateway_certificates
from holdfast.store.gateways import gateways
from holdfast.store.identities import caller_certificates
from holdfast.store.topics import Topic
from holdfast.store.watch import watched_endpoints
from issuing import issue
from receivers import ROUTING_KEY, SECRET, receiver
from services.conftest import PIZZA
from services.notifying import URL, Office

pytestmark = pytest.mark.long

MINUTE = timedelta(minutes=1)


@pytest.fixture
def office(store, clock):
    return Office(store, clock)


@pytest.fixture
def hook(tmp_path):
    with receiver(tmp_path, "http") as hook:
        yield hook


def list_titles(hook):
    return [event["title"] for body in hook.bodies for event in body["events"]]


def list_types(hook):
    return [[event["type"] for event in body["events"]] for body in hook.bodies]


def test_a_failing_backend_is_sent_when_it_begins_changes_and_ends(office, anna, served_api, hook):
    office.add(anna, url=hook.url)
    office.run()
    office.fail(served_api)
    office.run(seconds=1)
    office.run(seconds=10)
    office.run(seconds=10)
    assert list_types(hook) == [["backend_failure.began"]]
    (event,) = hook.bodies[0]["events"]
    assert event["url"] == f"{URL}/apis/{served_api.id}"
    assert f"api:{served_api.id}" in event["about"]
    assert "Renew it at the backend" in event["action"]
    for _ in range(20):
        office.fail(served_api, "connection refused", times=3)
        office.run(seconds=50)
    assert list_types(hook)[1:] == [["backend_failure.changed"]]
    office.run(minutes=2)
    office.run(minutes=14)
    assert len(hook.received) == 2
    office.run(minutes=30)
    assert list_types(hook)[2:] == [["backend_failure.ended"]]


def test_a_new_channel_receives_what_still_is_so_unless_it_is_silenced(office, anna, served_api, store, tmp_path, hook):
    office.add(anna, url=hook.url)
    office.fail(served_api)
    office.run(seconds=10)
    with receiver(tmp_path, "http") as late:
        office.add(anna, name="late", url=late.url)
        office.run(seconds=10)
        assert list_types(late) == [["backend_failure.began"]]
        draft = SilenceDraft("", f"api:{served_api.id}", "maintenance", office.clock() + MINUTE)
        silences.create_silence(context_of(store, anna, office.clock()), draft)
        office.add(anna, name="silenced", url=f"{late.url}/silenced")
        office.run(minutes=2)
        office.run(minutes=16)
        office.add(anna, name="after", url=f"{late.url}/after")
        office.run(seconds=10)
        assert sorted(request["path"] for request in late.received[1:]) == ["/", "/silenced"]
        assert list_types(late)[1:] == [["backend_failure.ended"]] * 2
    assert list_types(hook) == [["backend_failure.began"], ["backend_failure.ended"]]


def test_a_single_failed_connection_is_not_notified(office, anna, served_api, hook):
    office.add(anna, url=hook.url)
    office.fail(served_api, "connection refused")
    office.run(seconds=10)
    assert not hook.received


def test_a_webhook_is_signed_over_its_id_time_and_body(office, anna, served_api, hook):
    office.add(anna, url=f"{hook.url}/hooks?tenant=1")
    office.fail(served_api)
    office.run()
    office.run(seconds=10)
    (request,) = hook.received
    headers = request["headers"]
    assert request["path"] == "/hooks?tenant=1"
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{request['body']}".encode()
    digest = hmac.new(base64.b64decode(SECRET.removeprefix("whsec_")), content, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert json.loads(request["body"])["id"] == headers["webhook-id"]
    assert int(headers["webhook-timestamp"]) == int(office.clock().timestamp())


def test_a_message_that_fails_is_sent_again_later_with_the_same_id_and_holds_back_only_its_channel(
    office, anna, publish, served_api, hook, tmp_path
):
    pasta = publish(anna, "Pasta", "https://pasta.test")
    with receiver(tmp_path, "http", "500,503") as failing:
        office.add(anna, url=failing.url, name="a")
        office.add(anna, url=hook.url, name="b")
        office.fail(served_api)
        office.run()
        office.run(seconds=6)
        assert (len(failing.received), len(hook.received)) == (1, 1)
        status = office.status(anna, "a")
        assert status.channel.delivery.error == "127.0.0.1 answered 500: Sorry."
        assert (status.backlog.waiting, status.backlog.attempts) == (1, 1)
        office.fail(pasta)
        office.run(seconds=2)
        office.run(seconds=6)
        assert (len(failing.received), len(hook.received)) == (1, 2)
        office.run(seconds=2)
        assert len(failing.received) == 2
        office.run(seconds=21)
        office.run(seconds=1)
        ids = [body["id"] for body in failing.bodies]
        assert ids[0] == ids[1] == ids[2] != ids[3]
        assert [request["status"] for request in failing.received] == [500, 503, 200, 200]
        assert list_titles(failing)[-1].startswith("Requests fail: Pasta")
        assert office.status(anna, "a").channel.delivery.error == ""
        assert office.status(anna, "a").backlog.waiting == 0


def test_a_process_that_lost_the_lease_after_sending_marks_nothing_and_its_successor_sends_the_same_id(
    office, anna, served_api, hook, store
):
    office.add(anna, url=hook.url)
    office.fail(served_api)
    office.look()
    office.clock.advance(seconds=6)
    office.look()
    with store.note(Topic.LEASES) as session:
        tenure = leases.take(session, "tasks", "one", office.clock(), timedelta(seconds=1))
    leased_store = LeasedStore(store, tenure)
    mark = office.clerk._mark  # noqa: SLF001 - the moment between sending and marking

    def lose_lease(*arguments):
        with store.note(Topic.LEASES) as session:
            assert leases.take(session, "tasks", "two", office.clock() + MINUTE, timedelta(minutes=5))
        mark(*arguments)

    office.clerk._mark = lose_lease  # noqa: SLF001
    office.store = leased_store
    office.send()
    assert len(hook.received) == 1
    with pytest.raises(LeaseLost):
        office.clerk.evaluate(leased_store, office.clock() + 30 * MINUTE, everything=True)
    successor = Office(store, office.clock)
    successor.send()
    first, second = hook.bodies
    assert first == second


def test_a_first_start_with_many_certificates_sends_one_message_to_each_channel(
    office, anna, served_api, store, hook, tmp_path
):
    now = office.clock()
    certificate = read_certificate(issue(common_name="caller", end=timedelta(days=20)).der)
    with store.write() as session:
        for number in range(600):
            caller_certificates.insert(session, make_caller(served_api, certificate, number, now))
    with receiver(tmp_path, "http") as slack, receiver(tmp_path, "http") as pager:
        office.add(anna, url=hook.url)
        office.add(anna, "slack", "slack", url=slack.url)
        office.add(anna, "pagerduty", "pager", url=pager.url, secret=ROUTING_KEY)
        office.run()
        office.run(seconds=10)
        (body,) = hook.bodies
        assert body["total"] == 600
        assert len(body["events"]) == 50
        assert body["counts"] == {"caller_certificate_expiry.began": 600}
        assert "550 more" in slack.bodies[0]["text"]
        (event,) = pager.bodies
        assert event["event_action"] == "trigger"
        assert "599 other" in event["payload"]["summary"]
        office.run(minutes=20)
        assert len(hook.received) == len(slack.received) == len(pager.received) == 1
        office.run(days=7)
        assert [body["counts"] for body in hook.bodies[1:]] == [{"caller_certificate_expiry.changed": 600}]


def make_caller(api, certificate, number, now):
    different = replace(certificate, fingerprint=f"{number:064x}")
    return CallerCertificate(
        str(uuid.uuid4()), api.organization, api.id, f"caller-{number}", "Gold", different, now, now
    )


def test_incidents_end_when_what_they_are_about_has_ended(office, anna, served_api, store, tmp_path, hook):
    certificate = read_certificate(issue(common_name="caller", end=timedelta(days=5)).der)
    entry = make_caller(served_api, certificate, 1, office.clock())
    with store.write() as session:
        caller_certificates.insert(session, entry)
    with receiver(tmp_path, "http") as pager:
        office.add(anna, "pagerduty", "pager", url=pager.url, secret=ROUTING_KEY)
        office.add(anna, url=hook.url)
        office.run()
        with store.write() as session:
            caller_certificates.remove(session, entry)
        office.run(minutes=10)
        began, end = pager.bodies
        assert (began["event_action"], end["event_action"]) == ("trigger", "resolve")
        assert began["dedup_key"] == end["dedup_key"]
        assert began["payload"]["severity"] == "error"
        assert end == {"routing_key": ROUTING_KEY, "dedup_key": began["dedup_key"], "event_action": "resolve"}
        assert list_types(hook) == [["caller_certificate_expiry.began"]]


@pytest.mark.usefixtures("served_api")
def test_exceptions_are_sent_even_if_they_end_at_once(office, anna, store, hook):
    trust_settings.grant_exception(
        context_of(store, anna, office.clock()), PIZZA, "before there was a channel", office.clock() + MINUTE
    )
    office.add(anna, url=hook.url)
    office.run()
    context = context_of(store, anna, office.clock())
    trust_settings.grant_exception(context, PIZZA, "renewed today, see JIRA-12", office.clock() + MINUTE)
    trust_settings.end_exception(context, PIZZA)
    office.run(seconds=1)
    office.run(seconds=1)
    assert list_types(hook) == [["trust_exception.began", "trust_exception.ended"]]
    assert "renewed today, see JIRA-12" in hook.received[0]["body"]


def test_a_lost_gateway_is_sent_after_two_minutes_and_a_revoked_one_does_not_return(
    office, anna, otto, store, hook, tmp_path
):
    now = office.clock()
    gateway = Gateway(str(uuid.uuid4()), "default", "eu-1", Placement("Default", {}), now, now)
    with store.write() as session:
        gateways.insert(session, gateway)
        certificate = IssuedCertificate("ab" * 32, now, now + timedelta(days=90), now)
        gateway_certificates.insert(session, gateway, certificate)
    with receiver(tmp_path, "http") as of_others, receiver(tmp_path, "http") as pager:
        office.add(anna, url=hook.url)
        office.add(anna, "pagerduty", "pager", url=pager.url, secret=ROUTING_KEY)
        office.add(otto, url=of_others.url)
        office.run()
        office.run(minutes=1)
        assert not hook.received
        office.run(minutes=1)
        assert list_types(hook) == [["gateway_connection.began"]]
        with store.write() as session:
            gateways.remove(session, gateway)
        office.run(minutes=1)
        office.run(minutes=1)
        assert len(hook.received) == 1
        assert [body["event_action"] for body in pager.bodies] == ["trigger", "resolve"]
        assert not of_others.received


def test_nothing_is_sent_during_a_silence_and_what_is_still_so_afterwards(office, anna, served_api, store, hook):
    office.add(anna, url=hook.url)
    context = context_of(store, anna, office.clock())
    draft = SilenceDraft("", f"api:{served_api.id}", "maintenance", office.clock() + 10 * MINUTE)
    silences.create_silence(context, draft)
    for _ in range(11):
        office.fail(served_api)
        office.run(seconds=50)
    office.fail(served_api)
    assert not hook.received
    office.fail(served_api)
    office.run(seconds=50)
    assert list_types(hook) == [["backend_failure.began"]]


def test_a_presented_certificate_is_reported_when_it_changes_and_before_it_expires(
    office, anna, served_api, store, hook
):
    now = office.clock()
    endpoint = WatchedEndpoint("watched", "default", PIZZA)
    with store.note(Topic.WATCH) as session:
        watched_endpoints.add(session, [("default", PIZZA)])
        endpoint = watched_endpoints.list_by_origin(session, "default", [PIZZA])[PIZZA]

    def see(chain, days, *, is_accepted, changed_at=None):
        chain_presented = BackendCertificate(chain, "pizza.test", "CN=ACME", now + timedelta(days=days), office.clock())
        until = now + timedelta(days=days) if is_accepted else None
        coverage = Coverage("trust", is_accepted, None if is_accepted else "unknown_issuer", until)
        changes = Changes(changed_at, key=changed_at)
        observation = replace(endpoint, certificate=chain_presented, coverage=coverage, changes=changes)
        with store.note(Topic.WATCH) as session:
            assert watched_endpoints.save(session, observation)

    office.add(anna, url=hook.url)
    see("1", 90, is_accepted=True)
    office.run()
    assert not hook.received
    see("2", 50, is_accepted=True, changed_at=office.clock())
    office.run(minutes=10)
    assert [title.partition(",")[0] for title in list_titles(hook)] == [
        f"The certificate of {PIZZA} expires in 49 days",
        f"{PIZZA} presents a new key",
    ]
    assert hook.bodies[0]["events"][0]["url"] == f"{URL}/apis/{served_api.id}/endpoints?certificates"
    see("3", 90, is_accepted=False, changed_at=office.clock())
    office.run(minutes=10)
    assert list_titles(hook)[2:] == [f"Gateways don't trust the certificate of {PIZZA} (unknown_issuer)"]


@pytest.mark.usefixtures("served_api")
def test_trusted_certificates_are_reported_at_each_threshold_and_once_expired_only_if_in_use(
    office, anna, publish, import_pem, store, hook
):
    gone_api = publish(anna, "Gone", "https://gone.test")
    import_pem(anna, "used", PIZZA, issue("pizza.test", end=timedelta(days=40)).pem)
    import_pem(anna, "ca", PIZZA, issue("CA", ca=True, end=timedelta(days=200)).pem)
    import_pem(anna, "unused", "https://gone.test", issue("gone.test", end=timedelta(days=40)).pem)
    with store.write() as session:
        apis.remove(session, gone_api)
    office.add(anna, url=hook.url)
    for days in (0, 15, 6, 9, 8, 3):
        office.run(days=days)
    aliases = [sorted(event["about"][0].partition(":")[2] for event in body["events"]) for body in hook.bodies]
    unused_and_used = ["unused", "used"]
    assert aliases == [["ca", *unused_and_used], unused_and_used, ["ca"], unused_and_used, unused_and_used, ["used"]]
    last = hook.bodies[-1]["events"][0]
    assert (last["type"], last["severity"]) == ("certificate_expiry.changed", "critical")
    assert last["title"].endswith("and is still in use")
    assert last["url"] == f"{URL}/certificates/used"


def test_owners_receive_what_is_about_their_apis(office, anna, served_api, publish, store, hook):
    pasta = publish(anna, "Pasta", "https://pasta.test")
    context = context_of(store, anna, office.clock())
    office.add(anna, url=hook.url, name="team-pasta", audience="owned")
    owners.change_owners(context, "api", pasta.id, ["channel:team-pasta", "pasta@example.com", "user:anna"])
    assert owners.list_owners(context, "api", pasta.id) == ("channel:team-pasta", "pasta@example.com", "user:anna")
    for api in (served_api, pasta):
        office.fail(api)
    office.run()
    office.run(seconds=6)
    assert [title.split(":")[1][:6] for title in list_titles(hook)] == [" Pasta"]


def test_receivers_are_reached_only_at_allowed_addresses_and_redirects_are_not_followed(store, anna, clock, tmp_path):
    nowhere = Office(store, clock, Sender(URL, (read_network("192.0.2.0/24"),)))
    with receiver(tmp_path, "http", "302,200") as hook:
        channel = nowhere.add(anna, url=hook.url)
        outcome = nowhere.test(anna, channel.name)
        assert "may not connect to" in outcome.error
        everywhere = Office(store, clock)
        outcome = everywhere.test(anna, channel.name)
        assert outcome.error.startswith("127.0.0.1 answered 302")
        assert [request["path"] for request in hook.received] == ["/"]
        metadata = everywhere.add(anna, url="https://169.254.169.254/latest", name="metadata")
        assert "may not connect to" in everywhere.test(anna, metadata.name).error


def test_a_message_is_given_up_after_three_days_and_later_ones_follow(office, anna, served_api, store, tmp_path):
    with receiver(tmp_path, "http", "500,500,500") as failing:
        office.add(anna, url=failing.url)
        office.fail(served_api)
        office.run()
        office.run(seconds=6)
        office.run(days=1)
        office.run(days=3)
        assert len(failing.received) == 3
        office.run(minutes=1)
        entries, _ = history.list_notifications(context_of(store, anna, office.clock()), 0, 10)
        states = [receipt.given_up for entry in entries for receipt in entry.receipts]
        assert states == [False, True]
        assert list_types(failing)[-1] == ["backend_failure.ended"]
