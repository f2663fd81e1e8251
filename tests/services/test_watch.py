"""Backends are checked on a schedule, and what they present is recorded when it changes."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import update

from acting import context_of
from backends import V4, Backend, closed_port
from databases import of_this_process
from following import GATEWAY, PATIENCE, following
from holdfast.apis.watch.watched_endpoint import ChangeKind, WatchStatus
from holdfast.gateway.control.service import Control
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.peer import Peer
from holdfast.server.clock import utc_now
from holdfast.services.attention.api_overviews import Health, list_overviews
from holdfast.services.background import Background
from holdfast.services.catalog import apis, lifecycle
from holdfast.services.control_planes.lease import Lease
from holdfast.services.failures.failures import Failures
from holdfast.services.trust import endpoint_certificates
from holdfast.services.watch.watch import Watch
from holdfast.services.watch.watch_probes import WatchProbes
from holdfast.services.watch.watched_endpoints import find_problems, find_rejected_changes
from holdfast.store.catalog.api_overviews import Show
from holdfast.store.tables import TrustedCertificateRow
from holdfast.store.topics import Topic
from holdfast.store.watch import presented_chains, watched_endpoints
from issuing import DAY, issue
from services.control_plane import SEALING, play

HOST = "localhost"
INTERVAL = timedelta(hours=6)


@pytest.fixture
def watching(store, clock, tmp_path):
    """Run a watch with a connected gateway that has no Envoy, so that what it would accept is predicted."""

    @asynccontextmanager
    async def run(known_hosts=lambda _: [V4]):
        async with following(Cache(), tmp_path) as control:
            yield Watch(
                store, SEALING, WatchProbes(control, GATEWAY, resolver=known_hosts, seconds=PATIENCE), clock, INTERVAL
            )

    return run


@pytest.fixture
def find(store):
    """Return the watched endpoint of a backend."""

    def find(who, backend):
        with store.read() as session:
            return watched_endpoints.list_by_origin(session, who.organization, [url(backend)]).get(url(backend))

    return find


@pytest.fixture
def history(store):
    """Return the chains that a backend presented, the latest first."""

    def find(endpoint):
        with store.read() as session:
            return presented_chains.find(session, endpoint)[0]

    return find


def url(backend):
    return backend if isinstance(backend, str) else f"https://{HOST}:{backend.port}"


def test_a_change_is_recorded_with_what_is_new_and_whether_trust_covers_it(
    store, anna, clock, publish, import_pem, watching, find, history
):
    old, new = issue(HOST, end=40 * DAY), issue(HOST)

    async def story():
        async with watching() as watch:
            await watch.check_due()
            first = find(anna, backend)
            assert first.assess_status(clock()) is WatchStatus.TRUSTED
            assert (first.certificate.name, first.certificate.since) == (HOST, clock())
            assert first.coverage.until == old.certificate.not_valid_after_utc
            backend.present(new)
            clock.advance(hours=7)
            await watch.check_due()
            return find(anna, backend)

    with Backend(old) as backend:
        publish(anna, "Pizza", url(backend))
        import_pem(anna, "pizza", url(backend), old.pem)
        endpoint = play(story())
    assert endpoint.assess_status(clock()) is WatchStatus.CHANGED
    assert endpoint.changes.key == endpoint.changes.at == endpoint.certificate.since == clock()
    assert (endpoint.changes.names, endpoint.coverage.accepted) == (None, False)
    assert endpoint.explain_rejection(clock()) == "self_signed_not_trusted"
    assert find_rejected_changes(context_of(store, anna, clock()), [url(backend), "https://a.test"]) == {url(backend)}
    problem = (WatchStatus.NOT_TRUSTED, "self_signed_not_trusted")
    assert find_problems(context_of(store, anna, clock()), [url(backend), "https://a.test"]) == {url(backend): problem}
    ((overview,), _) = list_overviews(context_of(store, anna, clock()), Failures(lambda: None, clock))
    assert (overview.health, overview.cause) == (Health.NOT_TRUSTED, problem[1])
    assert [
        list_overviews(context_of(store, anna, clock()), Failures(lambda: None, clock), show=show)[1]
        for show in (Show.NOT_TRUSTED, Show.UNREACHABLE)
    ] == [1, 0]
    import_pem(anna, "pizza-2", url(backend), new.pem)
    assert find_rejected_changes(context_of(store, anna, clock()), [url(backend)]) == set()
    assert find_problems(context_of(store, anna, clock()), [url(backend)]) == {}
    latest, first = history(endpoint)
    assert latest.changes == (ChangeKind.KEY,)
    assert first.changes == ()
    assert endpoint.assess_status(clock.advance(days=8)) is WatchStatus.NOT_TRUSTED


def test_a_certificate_that_has_expired_is_not_one_to_import(anna, publish, watching, find):
    async def story():
        async with watching() as watch:
            await watch.check_due()

    with Backend(issue(HOST, start=-9 * DAY, end=-DAY)) as backend:
        publish(anna, "Pizza", url(backend))
        play(story())
        assert find(anna, backend).coverage.cause == "expired"


def test_trust_that_changes_is_compared_without_another_look(store, anna, clock, publish, import_pem, watching, find):
    backend_identity = issue(HOST)

    async def story():
        async with watching() as watch:
            await watch.check_due()
            assert find(anna, backend).assess_status(clock()) is WatchStatus.NOT_TRUSTED
            connections = backend.connections
            import_pem(anna, "pizza", url(backend), backend_identity.pem)
            await watch.follow_trust()
            assert find(anna, backend).assess_status(clock()) is WatchStatus.TRUSTED
            endpoint_certificates.delete_certificate(context_of(store, anna, clock()), "pizza")
            await watch.follow_trust()
            assert find(anna, backend).assess_status(clock()) is WatchStatus.NOT_TRUSTED
            assert backend.connections == connections

    with Backend(backend_identity) as backend:
        publish(anna, "Pizza", url(backend))
        play(story())


def test_an_endpoint_that_is_published_during_the_last_check_is_checked_next(anna, publish, watching, find):
    def publish_another(_):
        if not apis_published:
            apis_published.append(publish(anna, "Pasta", url(second_backend)))
        return [V4]

    apis_published = []

    async def story():
        async with watching(publish_another) as watch:
            while await watch.check_due():
                pass
            assert find(anna, backend).certificate
            assert find(anna, second_backend).certificate

    with Backend(issue(HOST)) as backend, Backend(issue(HOST)) as second_backend:
        publish(anna, "Pizza", url(backend))
        play(story())


def test_only_changes_are_written(store, anna, publish, watching, clock):
    notes = []

    async def story():
        async with watching() as watch:
            await watch.check_due()
            before = len(notes)
            await watch.check_due()
            await watch.follow_trust()
            assert len(notes) == before
            clock.advance(hours=7)
            await watch.check_due()
            return len(notes) - before

    with Backend(issue(HOST)) as backend:
        publish(anna, "Pizza", url(backend))
        store.on_note(Topic.WATCH, of_this_process(lambda: notes.append(1)))
        assert play(story()) == 1  # how far the watch has come


def test_a_successor_checks_nothing_again_that_was_checked_before(anna, publish, watching, clock):
    async def story():
        async with watching() as first:
            await first.check_due()
        async with watching() as second:
            await second.check_due()
            connections = backend.connections
            clock.advance(days=3)
            await second.check_due()
            return connections, backend.connections

    with Backend(issue(HOST)) as backend:
        publish(anna, "Pizza", url(backend))
        assert play(story()) == (1, 2)  # once after three days, not once for each interval in them


def test_a_clock_that_was_a_year_ahead_delays_no_check(anna, clock, publish, watching, find):
    async def story():
        async with watching() as watch:
            clock.advance(days=365)
            await watch.check_due()
            clock.advance(days=-365)
            await watch.check_due()
            clock.advance(hours=7)
            await watch.check_due()
        async with watching() as successor:
            connections = backend.connections
            await successor.check_due()
            assert backend.connections == connections
        return connections

    with Backend(issue(HOST)) as backend, closed_port() as nowhere:
        publish(anna, "Pizza", url(backend))
        publish(anna, "Pasta", nowhere)
        assert play(story()) == 2
    assert find(anna, nowhere).silence.retry_at < clock() + timedelta(hours=1)


def test_a_silent_backend_is_tried_again_after_growing_intervals(anna, clock, publish, watching, find):
    async def story():
        attempts = []
        async with watching() as watch:
            begin = clock()
            for _ in range(60):
                await watch.check_due()
                silence = find(anna, nowhere).silence
                attempts.append((silence.attempts, (silence.retry_at - clock()).total_seconds()))
                clock.advance(minutes=5)
            return begin, attempts

    with closed_port() as nowhere:
        publish(anna, "Pizza", nowhere)
        begin, attempts = play(story())
    endpoint = find(anna, nowhere)
    assert (endpoint.assess_status(clock()), endpoint.silence.cause) == (WatchStatus.UNREACHABLE, "connection_refused")
    assert endpoint.silence.since == begin
    assert attempts[-1][0] == 6  # after 0, 5, 15, 35, 75 and 155 minutes
    assert {number: max(delay for n, delay in attempts if n == number) for number, _ in attempts} == {
        n: 300 * 2 ** (n - 1) for n in range(1, 7)
    }


def test_a_backend_that_comes_back_has_not_changed(anna, clock, publish, watching, find):
    identity = issue(HOST)
    addresses = [V4]

    async def story():
        async with watching(lambda _: addresses) as watch:
            await watch.check_due()
            addresses[:] = ["::1"]  # where nothing listens
            clock.advance(hours=7)
            await watch.check_due()
            assert find(anna, backend).assess_status(clock()) is WatchStatus.UNREACHABLE
            addresses[:] = [V4]
            clock.advance(minutes=5)
            await watch.check_due()

    with Backend(identity) as backend:
        publish(anna, "Pizza", url(backend))
        play(story())
    endpoint = find(anna, backend)
    assert (endpoint.assess_status(clock()), endpoint.silence, endpoint.changes.at) == (
        WatchStatus.NOT_TRUSTED,
        None,
        None,
    )


def test_certificates_that_a_load_balancer_presents_in_turn_are_not_a_change_each_time(
    anna, clock, publish, watching, find, history
):
    leaves = issue(HOST), issue(HOST)

    async def story():
        async with watching() as watch:
            for turn in range(6):
                backend.present(leaves[turn % 2])
                await watch.check_due()
                clock.advance(hours=7)

    with Backend(leaves[0]) as backend:
        publish(anna, "Pizza", url(backend))
        begin = clock()
        play(story())
    endpoint = find(anna, backend)
    assert endpoint.changes.at == begin + timedelta(hours=7)
    assert len(history(endpoint)) == 2


def test_nothing_is_checked_without_a_gateway(store, anna, clock, publish):
    async def story():
        control = Control(lambda _: Peer(GATEWAY), utc_now)
        await Watch(store, SEALING, WatchProbes(control, GATEWAY, resolver=lambda _: [V4]), clock, INTERVAL).check_due()

    with Backend(issue(HOST)) as backend:
        publish(anna, "Pizza", url(backend))
        play(story())
        assert backend.connections == 0


def test_endpoints_of_all_apis_are_watched_except_of_retired_ones_each_organization_apart(
    store, anna, otto, clock, watching, find, import_pem
):
    identity = issue(HOST)

    async def story():
        async with watching() as watch:
            await watch.check_due()
            assert find(otto, backend).assess_status(clock()) is WatchStatus.TRUSTED
            assert find(anna, backend).assess_status(clock()) is WatchStatus.NOT_TRUSTED
            for step in ("Publish", "Deprecate", "Retire"):
                lifecycle.change_lifecycle(context_of(store, otto, clock()), theirs.id, step)
            await watch.check_due()
            return backend.connections

    with Backend(identity) as backend:
        for who in (anna, otto):
            theirs = apis.create_api(
                context_of(store, who, clock()),
                apis.ApiDraft("Pizza", "/pizza", "1", url(backend), "http://plain.test"),
            )
        import_pem(otto, "pizza", url(backend), identity.pem)
        assert play(story()) == 2
    assert find(otto, backend) is None
    assert find(anna, backend)


def test_one_backend_that_cannot_be_checked_does_not_keep_others_from_being_checked(
    store, anna, clock, publish, import_pem, watching, find
):
    async def story():
        async with watching() as watch:
            await watch.check_due()

    with Backend(issue(HOST)) as backend:
        publish(anna, "Broken", "https://broken.test")
        import_pem(anna, "broken", "https://broken.test", issue("broken.test").pem)
        with store.write() as session:
            session.execute(update(TrustedCertificateRow).values(der=b"damaged"))
        publish(anna, "Pizza", url(backend))
        play(story())
        assert find(anna, backend).certificate
    assert find(anna, "https://broken.test").assess_status(clock()) is WatchStatus.NOT_CHECKED


@pytest.mark.long
def test_of_two_control_planes_only_the_one_with_the_lease_checks_backends(store, anna, publish, clock, tmp_path, find):
    async def story():
        async with AsyncExitStack() as stack:
            for name in ("one", "two"):
                (directory := tmp_path / name).mkdir()
                control = await stack.enter_async_context(following(Cache(), directory))
                probes = WatchProbes(control, GATEWAY, resolver=lambda _: [V4], seconds=PATIENCE)
                lease = Lease(store, name, shared=True)
                background = await stack.enter_async_context(Background())
                background.start("lease", lease.follow)
                background.start("watch", partial(lease.run, Watch(store, SEALING, probes, clock, INTERVAL).follow))
            await until_seen(anna, backend)
            clock.advance(hours=7)
            publish(anna, "Pasta", url(second_backend))
            await until_seen(anna, second_backend)
            return backend.connections, second_backend.connections

    async def until_seen(who, backend_url):
        async with asyncio.timeout(PATIENCE):
            while not ((endpoint := find(who, backend_url)) and endpoint.certificate):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    with Backend(issue(HOST)) as backend, Backend(issue(HOST)) as second_backend:
        publish(anna, "Pizza", url(backend))
        first, second = play(story())
        assert (first, second) in {(1, 1), (2, 1)}  # perhaps not checked again yet
