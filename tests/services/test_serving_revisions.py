"""Groups of gateways serve the revision that is deployed to them, with current trust."""

from datetime import timedelta

import pytest

from acting import context_of
from holdfast.apis.enforcement import Progress
from holdfast.apis.gateways.control_plane import ControlPlane
from holdfast.apis.gateways.group import DEFAULT_GROUP
from holdfast.gateway.resources.resource import CLUSTER, ROUTES
from holdfast.services.catalog import apis, deletion, lifecycle
from holdfast.services.errors import OldControlPlanes
from holdfast.services.gateways import groups
from holdfast.services.gateways.groups import GroupChange
from holdfast.services.revisions.deployments import deploy_revision, undeploy_revision
from holdfast.services.revisions.revisions import create_revision
from holdfast.services.trust.unused_trust import find_unused, find_used_only_by
from holdfast.store.clock import read_database_time
from holdfast.store.control_planes import control_planes
from holdfast.store.revisions import get_newest_revision
from holdfast.store.tables import ControlPlaneRow, SchemaCompatibilityRow
from holdfast.store.watch import watched_endpoints
from issuing import issue
from services.control_plane import control_plane, play

OTHER = "https://other.test"


@pytest.fixture
def context(store, anna, clock):
    return lambda: context_of(store, anna, clock())


@pytest.fixture(autouse=True)
def europe(context):
    """A group besides the default one."""
    groups.create_group(context(), "eu", GroupChange())


@pytest.fixture
def two(context, served_api):
    """Revisions: the first with its own backend, the second with OTHER, which the working copy has, too."""
    first = create_revision(context(), served_api.id)
    apis.change_endpoints(context(), served_api.id, OTHER, None)
    return first, create_revision(context(), served_api.id)


def list_clusters(plane, group):
    return {name.partition("/production")[2] for name in plane.groups.caches[group].get_resources(CLUSTER)}


def test_two_groups_serve_two_revisions(store, context, served_api, two):
    async def story():
        async with control_plane(store, drain=60.0) as plane:
            deploy_revision(context(), served_api.id, two[0].id, {DEFAULT_GROUP: True})
            deploy_revision(context(), served_api.id, two[1].id, {"eu": True})
            await plane.published()
            assert list_clusters(plane, DEFAULT_GROUP) == {"", "/r1"}  # the working copy's, for requests in flight
            assert list_clusters(plane, "eu") == {"/r2"}
            lifecycle.change_lifecycle(context(), served_api.id, "Demote to Created")
            await plane.published()
            assert all(not cache.get_resources(ROUTES) for cache in plane.groups.caches.values())

    play(story())


def test_trust_of_an_endpoint_that_only_a_revision_has_is_enforced(store, context, anna, served_api, two, import_pem):
    import_pem(anna, "other", OTHER, issue("other.test").pem)
    apis.change_endpoints(context(), served_api.id, "https://third.test", None)

    async def story():
        async with control_plane(store) as plane:
            gateway = plane.connect("edge-1")
            assert plane.enforcement(OTHER).progress is Progress.NOT_SERVED
            deploy_revision(context(), served_api.id, two[1].id, {DEFAULT_GROUP: True})
            await plane.published()
            gateway.answer()
            assert (await plane.until(OTHER, Progress.ENFORCED)).enforced_on == 1
            import_pem(anna, "another", OTHER, issue("other.test").pem)
            await plane.published()
            assert plane.enforcement(OTHER).progress is Progress.WAITING
            gateway.answer()
            assert (await plane.until(OTHER, Progress.ENFORCED)).enforced_on == 1

    play(story())
    assert find_unused(context()) == []
    with store.read() as session:
        assert (anna.organization, OTHER) in watched_endpoints.list_used(session)
    api = apis.get_api(context(), served_api.id)
    assert [trust.origin for trust in find_used_only_by(context(), api)] == [OTHER]
    undeploy_revision(context(), served_api.id, number=2, group_names=None)
    assert [trust.origin for trust in find_unused(context())] == [OTHER]
    deploy_revision(context(), served_api.id, two[1].id, {DEFAULT_GROUP: True})
    assert [trust.origin for trust in deletion.delete_api(context(), served_api.id).unused_trust] == [OTHER]


def test_nothing_is_deployed_while_an_older_control_plane_runs(store, context, served_api, two):
    with store.write() as session:
        now = read_database_time(session)
        old = ControlPlane("a", "old", "0.1", now, now, (), None, {})
        control_planes.save(session, old, "home", now + timedelta(minutes=1))  # live, however slowly the test runs
        session.get(ControlPlaneRow, "a").schema_revision = None
    with pytest.raises(OldControlPlanes, match="Upgrade old first"):
        deploy_revision(context(), served_api.id, two[0].id, {DEFAULT_GROUP: True})
    with store.write() as session:
        session.get(ControlPlaneRow, "a").schema_revision = get_newest_revision()
    deploy_revision(context(), served_api.id, two[0].id, {DEFAULT_GROUP: True})
    with store.read() as session:
        assert session.query(SchemaCompatibilityRow).one().oldest_revision >= "0041"
