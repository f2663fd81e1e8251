"""Failures look the same from every control plane."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from time import monotonic

import pytest
from sqlalchemy import select

from holdfast.apis.gateways.control_plane import ControlPlane
from holdfast.certificates.certificate_list import UnreadableEntry
from holdfast.certificates.choices import ChainRole
from holdfast.certificates.comparison import Difference
from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.failures.explanation import Explanation, SuggestedAction
from holdfast.server.clock import utc_now
from holdfast.services.control_planes.presence import Presence
from holdfast.services.failures import failures as service
from holdfast.services.failures import sharing
from holdfast.services.failures.backend_probe import BackendProbe
from holdfast.services.failures.failures import Failures
from holdfast.services.failures.sharing import SharedFailures
from holdfast.services.probing.faults import Fault
from holdfast.services.probing.offers import Offer
from holdfast.services.probing.verdicts import Verdict
from holdfast.store.clock import read_database_time
from holdfast.store.control_planes import control_planes
from holdfast.store.control_planes import failures as rows
from holdfast.store.control_planes.failures import SharedPart
from holdfast.store.errors import StoreFailure
from holdfast.store.tables import FailureRow
from holdfast.store.topics import Topic
from issuing import issue
from neighbours import Neighbour, control_plane, until
from services.test_remembering_failures import SELF_SIGNED, make_request
from store.values import read

PASTA = "default/pasta/production"
PRESENTED = read(issue("backend.test"))
PROBE = BackendProbe(
    utc_now(),
    (PRESENTED,),
    Verdict(
        False,
        Cause.SELF_SIGNED_NOT_TRUSTED,
        "depth_0: \0 self signed",
        reported_cause=Cause.SELF_SIGNED_NOT_TRUSTED,
        faults=(Fault(Cause.SELF_SIGNED_NOT_TRUSTED, Difference("issuer", "a", "b")), Fault(Cause.EXPIRED)),
        offer=Offer(ChainRole.LEAF, PRESENTED),
        advice=Explanation("It is not trusted.", "Import it.", SuggestedAction.IMPORT_CERTIFICATE),
    ),
    (UnreadableEntry(2, "00" * 32, 5, "it is not DER"),),
)


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(sharing, "EVERY", 0.02)


@dataclass
class Sharer:
    """A control plane and its failures."""

    neighbour: Neighbour
    failures: Failures
    examined_ids: list[str]
    forgotten: list[tuple[str, str]]

    @property
    def known_failures(self):
        return self.failures.list_of_organization("default")

    @property
    def ids(self):
        return {failure.request_id for failure in self.known_failures}

    def fail(self, *arguments, **more):
        self.failures.record(make_request(*arguments, **more))

    async def stop(self):
        await self.neighbour.stop()


@asynccontextmanager
async def sharer(store, name):
    async with control_plane(store, name) as neighbour:
        failures, request_ids, forgotten = Failures(lambda: None, utc_now), [], []
        failures.observe(lambda call: request_ids.append(call.request_id), lambda *api: forgotten.append(api))
        sharing_failures = SharedFailures(store, failures, neighbour.presence, utc_now)
        neighbour.background.start("failures", sharing_failures.follow)
        yield Sharer(neighbour, failures, request_ids, forgotten)


def play(store, story, names="ab"):
    async def run():
        async with AsyncExitStack() as stack:
            sharers = [await stack.enter_async_context(sharer(store, name)) for name in names]
            await until(lambda: all(len(one.neighbour.mailbox.others) == len(names) - 1 for one in sharers))
            await story(*sharers)

    asyncio.run(run())


def read_rows(store):
    with store.read() as session:
        return [row for row in session.scalars(select(FailureRow)) if row.part != "start"]


def test_a_failure_and_its_test_are_the_same_everywhere(store):
    async def story(a, b):
        b.fail("r1", reason=SELF_SIGNED)
        await until(lambda: a.ids)
        b.fail("r2", reason=SELF_SIGNED, second=1)
        (failure,) = b.known_failures
        b.failures.keep_probe(failure.latest, PROBE, utc_now())
        await until(lambda: a.known_failures and a.known_failures[0].latest.probe)
        assert a.known_failures == b.known_failures
        assert a.known_failures[0].latest.probe == PROBE
        assert a.failures.started_at == b.failures.started_at
        # Only the control plane of the gateway examines the backend.
        assert (a.examined_ids, b.examined_ids) == ([], ["r1", "r2"])

    play(store, story)


def test_failures_at_gateways_of_both_are_seen_at_both(store):
    async def story(a, b):
        a.fail("r1", gateway="edge-1")
        b.fail("r2", gateway="edge-2")
        await until(lambda: a.ids == b.ids == {"r1", "r2"})

    play(store, story)


def test_a_gateway_that_moves_continues_its_failure(store):
    async def story(a, b):
        b.fail("r1")
        await until(lambda: a.ids)
        a.fail("r2", second=1)
        await until(lambda: b.ids == {"r2"})
        assert [failure.count for failure in b.known_failures] == [2]

    play(store, story)


def test_a_change_in_force_ends_failures_everywhere(store):
    async def story(a, b):
        b.fail("r1")
        b.fail("r2", "default/pasta")
        await until(lambda: len(a.ids) == 2)
        b.failures.forget("default", "pizza", utc_now())
        await until(lambda: a.ids == {"r2"})
        assert a.forgotten == [("default", "pizza")]
        b.fail("late")  # of a request that began before the change
        a.failures.forget("default", "pasta", utc_now())
        assert a.ids == set()
        assert b.ids == {"r2"}

    play(store, story)


def test_a_failure_that_ends_while_it_is_written_ends_everywhere(store, monkeypatch):
    save = rows.save

    async def story(a, b):
        loop = asyncio.get_running_loop()

        def end_and_save(session, parts):
            save(session, parts)
            if parts:
                asyncio.run_coroutine_threadsafe(end(b), loop).result()
                monkeypatch.setattr(rows, "save", save)

        monkeypatch.setattr(rows, "save", end_and_save)
        b.fail("r1")
        await until(lambda: [row for row in read_rows(store) if row.body is None])
        b.fail("r2", "default/pasta")
        await until(lambda: a.ids == {"r2"})

    async def end(sharer):
        sharer.failures.forget("default", "pizza", utc_now())

    play(store, story)


def test_failures_stay_when_their_control_plane_stops_until_a_change_is_in_force(store):
    async def story(a, b):
        b.fail("r1")
        b.fail("r2", "default/pasta")
        await until(lambda: len(a.ids) == 2)
        await b.stop()
        await until(lambda: not a.neighbour.mailbox.others)
        a.failures.forget("default", "pizza", utc_now())
        async with sharer(store, "c") as c:
            await until(lambda: c.ids == {"r2"})
            assert a.ids == {"r2"}
            assert c.failures.started_at == a.failures.started_at

    play(store, story)


def test_one_that_starts_later_knows_everything(store):
    async def story(a):
        for number in range(rows.AT_ONCE + 1):
            a.fail(f"r{number}", f"default/api{number}")
        (failure,) = [failure for failure in a.known_failures if failure.request_id == "r0"]
        a.failures.keep_probe(failure.latest, PROBE, utc_now())
        assert read_rows(store) == []
        async with sharer(store, "b") as b:
            await until(
                lambda: len(b.ids) == rows.AT_ONCE + 1 and any(failure.latest.probe for failure in b.known_failures)
            )
            assert b.known_failures == a.known_failures

    play(store, story, "a")


@pytest.mark.long
def test_many_failures_cause_few_writes(store, monkeypatch):
    monkeypatch.setattr(sharing, "EVERY", 0.2)

    async def story(a, b):
        before, number = monotonic(), 0
        while monotonic() - before < 0.3:
            number += 1
            b.fail(f"r{number}")
            await asyncio.sleep(0)
        await until(lambda: a.known_failures == b.known_failures)
        (row,) = read_rows(store)
        assert row.number <= 2 + (monotonic() - before) / 0.2

    play(store, story)


def test_failures_are_read_again_if_reading_fails_in_between(store, monkeypatch):
    find_unread, fails = rows.find_unread, []

    def find_first_page(session, last_numbers):
        page = find_unread(session, last_numbers)
        if not fails and any(part.key[2] == "failure" for part in page):
            fails.append(page)
            return page
        if len(fails) == 1:
            fails.append(page)
            raise StoreFailure("The database was busy.", "Nothing was changed.")
        return page

    async def story(a, b):
        b.fail("r1")
        await until(lambda: a.ids == {"r1"})
        assert len(fails) == 2

    monkeypatch.setattr(rows, "AT_ONCE", 1)
    monkeypatch.setattr(rows, "find_unread", find_first_page)
    play(store, story)


def test_as_few_failures_are_kept_as_by_one_control_plane(store, monkeypatch):
    monkeypatch.setattr(service, "MAX_FAILURES", 2)

    async def story(a, b):
        for number in range(4):
            b.fail(f"r{number}", f"default/api{number}")
        await until(lambda: a.ids == {"r2", "r3"})
        for number in range(4, 6):
            b.fail(f"r{number}", f"default/api{number}")
        await until(lambda: a.ids == {"r4", "r5"})
        await until(lambda: len([row for row in read_rows(store) if row.body]) == 2)

    play(store, story)


def test_a_restart_of_all_control_planes_clears_the_failures(store):
    async def first(a, b):
        a.fail("r1")
        await until(lambda: b.ids)

    async def second(a, b):
        b.fail("r2")
        await until(lambda: a.ids)
        assert a.ids == {"r2"}

    play(store, first)
    play(store, second)


def test_failures_that_another_version_describes_differently_are_left_out(store):
    async def story(a, b):
        with store.note(Topic.FAILURES) as session:
            strange = SharedPart(("default/pasta/production", "edge-1", "failure"), "c", 1, utc_now(), b"[{}]")
            rows.save(session, [strange])
        b.fail("r1")
        await until(lambda: a.ids == {"r1"})

    play(store, story)


@pytest.mark.parametrize("why", ["\ud800", "x" * sharing.MAX_BODY])
def test_a_test_that_cannot_be_written_keeps_nothing_else_from_the_others(store, why):
    async def story(a, b):
        b.fail("r1", reason=SELF_SIGNED)
        (failure,) = b.known_failures
        unwritable = replace(PROBE, unreadable=(UnreadableEntry(1, "00", 5, why),))
        b.failures.keep_probe(failure.latest, unwritable, utc_now())
        b.fail("r2", "default/pasta")
        await until(lambda: a.ids == {"r1", "r2"})

    play(store, story)


def test_failures_that_another_one_writes_while_the_first_one_begins_stay(store, monkeypatch):
    remove_of_ended = rows.remove_of_ended

    def write(session, name):
        rows.save(session, [SharedPart((PASTA, name, "failure"), name, 1, utc_now(), b"[{}]")])

    def remove_and_meanwhile_start_another(session, seen_after):
        with store.note(Topic.FAILURES) if store.is_shared else nullcontext(session) as another:
            now = read_database_time(another)
            control_planes.save(another, ControlPlane("another", "another", "1", now, now), "", now)
            write(another, "another")
        remove_of_ended(session, seen_after)

    async def story(_):
        await until(lambda: [row.control_plane for row in read_rows(store)] == ["another"])

    with store.note(Topic.FAILURES) as session:
        write(session, "ended")
    monkeypatch.setattr(rows, "remove_of_ended", remove_and_meanwhile_start_another)
    play(store, story, "a")


def test_only_as_many_tests_are_stored_as_one_control_plane_keeps(store, monkeypatch):
    monkeypatch.setattr(service, "MAX_PROBES", 1)

    async def story(a, b):
        for api in ("pizza", "pasta"):
            b.fail(api, f"default/{api}", reason=SELF_SIGNED)
            await until(lambda api=api: api in a.ids)
            (failure,) = [failure for failure in b.known_failures if failure.request_id == api]
            b.failures.keep_probe(failure.latest, PROBE, utc_now())
            await until(
                lambda api=api: [failure.request_id for failure in a.known_failures if failure.latest.probe] == [api]
            )
        await until(lambda: [row.cluster for row in read_rows(store) if row.part == "probe" and row.body] == [PASTA])

    play(store, story)


def test_nothing_is_written_with_a_database_of_one_control_plane(store):
    async def story():
        failures = Failures(lambda: None, utc_now)
        presence = Presence(store, ControlPlane("a", "a", "1", utc_now(), utc_now()), "", shared=False)
        alone = SharedFailures(store, failures, presence, utc_now)
        following = asyncio.create_task(alone.follow())
        failures.record(make_request("r1"))
        await asyncio.sleep(0)
        failures.forget("default", "pizza", utc_now())
        following.cancel()
        with store.read() as session:
            assert session.scalars(select(FailureRow)).all() == []

    asyncio.run(story())
