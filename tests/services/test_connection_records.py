"""The records of a control plane's gateways, which are for other control planes, and how often they are written."""

from contextlib import contextmanager
from contextvars import ContextVar

import pytest
from sqlalchemy import Engine, event

from databases import of_this_process
from holdfast.apis.enforcement import Progress
from holdfast.gateway.control.reports import Report, Traffic
from holdfast.gateway.peer import Peer
from holdfast.gateway.resources.resource import CLUSTER, Resource
from holdfast.services.gateways.backlogs import MAX_MISSING
from holdfast.store.control_planes import control_planes
from holdfast.store.gateways import connected_gateways
from holdfast.store.topics import Topic
from services.control_plane import control_plane, play, register

ORIGIN = "https://pizza.test"


@contextmanager
def statements():
    """Collect the statements that the block executes, even in threads, without those of other tasks."""
    all_statements: list[str] = []
    is_within = ContextVar("is_within", default=False)
    is_within.set(True)

    def collect(connection, cursor, statement, *_):
        del connection, cursor
        if is_within.get():
            all_statements.append(statement)

    event.listen(Engine, "before_cursor_execute", collect)
    try:
        yield all_statements
    finally:
        event.remove(Engine, "before_cursor_execute", collect)


@pytest.fixture
def notes(store):
    """The transactions about gateways."""
    writes = []
    store.on_note(Topic.GATEWAYS, of_this_process(lambda: writes.append(1)))
    return writes


def read_rows(store, name="a"):
    with store.read() as session:
        return connected_gateways.list_by_control_plane(session, [name])[name]


def test_changes_of_many_gateways_take_one_transaction_of_a_few_statements(store, served_api, notes):
    del served_api

    async def story():
        async with control_plane(store, among="a", follows=False) as plane:
            for number in range(200):
                plane.connect(f"eu-{number}").answer()
            await plane.records.write_changes()  # the first time, all that was there before is forgotten
            for gateway in plane.groups.gateways:
                gateway.started = False
            notes.clear()
            with statements() as all_statements:
                await plane.records.write_changes()
            return all_statements

    all_statements = play(story())
    assert len(notes) == 1
    assert 0 < len(all_statements) <= 8, all_statements
    assert len(read_rows(store)) == 200


def test_nothing_is_written_while_nothing_changes_and_traffic_only_with_reports(store, clock, notes):
    async def story():
        async with control_plane(store, among="a", follows=False) as plane:
            plane.connect("edge").answer()
            plane.states.connect(Peer("edge"), "ipv4:192.0.2.7:4711", clock())
            plane.states.take("edge", Report(clock(), clock(), "1", traffic=(Traffic("production", 1, 0),)), clock())
            counts = []
            for requests, version, with_reports in (
                (1, "1", False),
                (1, "1", True),
                (2, "1", False),
                (2, "1", True),
                (2, "2", False),
            ):
                report = Report(clock(), clock(), version, traffic=(Traffic("production", requests, 0),))
                if (requests, version) != (1, "1"):
                    plane.states.take("edge", report, clock())
                notes.clear()
                await plane.records.write_changes(with_reports=with_reports)
                counts.append(len(notes))
            return counts

    assert play(story()) == [1, 0, 0, 1, 1]
    assert read_rows(store)["edge"].report["version"] == "2"


def test_a_gateway_that_misses_many_resources_still_enforces_what_has_not_changed(store, import_another):
    async def story():
        async with control_plane(store, among="a") as a, control_plane(store, among="b") as b:
            far = b.connect("far")
            far.answer()
            await a.until(ORIGIN, Progress.ENFORCED)
            b.cache.apply(Resource(CLUSTER, f"c{number}", "1", b"") for number in range(MAX_MISSING + 1))
            b.groups.tell_observers()
            await a.until_true(lambda: a.elsewhere.others.connections["far"].gateway.missing is None)
            progress = a.enforcement(ORIGIN).progress
            import_another()
            await a.until(ORIGIN, Progress.WAITING)
            await b.published()
            far.answer()
            await a.until(ORIGIN, Progress.ENFORCED)
            return progress

    assert play(story()) is Progress.ENFORCED


def test_records_that_others_have_removed_are_written_again(store):
    async def story():
        async with control_plane(store, among="a", follows=False) as plane:
            plane.connect("edge").answer()
            await plane.records.write_changes()
            with store.note(Topic.CONTROL_PLANES) as session:
                control_planes.remove(session, "a")  # it was silent for hours
            register(store, "a")
            plane.connect("other").answer()
            await plane.records.write_changes()

    play(story())
    assert read_rows(store).keys() == {"edge", "other"}
