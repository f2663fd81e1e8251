"""The resources that gateways get when the database changes."""

import asyncio
import threading
from datetime import UTC, datetime
from functools import partial

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from acting import context_of
from databases import without
from holdfast.apis.enforcement import Progress
from holdfast.certificates.formats.parsing import parse
from holdfast.gateway.resources.resource import CLUSTER, LISTENER, ROUTES, SECRET
from holdfast.gateway.resources.tls import refuses_backend
from holdfast.services.attention.unusable import examine_unusable
from holdfast.services.background import FIRST_PAUSE, Background
from holdfast.services.catalog import apis, deletion, lifecycle
from holdfast.services.catalog.apis import ApiDraft
from holdfast.services.on_time import repeat
from holdfast.services.publishing import distribution
from holdfast.services.publishing.snapshot import read_changed
from holdfast.services.retention import forget_old_rows
from holdfast.services.trust import endpoint_certificates
from holdfast.store import journal
from holdfast.store.old_rows import KEEP_CHANGES
from holdfast.store.tables import EndpointCertificateRow, TrustedCertificateRow
from issuing import issue
from services.control_plane import PATIENCE, advance, control_plane, play
from services.published import assert_consistent, find_changes, list_names, list_paths, list_secrets, name_clusters

PIZZA, PASTA = "https://pizza.test", "https://pasta.test:8443"


def test_everything_is_published_at_start(store, anna, otto, clock, publish):
    pizza, theirs = publish(anna, "Pizza", PIZZA, "http://sandbox.test"), publish(otto, "Pizza")
    apis.create_api(context_of(store, anna, clock()), ApiDraft("Draft", "/draft", "1", PASTA))

    async def story():
        async with control_plane(store) as plane:
            return plane.resources

    resources = play(story())
    assert list_names(resources, LISTENER) == {"production", "sandbox"}
    assert list_names(resources, ROUTES) == {"production/pizza", "sandbox/pizza", "production/t"}
    sandbox = f"default/{pizza.id}/sandbox"
    expected = name_clusters(pizza) | {sandbox} | name_clusters(theirs)
    assert list_names(resources, CLUSTER) == expected
    assert list_paths(resources) == {"/pizza/1", "/t/other/pizza/1"}
    assert list_paths(resources, "sandbox") == {"/pizza/1"}
    assert_consistent(resources)


def test_a_change_of_trust_changes_only_the_clusters_of_that_origin(store, anna, publish, import_pem):
    pizza, pasta = publish(anna, "Pizza", PIZZA, PASTA), publish(anna, "Pasta", PASTA)

    async def story():
        async with control_plane(store) as plane:
            before = plane.resources
            import_pem(anna, "a", PIZZA, issue("pizza.test").pem)
            return before, await plane.published()

    before, after = play(story())
    new = list_names(after, SECRET) - list_names(before, SECRET)
    assert find_changes(before, after) == name_clusters(pizza) | new
    assert len(new) == 1
    assert list_secrets(after, name_clusters(pizza)) == new
    assert list_names(before, SECRET) < list_names(after, SECRET)  # the old one stays until its connections are closed
    assert all(after[CLUSTER, name] is before[CLUSTER, name] for name in name_clusters(pasta))  # not even rebuilt
    assert after[ROUTES, "production/pizza"] is before[ROUTES, "production/pizza"]
    assert_consistent(after)


def test_a_new_api_changes_only_the_routes_of_its_scope(store, anna, publish):
    publish(anna, "Pizza")

    async def story():
        async with control_plane(store) as plane:
            before = plane.resources
            pasta = publish(anna, "Pasta")
            return pasta, before, await plane.published()

    pasta, before, after = play(story())
    assert find_changes(before, after) == name_clusters(pasta) | {"production/pasta"}
    assert list_paths(after) == {"/pizza/1", "/pasta/1"}


def test_equal_trust_sets_share_one_secret_across_organizations(store, anna, otto, publish, import_pem):
    published_apis = [publish(anna, "Pizza"), publish(anna, "Pasta", PASTA), publish(otto, "Pizza")]
    one, two = issue("pizza.test").pem, issue("pasta.test").pem
    import_pem(anna, "a", PIZZA, one + two)
    import_pem(anna, "b", PASTA, two)
    import_pem(anna, "c", PASTA, one)
    import_pem(otto, "a", PIZZA, two + one + two)

    async def story():
        async with control_plane(store) as plane:
            return plane.resources

    resources = play(story())
    assert len(list_names(resources, SECRET)) == 1
    assert list_secrets(resources, set().union(*map(name_clusters, published_apis))) == list_names(resources, SECRET)


def test_an_api_whose_certificate_cannot_be_read_is_refused_its_backends_and_affects_no_other(
    store, anna, clock, publish, import_pem
):
    pizza, good = publish(anna, "Pizza"), publish(anna, "Pasta", PASTA)
    import_pem(anna, "broken", PIZZA, issue("pizza.test").pem)
    import_pem(anna, "good", PASTA, issue("pasta.test").pem)
    with store.write() as session:
        # As after an upgrade of a library that can no longer read the certificate.
        of_pizza = select(EndpointCertificateRow.id).where(EndpointCertificateRow.alias == "broken")
        row = TrustedCertificateRow
        session.execute(update(row).where(row.endpoint_certificate_id.in_(of_pizza)).values(der=b"\0"))

    async def story():
        async with control_plane(store) as plane:
            at_first = plane.resources
            import_pem(anna, "better", PASTA, issue("pasta.test").pem)
            apis.change_endpoints(context_of(store, anna, clock()), pizza.id, PIZZA, PIZZA)
            after, broken_trust = await plane.published(), plane.enforcement(PIZZA)
            (item,) = examine_unusable(context_of(store, anna), plane.enforcements)
            assert (item.kind, item.count, item.example) == (
                "unusable-backends",
                1,
                f"{PIZZA}: {broken_trust.reason}",
            )
            endpoint_certificates.replace_certificate(context_of(store, anna), "broken", issue("pizza.test").pem)
            at_last = await plane.published()
            assert list(examine_unusable(context_of(store, anna), plane.enforcements)) == []
            return at_first, after, at_last, broken_trust

    at_first, after, at_last, broken_trust = play(story())
    for resources in (at_first, after, at_last):
        assert list_paths(resources) == {"/pizza/1", "/pasta/1"}
        clusters = [resource for resource in resources.values() if resource.type_url == CLUSTER]
        rejecting = {cluster.name for cluster in clusters if refuses_backend(cluster)}
        of_pizza = {name for name in list_names(resources, CLUSTER) if pizza.id in name}
        assert rejecting == (set() if resources is at_last else of_pizza)
        assert_consistent(resources)
    assert find_changes(at_first, after) >= name_clusters(good)
    assert str(broken_trust) == (
        "Gateways refuse this backend. The certificate stored under broken can't be read. Replace it, or delete it."
    )


def test_a_database_that_cannot_be_read_is_read_again_later(store, anna, storage, clock, publish, import_pem):
    pizza = publish(anna, "Pizza")
    import_pem(anna, "a", PIZZA, issue("pizza.test").pem)

    async def story():
        async with control_plane(store) as plane:
            with without(storage, "certificate"), capture_logs() as logs:
                apis.change_endpoints(context_of(store, anna, clock()), pizza.id, PIZZA, PIZZA)
                while not logs:  # noqa: ASYNC110 - a log has no event
                    await asyncio.sleep(0)
            before = plane.resources
            advance(FIRST_PAUSE)
            return [entry["event"] for entry in logs], before, await plane.published()

    events, before, after = play(story())
    assert events == ["background task failed"]
    assert list_names(after, CLUSTER) == list_names(before, CLUSTER) | name_clusters(pizza, "sandbox")


def test_gateways_that_connect_while_the_database_is_slow_occupy_one_thread(store, anna, publish, monkeypatch):
    reads, is_fast = [], threading.Event()

    def read_slowly(*arguments):
        reads.append(arguments)
        assert is_fast.wait(PATIENCE)
        return read_changed(*arguments)

    async def story():
        async with control_plane(store, follows=False) as plane:
            for _ in range(2):
                await plane.distributor.catch_up()  # as the publisher has, too
            monkeypatch.setattr(distribution, "read_changed", read_slowly)
            for _ in range(10):
                await plane.distributor.welcome()
            count = len(reads)
            pizza = publish(anna, "Pizza")
            is_fast.set()
            await plane.distributor.catch_up()
            return count, pizza, plane.resources

    monkeypatch.setattr(distribution, "WELCOME", 0.01)
    count, pizza, resources = play(story())
    assert count == 1
    assert name_clusters(pizza) <= list_names(resources, CLUSTER)


def test_a_database_that_has_lost_changes_is_published_as_it_is(
    store, anna, storage, clock, publish, import_pem, tmp_path_factory
):
    """After a failover to an asynchronous standby, other changes get the numbers of the lost ones."""
    pizza = publish(anna, "Pizza")
    fail_over = storage.save(tmp_path_factory.mktemp("standby"))
    old, new = issue("pizza.test").pem, issue("pizza.test").pem

    async def story():
        async with control_plane(store) as plane:
            gateway = plane.connect("edge")
            import_pem(anna, "lost", PIZZA, old)
            publish(anna, "Pasta", PASTA)
            await plane.published()
            gateway.answer()
            numbers.append(plane.enforcements.revision)
            fail_over()
            clock.advance(seconds=1)
            import_pem(anna, "found", PIZZA, new)
            assert plane.enforcement(PIZZA).progress is Progress.WAITING
            after = await plane.published()
            gateway.answer()
            numbers.append(plane.enforcements.revision)
            await plane.until(PIZZA, Progress.ENFORCED)
            apis.change_endpoints(context_of(store, anna, clock()), pizza.id, PIZZA, PASTA)
            return after, await plane.published()

    numbers = []
    after, later = play(story())
    (secret,) = list_secrets(after, name_clusters(pizza))
    assert parse(new).certificates[0].pem.encode() in after[SECRET, secret].body
    assert list_paths(after) == {"/pizza/1"}
    assert_consistent(after)
    assert name_clusters(pizza, "sandbox") < list_names(later, CLUSTER)
    assert numbers[0] < numbers[1]  # so that what gateways had before isn't taken for what they should have


@pytest.mark.usefixtures("anna")
def test_old_change_rows_are_deleted_except_the_newest_one(store):
    with store.write() as session:
        journal.announce(session, "default", "origin", "old", datetime.now(UTC) - 2 * KEEP_CHANGES)
        journal.announce(session, "default", "origin", "new", datetime.now(UTC))
        journal.announce(session, "default", "origin", "newest", datetime.now(UTC) - 2 * KEEP_CHANGES)

    async def story():
        async with Background() as background, asyncio.timeout(PATIENCE):
            background.start("old rows", partial(repeat, forget_old_rows, lambda: datetime.now(UTC), 3600.0, store))
            while "old" in await asyncio.to_thread(changes):  # noqa: ASYNC110 - a deleted row has no event
                await asyncio.sleep(0)

    def changes() -> set[str]:
        with store.read() as session:
            return {change.key for change in journal.list_changes_after(session, 0)}

    play(story())
    assert changes() == {"new", "newest"}


def test_resources_stay_consistent_through_the_life_of_an_api(store, anna, clock, publish, import_pem):
    async def story():
        async with control_plane(store) as plane:
            pizza = publish(anna, "Pizza", PIZZA, PASTA)
            steps = (
                lambda: import_pem(anna, "a", PIZZA, issue("pizza.test").pem),
                lambda: endpoint_certificates.replace_certificate(
                    context_of(store, anna, clock()), "a", issue("pizza.test").pem
                ),
                lambda: apis.change_endpoints(context_of(store, anna, clock()), pizza.id, PASTA, None),
                lambda: lifecycle.change_lifecycle(context_of(store, anna, clock()), pizza.id, "Demote to Created"),
                lambda: lifecycle.change_lifecycle(context_of(store, anna, clock()), pizza.id, "Publish"),
                lambda: endpoint_certificates.delete_certificate(context_of(store, anna, clock()), "a"),
                lambda: apis.change_endpoints(context_of(store, anna, clock()), pizza.id, "http://plain.test", PIZZA),
                lambda: deletion.delete_api(context_of(store, anna, clock()), pizza.id),
            )
            for step in steps:
                step()
                assert_consistent(await plane.published())
                advance(30)
            return await plane.published()

    assert list_paths(play(story())) == set()
