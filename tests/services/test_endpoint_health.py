"""The health of endpoints, as gateways report it: what isn't reported is never called available."""

from dataclasses import replace
from datetime import timedelta

import pytest

from acting import context_of
from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.catalog.endpoint_group import EndpointGroup, GroupKind, Member
from holdfast.apis.gateways.group import DEFAULT_GROUP
from holdfast.gateway.control.reports import Report
from holdfast.gateway.members.unhealthy import HealthCause, MemberHealth, UnhealthyMember
from holdfast.gateway.peer import Peer
from holdfast.services.catalog import apis
from holdfast.services.failures.endpoint_health import HealthState, list_endpoint_health
from holdfast.services.gateways.statuses import Sources
from holdfast.services.revisions.deployments import deploy_revision
from holdfast.services.revisions.revisions import create_revision
from services.control_plane import control_plane, play

TWO, PORT = "https://two.test", "https://two.test:8443"
GROUP = EndpointGroup(GroupKind.LOAD_BALANCE, tuple(Member(parse_endpoint(url)) for url in (TWO, PORT)))


@pytest.fixture
def grouped_api(served_api, store, anna, clock):
    """An API whose group has three endpoints, the second of which differs from the third only in its port."""
    return apis.change_api(context_of(store, anna, clock()), served_api.id, groups={"production": GROUP}).full_api.api


def test_only_a_gateway_that_reports_and_has_the_api_counts_as_sending_requests(store, anna, clock, grouped_api):
    cluster = f"{grouped_api.organization}/{grouped_api.id}/production"
    one, two, port = (str(member.endpoint.origin) for member in grouped_api.list_members("production"))

    async def story():
        async with control_plane(store) as plane:
            gateway = plane.connect("eu-1")
            plane.states.connect(Peer("eu-1"), "unix:", clock())

            def states(*, by=anna, origins=(one, two, port)):
                sources = Sources(plane.name, plane.groups, plane.states, plane.elsewhere)
                context = context_of(store, by, clock())
                endpoints = list_endpoint_health(context, sources, plane.enforcements, grouped_api.id)
                places = {str(endpoint.endpoint.origin): endpoint.gateways for endpoint in endpoints}
                assert set(places) == set(origins)
                assert all(len(gateways) == 1 for gateways in places.values())
                return [places[origin][0].state for origin in origins]

            def report(health, **changes):
                plane.states.take("eu-1", Report(clock(), clock(), "1", health=health), clock(), **changes)

            unknown, good = [HealthState.NOT_REPORTED] * 3, [HealthState.AVAILABLE] * 3
            clock.advance(seconds=1)
            await plane.published()
            assert states() == unknown
            report(MemberHealth())
            assert states() == unknown  # it hasn't applied the API yet
            gateway.answer()
            assert states() == good
            report(None)
            assert states() == unknown  # its version doesn't report the health
            report(MemberHealth(is_complete=False))
            assert states() == unknown
            member = UnhealthyMember(cluster, "two.test:8443", "192.0.2.1:8443", HealthCause.FAILURES, clock())
            foreign = replace(member, cluster=f"other/{grouped_api.id}/production", member="two.test")
            newer = replace(member, member="two.test", cause="added later", since=None)
            report(MemberHealth((member, foreign)))
            assert states() == [HealthState.AVAILABLE, HealthState.AVAILABLE, HealthState.SUSPENDED]
            report(MemberHealth((newer, member)))
            assert states() == [HealthState.AVAILABLE, HealthState.UNHEALTHY, HealthState.SUSPENDED]
            report(MemberHealth())
            clock.advance(seconds=1)
            apis.change_api(context_of(store, anna, clock()), grouped_api.id, groups={"production": GROUP})
            await plane.published()
            gateway.answer()
            assert states() == unknown  # the report is older than the change
            clock.advance(seconds=1)
            report(MemberHealth())
            assert states() == good
            revision = create_revision(context_of(store, anna, clock()), grouped_api.id)
            deploy_revision(context_of(store, anna, clock()), grouped_api.id, revision.id, {DEFAULT_GROUP: True})
            await plane.published()
            gateway.answer()
            clock.advance(seconds=1)
            report(MemberHealth((member,)))  # of the working copy, for requests in flight
            assert states() == good
            report(MemberHealth((replace(member, cluster=f"{cluster}/r1"),)))
            assert states() == [HealthState.AVAILABLE, HealthState.AVAILABLE, HealthState.SUSPENDED]
            plane.states.disconnect("eu-1", clock())
            gateway.disconnect()
            assert states() == unknown

    play(story())


def test_every_address_of_an_endpoint_is_listed_with_its_reason(store, anna, clock, grouped_api):
    cluster, since = f"{grouped_api.organization}/{grouped_api.id}/production", clock() - timedelta(hours=1)

    async def story():
        async with control_plane(store) as plane:
            plane.connect("eu-1").answer()
            plane.states.connect(Peer("eu-1"), "unix:", clock())
            unhealthy = tuple(
                UnhealthyMember(cluster, "two.test", address, HealthCause.STATUS, since, 503)
                for address in ("192.0.2.1:443", "192.0.2.2:443")
            )
            plane.states.take("eu-1", Report(clock(), clock(), "1", health=MemberHealth(unhealthy)), clock())
            sources = Sources(plane.name, plane.groups, plane.states, plane.elsewhere)
            context = context_of(store, anna, clock())
            endpoints = list_endpoint_health(context, sources, plane.enforcements, grouped_api.id)
            return next(endpoint.gateways for endpoint in endpoints if str(endpoint.endpoint.origin) == TWO)

    places = play(story())
    assert [(place.address, place.since, place.status) for place in places] == [
        ("192.0.2.1:443", since, 503),
        ("192.0.2.2:443", since, 503),
    ]
    assert "503" in places[0].sentence
