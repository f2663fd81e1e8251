"""Import, replace and delete endpoint certificates."""

from dataclasses import replace
from datetime import timedelta

import pytest

from acting import context_of
from holdfast.certificates.validity import Status
from holdfast.services.catalog import apis, deletion
from holdfast.services.catalog.apis import ApiDraft
from holdfast.services.errors import NotFound
from holdfast.services.trust import endpoint_certificates, examination
from holdfast.store import journal
from issuing import DAY, issue
from store.values import contents, read

URL = "https://pizza.test:8443/base"


@pytest.fixture
def api(store, anna, clock):
    draft = ApiDraft("Pizza", "/pizza", "1.0.0", URL, "http://sandbox.test")
    return apis.create_api(context_of(store, anna, clock()), draft)


def list_changes(store, who):
    with store.read() as session:
        changes = journal.list_changes_after(session, 0)
    return [(change.kind, change.key) for change in changes if change.organization == who.organization]


def read_last_event(store, who):
    with store.read() as session:
        return journal.list_audit_events(session, who.organization)[-1]


def test_an_import_is_stored_with_its_event_and_its_change(store, anna, clock, api):
    backend = issue("pizza.test")
    outcome = endpoint_certificates.import_certificate(
        context_of(store, anna, clock.advance(minutes=1)), " pizza-backend ", URL, backend.pem
    )
    entry = outcome.entry
    assert (entry.alias, entry.endpoint, entry.origin) == ("pizza-backend", URL, "https://pizza.test:8443")
    assert (entry.created_at, entry.updated_at) == (clock(), clock())
    assert entry.certificates == (read(backend),)
    assert endpoint_certificates.get_certificate(context_of(store, anna), "pizza-backend") == entry
    event = read_last_event(store, anna)
    assert (event.user, event.action, event.subject, event.at) == (
        "anna",
        "import certificate",
        "pizza-backend",
        clock(),
    )
    assert URL in event.detail
    assert read(backend).fingerprint in event.detail
    assert list_changes(store, anna) == [("api", api.id), ("origin", "https://pizza.test:8443")]


@pytest.mark.usefixtures("api")
def test_der_and_pem_are_stored_as_the_same(store, anna, clock):
    backend = issue("pizza.test")
    for alias, data in (("pem", backend.pem), ("der", backend.der)):
        endpoint_certificates.import_certificate(context_of(store, anna, clock()), alias, URL, data)
    pem, der = endpoint_certificates.list_certificates(context_of(store, anna))[0]
    assert pem.certificates == der.certificates


@pytest.mark.usefixtures("api")
def test_all_certificates_of_a_file_are_stored_and_ignored_parts_reported(store, anna, clock):
    root, backend = issue(ca=True), issue("pizza.test")
    data = b"notes\n" + backend.pem + root.pem + backend.pem
    outcome = endpoint_certificates.import_certificate(context_of(store, anna, clock()), "bundle", URL, data)
    assert outcome.entry.certificates == (read(backend), read(root))
    assert [part.what for part in outcome.ignored_parts] == ["Block 3"]
    for certificate in outcome.entry.certificates:
        assert certificate.fingerprint in read_last_event(store, anna).detail


@pytest.mark.usefixtures("api")
def test_a_bundle_with_an_expired_certificate_is_stored_with_a_finding(store, anna, clock):
    old, good = issue("pizza.test", start=-9 * DAY, end=-3 * DAY), issue("pizza.test")
    entry = endpoint_certificates.import_certificate(
        context_of(store, anna, clock()), "bundle", URL, old.pem + good.pem
    ).entry
    findings = examination.examine_entry(context_of(store, anna, clock()), entry)
    assert [(finding.code, finding.fingerprint) for finding in findings] == [("expired", read(old).fingerprint)]
    assert endpoint_certificates.judge_entry(entry.certificates, clock()) is Status.ACTIVE


@pytest.mark.usefixtures("api")
def test_a_certificate_that_is_not_yet_valid_is_stored_with_a_finding(store, anna, clock):
    tomorrow = issue("pizza.test", start=DAY)
    entry = endpoint_certificates.import_certificate(context_of(store, anna, clock()), "next", URL, tomorrow.pem).entry
    assert [finding.code for finding in examination.examine_entry(context_of(store, anna, clock()), entry)] == [
        "not-yet-valid"
    ]
    assert endpoint_certificates.judge_entry(entry.certificates, clock()) is Status.NOT_YET_VALID


def test_the_status_of_several_certificates_is_that_of_the_best(clock):
    old = read(issue(start=-9 * DAY, end=-DAY))
    expiring, active = read(issue(end=9 * DAY)), read(issue(end=90 * DAY))
    for certificates, status in (
        ([old, expiring], Status.EXPIRING),
        ([old, expiring, active], Status.ACTIVE),
        ([old], Status.EXPIRED),
    ):
        assert endpoint_certificates.judge_entry(certificates, clock()) is status


@pytest.mark.usefixtures("api")
def test_any_url_with_the_endpoints_origin_is_accepted(store, anna, clock):
    entry = endpoint_certificates.import_certificate(
        context_of(store, anna, clock()), "a", "HTTPS://PIZZA.test:8443/else", issue().pem
    ).entry
    assert entry.origin == "https://pizza.test:8443"


@pytest.mark.usefixtures("api")
def test_a_replacement_keeps_alias_endpoint_and_creation_time(store, anna, clock):
    old, new = issue("pizza.test"), issue("pizza.test")
    before = endpoint_certificates.import_certificate(context_of(store, anna, clock()), "a", URL, old.pem).entry
    after = endpoint_certificates.replace_certificate(
        context_of(store, anna, clock.advance(hours=1)), "a", new.der
    ).entry
    assert after == replace(before, certificates=(read(new),), updated_at=clock(), replaced_at=clock())
    assert endpoint_certificates.get_certificate(context_of(store, anna), "a") == after
    event = read_last_event(store, anna)
    assert (event.action, event.subject) == ("replace certificate", "a")
    assert read(new).fingerprint in event.detail
    assert list_changes(store, anna)[-1] == ("origin", "https://pizza.test:8443")


def test_a_certificate_can_be_replaced_if_no_api_uses_the_endpoint(store, anna, clock, api):
    endpoint_certificates.import_certificate(context_of(store, anna, clock()), "a", URL, issue().pem)
    deletion.delete_api(context_of(store, anna, clock()), api.id)
    endpoint_certificates.replace_certificate(context_of(store, anna, clock()), "a", issue("new.test").pem)
    assert endpoint_certificates.get_certificate(context_of(store, anna), "a").certificates[0].dns_names == (
        "new.test",
    )


@pytest.mark.usefixtures("api")
def test_a_deletion_returns_the_entry_and_frees_the_alias(store, anna, clock):
    entry = endpoint_certificates.import_certificate(context_of(store, anna, clock()), "a", URL, issue().pem).entry
    assert endpoint_certificates.delete_certificate(context_of(store, anna, clock.advance(seconds=1)), "a") == entry
    event = read_last_event(store, anna)
    assert (event.action, event.subject, event.at) == ("delete certificate", "a", clock())
    assert entry.certificates[0].fingerprint in event.detail
    assert list_changes(store, anna)[-1] == ("origin", entry.origin)
    with pytest.raises(NotFound):
        endpoint_certificates.get_certificate(context_of(store, anna), "a")
    endpoint_certificates.import_certificate(context_of(store, anna, clock()), "a", URL, issue().pem)


@pytest.mark.usefixtures("api")
def test_every_change_has_one_event_and_one_change_row(store, anna, clock):
    steps = (
        lambda: endpoint_certificates.import_certificate(context_of(store, anna, clock()), "a", URL, issue().pem),
        lambda: endpoint_certificates.replace_certificate(context_of(store, anna, clock()), "a", issue().pem),
        lambda: endpoint_certificates.delete_certificate(context_of(store, anna, clock()), "a"),
    )
    for step in steps:
        before = contents(store, anna.organization)
        step()
        after = contents(store, anna.organization)
        assert len(after[2]) == len(before[2]) + 1
        assert after[3] == before[3] + 1


def test_the_certificates_of_an_api_are_those_of_its_origins(store, anna, clock, api):
    endpoint_certificates.import_certificate(context_of(store, anna, clock()), "b", URL, issue().pem)
    endpoint_certificates.import_certificate(
        context_of(store, anna, clock()), "a", "https://pizza.test:8443", issue().pem
    )
    pasta = apis.create_api(context_of(store, anna, clock()), ApiDraft("Pasta", "/pasta", "1", "https://pasta.test"))
    endpoint_certificates.import_certificate(context_of(store, anna, clock()), "c", "https://pasta.test", issue().pem)
    assert [entry.alias for entry in endpoint_certificates.list_certificates_of_api(context_of(store, anna), api)] == [
        "a",
        "b",
    ]
    assert [
        entry.alias for entry in endpoint_certificates.list_certificates_of_api(context_of(store, anna), pasta)
    ] == ["c"]
    assert endpoint_certificates.list_apis_using(
        context_of(store, anna), endpoint_certificates.get_certificate(context_of(store, anna), "a")
    ) == [api]


@pytest.mark.usefixtures("api")
def test_organizations_can_use_the_same_alias_and_endpoint(store, anna, otto, clock):
    apis.create_api(context_of(store, otto, clock()), ApiDraft("Pizza", "/pizza", "1.0.0", URL))
    mine = endpoint_certificates.import_certificate(
        context_of(store, anna, clock()), "a", URL, issue("pizza.test").pem
    ).entry
    theirs = endpoint_certificates.import_certificate(
        context_of(store, otto, clock()), "a", URL, issue("pizza.test").pem
    ).entry
    endpoint_certificates.delete_certificate(context_of(store, otto, clock() + timedelta(seconds=1)), "a")
    assert endpoint_certificates.get_certificate(context_of(store, anna), "a") == mine != theirs
