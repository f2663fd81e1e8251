"""Gateways, control planes and certificates that need attention."""

from dataclasses import replace
from datetime import timedelta

import pytest

from acting import context_of
from holdfast.apis.gateways.connected_gateway import ConnectedGateway
from holdfast.apis.gateways.control_plane import ControlPlane
from holdfast.apis.trust.endpoint_certificate import Generation
from holdfast.apis.watch.watched_endpoint import BackendCertificate, Changes, Coverage, Silence
from holdfast.gateway.control.states import GatewayStates
from holdfast.gateway.discovery.groups import Groups
from holdfast.services.attention.certificates import examine_certificates
from holdfast.services.attention.gateways import examine_gateways
from holdfast.services.attention.watched_endpoints import examine_presented
from holdfast.services.catalog import apis, deletion
from holdfast.services.catalog.apis import ApiDraft
from holdfast.services.gateways.elsewhere import GatewaysElsewhere
from holdfast.services.gateways.statuses import Sources, list_statuses
from holdfast.services.trust import endpoint_certificates
from holdfast.services.trust.rotation import observe
from holdfast.store.clock import read_database_time
from holdfast.store.control_planes import control_planes
from holdfast.store.gateways import connected_gateways
from holdfast.store.gateways.connected_gateways import Overview
from holdfast.store.watch import watched_endpoints
from issuing import DAY, issue

URL = "https://pizza.test"
RETIRE_AFTER = timedelta(days=1)


@pytest.fixture
def sources():
    """The sources of a control plane that no gateway has connected to."""
    return Sources("cp-1", Groups(), GatewayStates(), GatewaysElsewhere("cp-1"))


@pytest.fixture
def see(store):
    """Record a control plane that was seen some time ago, and its gateways."""

    def record(ago, *addresses):
        with store.write() as session:
            seen_at = read_database_time(session) - ago
            control_planes.save(session, ControlPlane("cp-2", "cp-2", "1", seen_at, seen_at), "home", seen_at)
            connected_gateways.begin(session, Overview("cp-2", 1, 1, []))
            gateways = [
                ConnectedGateway(f"gateway{n}", "Default", address, seen_at, seen_at)
                for n, address in enumerate(addresses)
            ]
            connected_gateways.replace(session, "cp-2", [], gateways, seen_at)

    return record


def test_the_gateway_next_to_a_control_plane_that_was_killed_is_named(store, anna, sources, see):
    see(timedelta(minutes=5), "unix:", "ipv4:192.0.2.1:5000")
    (status,) = list_statuses(context_of(store, anna), sources)
    assert (status.name, status.connected_since, status.control_plane) == ("gateway0", None, "")
    (item,) = examine_gateways(context_of(store, anna), sources)
    assert (item.kind, item.count, item.example) == ("disconnected-gateways", 1, "gateway0")


@pytest.mark.parametrize("ago", [timedelta(), timedelta(hours=2)])
def test_neither_a_live_control_plane_nor_one_that_ended_long_ago_needs_attention(store, anna, sources, see, ago):
    see(ago, "unix:")
    assert [status for status in list_statuses(context_of(store, anna), sources) if not status.connected_since] == []
    assert list(examine_gateways(context_of(store, anna), sources)) == []


@pytest.fixture
def api(store, anna):
    return apis.create_api(context_of(store, anna), ApiDraft("Pizza", "/pizza", "1", URL))


def examine(store, user, now=None):
    """Return the items about certificates: kind, number and alias of the example."""
    items = examine_certificates(context_of(store, user, now), RETIRE_AFTER)
    return [(item.kind, item.count, item.example.partition(",")[0]) for item in items]


@pytest.mark.usefixtures("api")
def test_certificates_in_use_are_counted_by_the_days_until_they_expire(store, anna, otto, clock):
    for alias, days in (("today", 0.5), ("week", 6), ("month", 20), ("another", 29), ("quarter", 80), ("year", 300)):
        data = issue("pizza.test", end=days * DAY).pem
        endpoint_certificates.import_certificate(context_of(store, anna, clock()), alias, URL, data)
    assert examine(store, anna, clock()) == [
        ("expiring-in-7-days", 2, "today"),
        ("expiring-in-30-days", 2, "month"),
        ("expiring-in-90-days", 1, "quarter"),
    ]
    assert examine(store, anna, clock.advance(days=7)) == [
        ("expired-in-use", 2, "today"),
        ("expiring-in-30-days", 2, "month"),
        ("expiring-in-90-days", 1, "quarter"),
    ]
    assert examine(store, otto, clock()) == []


def test_a_certificate_that_no_api_uses_only_counts_as_unused(store, anna, api):
    context = context_of(store, anna)
    endpoint_certificates.import_certificate(context, "short", URL, issue("pizza.test", end=DAY).pem)
    deletion.delete_api(context, api.id)
    assert examine(store, anna) == [("unused-certificates", 1, "short")]


@pytest.mark.usefixtures("api")
def test_previous_certificates_can_be_retired_once_the_backend_has_not_needed_them_for_some_time(store, anna, clock):
    old, new = issue("pizza.test").pem, issue("pizza.test").pem
    endpoint_certificates.import_certificate(context_of(store, anna, clock()), "rotating", URL, old)
    endpoint_certificates.replace_certificate(context_of(store, anna, clock()), "rotating", new, keep=True)

    def look(generation):
        entry = endpoint_certificates.get_certificate(context_of(store, anna), "rotating")
        observe(store, entry, generation, clock())
        return examine(store, anna, clock())

    assert look(Generation.PREVIOUS) == look(Generation.CURRENT) == []
    clock.advance(hours=25)
    assert examine(store, anna, clock()) == []
    assert look(Generation.CURRENT) == [("previous-to-retire", 1, "rotating")]
    assert look(Generation.PREVIOUS) == []


@pytest.mark.usefixtures("api")
def test_backends_that_present_something_new_or_untrusted_or_do_not_answer_need_attention(store, anna, clock):
    with store.write() as session:
        watched_endpoints.add(session, [(anna.organization, URL)])
        endpoint = watched_endpoints.list_by_origin(session, anna.organization, [URL])[URL]

    def watch(**fields):
        chain = BackendCertificate("chain", "pizza.test", "CA", clock() + DAY * 90, clock())
        with store.write() as session:
            watched_endpoints.save(session, replace(endpoint, certificate=chain, **fields))
        return [(item.kind, item.count) for item in examine_presented(context_of(store, anna, clock()))]

    coverage = Coverage("trust", accepted=True, until=clock() + DAY * 90)
    assert watch(coverage=coverage) == []
    assert watch(coverage=Coverage("trust", accepted=False, cause="unknown_issuer")) == [("not-covered", 1)]
    assert watch(coverage=coverage, changes=Changes(at=clock(), key=clock())) == [("changed-certificates", 1)]
    silence = Silence(clock(), "connection_refused", 1, clock() + DAY)
    assert watch(coverage=coverage, silence=silence) == [("unreachable-backends", 1)]
