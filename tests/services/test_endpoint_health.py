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
def grouped(served, store, anna, clock):
    """An API whose group has three endpoints, the second of which differs from the third only in its port."""
    return apis.change_api(context_of(store, anna, clock()), served.id, groups={"production": GROUP}).full_api.api


def test_only_a_gateway_that_reports_and_has_the_api_counts_as_sending_requests(store, anna, clock, grouped):
    cluster = f"{grouped.organization}/{grouped.id}/production"
    one, two, port = (str(member.endpoint.origin) for member in grouped.members("production"))

    async def story():
        async with control_plane(store) as plane:
            gateway = plane.connect("eu-1")
            plane.states.connect(Peer("eu-1"), "unix:", clock())

            def states(*, by=anna, origins=(one, two, port)):
                sources = Sources(plane.name, plane.groups, plane.states, plane.elsewhere)
                every = list_endpoint_health(context_of(store, by, clock()), sources, plane.enforcements, grouped.id)
                found = {str(each.endpoint.origin): [place.state for place in each.gateways] for each in every}
                assert set(found) == set(origins)
                assert all(len(each) == 1 for each in found.values())
                return [found[origin][0] for origin in origins]

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
            suspended = UnhealthyMember(cluster, "two.test:8443", "192.0.2.1:8443", HealthCause.FAILURES, clock())
            other = replace(suspended, cluster=f"other/{grouped.id}/production", member="two.test")
            newer = replace(suspended, member="two.test", cause="added later", since=None)
            report(MemberHealth((suspended, other)))
            assert states() == [HealthState.AVAILABLE, HealthState.AVAILABLE, HealthState.SUSPENDED]
            report(MemberHealth((newer, replace(suspended, cluster=f"{cluster}/upgrade"))))
            assert states() == [HealthState.AVAILABLE, HealthState.UNHEALTHY, HealthState.SUSPENDED]
            report(MemberHealth())
            clock.advance(seconds=1)
            apis.change_api(context_of(store, anna, clock()), grouped.id, groups={"production": GROUP})
            await plane.published()
            gateway.answer()
            assert states() == unknown  # the report is older than the change
            clock.advance(seconds=1)
            report(MemberHealth())
            assert states() == good
            revision = create_revision(context_of(store, anna, clock()), grouped.id)
            deploy_revision(context_of(store, anna, clock()), grouped.id, revision.id, {DEFAULT_GROUP: True})
            await plane.published()
            gateway.answer()
            clock.advance(seconds=1)
            report(MemberHealth((suspended,)))  # of the working copy, for requests in flight
            assert states() == good
            report(MemberHealth((replace(suspended, cluster=f"{cluster}/r1"),)))
            assert states() == [HealthState.AVAILABLE, HealthState.AVAILABLE, HealthState.SUSPENDED]
            plane.states.disconnect("eu-1", clock())
            gateway.disconnect()
            assert states() == unknown

    play(story())


def test_every_address_of_an_endpoint_is_listed_with_its_reason(store, anna, clock, grouped):
    cluster, since = f"{grouped.organization}/{grouped.id}/production", clock() - timedelta(hours=1)

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
            every = list_endpoint_health(context_of(store, anna, clock()), sources, plane.enforcements, grouped.id)
            return next(each.gateways for each in every if str(each.endpoint.origin) == TWO)

    places = play(story())
    assert [(each.address, each.since, each.status) for each in places] == [
        ("192.0.2.1:443", since, 503),
        ("192.0.2.2:443", since, 503),
    ]
    assert "503" in places[0].sentence
