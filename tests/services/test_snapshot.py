"""Snapshots: the distributor reads everything once, then only changes."""

from dataclasses import replace

import pytest

from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.server.clock import utc_now
from holdfast.services.publishing.snapshot import read_changed, read_everything
from holdfast.store import journal
from holdfast.store.catalog import apis
from holdfast.store.trust import endpoint_certificates
from issuing import issue
from services.control_plane import SEALING
from store.values import NOW, make_api, make_entry
from store.values import read as parsed

pytestmark = pytest.mark.long


def parse_origin(url):
    return parse_endpoint(url).origin


PIZZA, PASTA = parse_origin("https://pizza.test:8443"), parse_origin("https://pasta.test")


@pytest.fixture
def catalog(store, anna, otto):
    """Two APIs of one organization, one with a certificate; the first API again in another organization."""
    del anna, otto
    apis_by_name = {
        "pizza": make_api("Pizza", sandbox="http://sandbox.test"),
        "pasta": make_api("Pasta", production="https://pasta.test"),
        "other": make_api("Pizza", organization="other"),
    }
    with store.write() as session:
        for api in apis_by_name.values():
            apis.insert(session, api)
        endpoint_certificates.insert(session, make_entry("a", issue("a.test")))
        endpoint_certificates.insert(session, make_entry("b", issue("b.test")))
        journal.announce(session, "default", "api", apis_by_name["pizza"].id, NOW)
    return apis_by_name


def announce(store, organization, kind, key):
    with store.write() as session:
        journal.announce(session, organization, kind, key, NOW)


def read(store, after=1):
    with store.read() as session:
        last = journal.list_changes_after(session, after - 1)[0]
    snapshot = read_changed(store, SEALING, last, utc_now())
    return {api.name for revisions in snapshot.apis.values() for api in revisions}, snapshot


def test_everything_is_read_with_the_last_sequence_number(store, catalog):
    snapshot = read_everything(store, SEALING, utc_now())
    assert snapshot.apis == {(api.organization, api.id): [api] for api in catalog.values()}
    assert (snapshot.last.sequence, list(snapshot.changes)) == (1, [])
    assert {org: set(trust) for org, trust in snapshot.trust.items()} == {"default": {PIZZA, PASTA}, "other": {PIZZA}}


def test_exactly_the_certificates_of_an_origin_are_its_anchors(store, catalog):
    del catalog
    trust = read_everything(store, SEALING, utc_now()).trust
    assert {name for anchor in trust["default"][PIZZA].anchors for name in anchor.dns_names} == {"a.test", "b.test"}
    assert trust["default"][PASTA].anchors == trust["other"][PIZZA].anchors == ()
    assert trust["default"][PIZZA].reference == PIZZA.reference


def test_previous_certificates_are_anchors_too(store, catalog):
    del catalog
    entry = make_entry("c", issue("new.test"), endpoint="https://pasta.test")
    with store.write() as session:
        endpoint_certificates.insert(session, replace(entry, previous=(parsed(issue("old.test")),)))
    anchors = read_everything(store, SEALING, utc_now()).trust["default"][PASTA].anchors
    assert {name for anchor in anchors for name in anchor.dns_names} == {"new.test", "old.test"}


def test_nothing_is_read_when_nothing_changed(store, catalog):
    del catalog
    names, snapshot = read(store)
    assert (names, snapshot.trust, list(snapshot.changes), snapshot.last.sequence) == (set(), {}, [], 1)


def test_only_the_changed_api_is_read(store, catalog):
    announce(store, "default", "api", catalog["pasta"].id)
    names, snapshot = read(store)
    assert (names, snapshot.last.sequence) == ({"Pasta"}, 2)
    assert set(snapshot.trust["default"]) == {PASTA}


def test_a_change_of_an_origin_reads_its_apis_in_its_organization(store, catalog):
    announce(store, "default", "origin", str(PIZZA))
    names, snapshot = read(store)
    assert names == {"Pizza"}
    assert set(snapshot.apis) == {("default", catalog["pizza"].id)}
    announce(store, "default", "origin", "https://nobody.test")
    assert read(store, 2)[0] == set()


def test_a_deleted_api_is_reported_as_deleted(store, catalog):
    with store.write() as session:
        apis.remove(session, catalog["pasta"])
        journal.announce(session, "default", "api", catalog["pasta"].id, NOW)
    assert read(store)[1].apis == {("default", catalog["pasta"].id): ()}


def test_an_id_of_another_organization_is_not_found(store, catalog):
    announce(store, "default", "api", catalog["other"].id)
    assert read(store)[1].apis == {("default", catalog["other"].id): ()}


def test_more_origins_than_fit_one_query_are_read(store, catalog):
    del catalog
    with store.write() as session:
        for number in range(510):
            api = make_api(f"Api{number}", production=f"https://b{number}.test")
            apis.insert(session, api)
            journal.announce(session, "default", "api", api.id, NOW)
        endpoint_certificates.insert(session, make_entry("last", issue("last.test"), endpoint="https://b509.test"))
    snapshot = read(store)[1]
    assert len(snapshot.apis) == 510
    assert len(snapshot.trust["default"][parse_origin("https://b509.test")].anchors) == 1
