"""Control planes that share a database notify people once, and again with the same ID after kill -9."""

import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from acting import context_of
from holdfast.services.trust import trust_settings
from receivers import receiver
from running import START_WITHIN, wait_until
from services import clerk_process
from services.conftest import PIZZA
from services.notifying import Office

PROGRAM = Path(clerk_process.__file__)


@contextmanager
def control_plane(location, name):
    command = [sys.executable, str(PROGRAM), clerk_process.write_location(location), name]
    process = subprocess.Popen(command)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def grant(store, who, now, number):
    """Cause two events: an exception that is granted, and ended at once."""
    context = context_of(store, who, now)
    reason = f"for the test number {number}"
    trust_settings.grant_exception(context, PIZZA, reason, now + timedelta(hours=1))
    trust_settings.end_exception(context, PIZZA)


@pytest.mark.long
@pytest.mark.usefixtures("served_api")
def test_a_message_is_sent_again_with_the_same_id_after_a_kill_and_others_once(store, database, anna, clock, tmp_path):
    office = Office(store, clock)
    with receiver(tmp_path, "http", "0") as hook:  # the first request isn't answered
        office.add(anna, url=hook.url)
        office.look()
        grant(store, anna, clock(), 0)
        with control_plane(database, "one") as one:
            wait_until(lambda: hook.received, START_WITHIN)
            one.kill()  # SIGKILL, after sending and before marking
            one.wait()
        with control_plane(database, "two") as two, control_plane(database, "three"):
            wait_until(lambda: len(hook.received) >= 2, START_WITHIN)
            first, second = hook.bodies
            assert first == second
            for number in range(1, 6):
                grant(store, anna, clock(), number)
            two.kill()  # perhaps the holder of the lease
            wait_until(
                lambda: {event["id"] for body in hook.bodies for event in body["events"]} >= list_ids(12), START_WITHIN
            )
            wait_until(lambda: not office.status(anna).backlog.waiting, START_WITHIN)
        messages = {body["id"]: body["events"] for body in hook.bodies}
        order = [int(event["id"]) for events in messages.values() for event in events]
        assert order == list(range(1, 13))


def list_ids(count):
    return {str(number) for number in range(1, count + 1)}
