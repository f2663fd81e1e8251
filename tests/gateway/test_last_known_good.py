"""The agent's state on disk: sealed, never older than acknowledged, and without expired resources."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import structlog

from disk_space import largest_file
from holdfast.gateway.agent import journal
from holdfast.gateway.agent.journal import KEY_FILE, STATE_FILE
from holdfast.gateway.agent.last_known_good import LastKnownState
from holdfast.gateway.resources.resource import CLUSTER, SECRET, Resource
from running import wait_until

NOW = datetime(2026, 11, 28, 12, 0, 0, 123456, tzinfo=UTC)
TRUST = Resource(SECRET, "trust/1", "1", b"the anchors")
ORDERS = Resource(CLUSTER, "orders", "1", b"verified by trust/1")
OLD = (SECRET, TRUST.name)
NOT_USED = "warning: last known good state not used"


def clock() -> datetime:
    return NOW


@pytest.fixture(autouse=True)
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The events that are logged."""
    lines: list[str] = []

    def capture(_: object, level: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
        lines.append(f"{level}: {entry['event']}")
        raise structlog.DropEvent

    monkeypatch.setattr(
        journal, "log", structlog.wrap_logger(None, [capture], structlog.make_filtering_bound_logger(0))
    )
    return lines


def save(directory: Path, *steps: tuple[Iterable[Resource], Iterable[tuple[str, str]]]) -> None:
    """Save *steps* one after the other, as one agent does between its start and its end."""
    run(directory, lambda state: save_all(state, steps))


async def save_all(
    state: LastKnownState, steps: Iterable[tuple[Iterable[Resource], Iterable[tuple[str, str]]]]
) -> None:
    for upserts, removals in steps:
        await state.save(upserts, removals)


def run(directory: Path, story: Callable[[LastKnownState], Awaitable[None]], **options: float) -> None:
    async def agent() -> None:
        state = LastKnownState(directory, clock, **options)
        state.read()
        await story(state)
        await state.close()

    asyncio.run(agent())


def read(directory: Path, now: datetime = NOW) -> set[Resource] | None:
    state = LastKnownState(directory, lambda: now).read()
    return None if state is None else set(state.resources)


def test_an_agent_that_starts_finds_what_was_in_force(tmp_path: Path):
    newer = Resource(CLUSTER, "orders", "2", b"verified by trust/2", NOW + timedelta(days=1, microseconds=7))
    save(tmp_path, ([TRUST, ORDERS], []))
    save(tmp_path, ([newer], [OLD, (CLUSTER, "never there")]), ([Resource(SECRET, "trust/2", "1", b"")], []))
    state = LastKnownState(tmp_path, clock).read()
    assert state is not None
    assert set(state.resources) == {newer, Resource(SECRET, "trust/2", "1", b"")}
    assert state.saved_at == NOW


def test_an_agent_that_never_ran_finds_nothing(tmp_path: Path):
    assert read(tmp_path) is None


def test_a_step_that_removes_and_adds_the_same_resource_adds_it(tmp_path: Path):
    save(tmp_path, ([TRUST], [OLD]))
    assert read(tmp_path) == {TRUST}


def test_resources_that_expired_meanwhile_are_not_served(tmp_path: Path):
    exception = Resource(CLUSTER, "unverified", "1", b"", NOW + timedelta(hours=1))
    save(tmp_path, ([exception, ORDERS], []))
    assert read(tmp_path, NOW + timedelta(minutes=59)) == {exception, ORDERS}
    assert read(tmp_path, NOW + timedelta(hours=1)) == {ORDERS}


def test_a_clock_that_was_set_back_lets_nothing_last_longer(tmp_path: Path):
    ends = Resource(CLUSTER, "unverified", "1", b"", expires_at=NOW + timedelta(hours=1))
    save(tmp_path, ([ends, ORDERS], []))
    before = NOW - timedelta(days=30)
    (again,) = (read(tmp_path, before) or set()) - {ORDERS}
    assert again.expires_at == before + timedelta(hours=1)


def test_files_are_for_their_owner_only_and_hide_their_content(tmp_path: Path):
    before = os.umask(0)
    try:
        save(tmp_path, ([TRUST], []))
    finally:
        os.umask(before)
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {
        STATE_FILE: 0o600,
        KEY_FILE: 0o600,
    }
    content = (tmp_path / STATE_FILE).read_bytes()
    assert b"anchors" not in content
    assert b"trust/1" not in content


def test_a_file_cut_off_anywhere_is_not_used(tmp_path: Path, events: list[str]):
    save(tmp_path, ([TRUST, ORDERS], []), ([], [OLD]))
    path = tmp_path / STATE_FILE
    content = path.read_bytes()
    for size in [*range(0, 700, 7), *range(1000, len(content))]:
        path.write_bytes(content[:size])
        events.clear()
        assert read(tmp_path) is None, size
        assert events == [NOT_USED]
    path.write_bytes(content)
    assert read(tmp_path) == {ORDERS}


def test_a_modified_file_is_not_used(tmp_path: Path):
    save(tmp_path, ([TRUST, ORDERS], []), ([], [OLD]))
    path = tmp_path / STATE_FILE
    content = path.read_bytes()
    positions = [*range(41), *range(512, 548), *range(1024, len(content))]
    for at in positions:
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert read(tmp_path) is None, at


def test_records_can_not_be_swapped_or_taken_from_another_file(tmp_path: Path):
    save(tmp_path, ([TRUST], []), ([ORDERS], []))
    path = tmp_path / STATE_FILE
    content = path.read_bytes()
    half = 1024 + 4 + int.from_bytes(content[1024:1028], "big")
    path.write_bytes(content[:1024] + content[half:] + content[1024:half])
    assert read(tmp_path) is None
    path.unlink()
    save(tmp_path, ([TRUST], []), ([ORDERS], []))
    path.write_bytes(path.read_bytes()[:1024] + content[1024:])
    assert read(tmp_path) is None


@pytest.mark.parametrize("key", [b"A" * 43 + b"=\n", b"", None])
def test_without_its_key_a_state_is_not_used_and_the_next_one_is(tmp_path: Path, key: bytes | None, events: list[str]):
    save(tmp_path, ([TRUST], []))
    (tmp_path / KEY_FILE).unlink()
    if key is not None:
        (tmp_path / KEY_FILE).write_bytes(key)
    assert read(tmp_path) is None
    assert events == [NOT_USED]
    save(tmp_path, ([ORDERS], []))
    assert read(tmp_path) == {ORDERS}


def test_a_record_that_a_killed_agent_did_not_finish_is_dropped(tmp_path: Path):
    save(tmp_path, ([TRUST], []))
    path = tmp_path / STATE_FILE
    before = path.read_bytes()
    save(tmp_path, ([], [OLD]))
    after = path.read_bytes()
    for size in range(len(before), len(after)):
        path.write_bytes(before[:1024] + after[1024:size])
        assert read(tmp_path) == {TRUST}, size
    path.write_bytes(before[:1024] + after[1024:])
    assert read(tmp_path) == set()
    path.write_bytes(before + after[len(before) : -1])
    save(tmp_path, ([ORDERS], []))
    assert read(tmp_path) == {TRUST, ORDERS}


SAVING = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from holdfast.gateway.agent.last_known_good import LastKnownState
from holdfast.gateway.resources.resource import SECRET, Resource

async def agent():
    state = LastKnownState(Path(sys.argv[1]), lambda: datetime.now(UTC))
    state.read()
    for number in range(1_000_000):
        await state.save([Resource(SECRET, f"trust/{number}", "1", bytes(20_000))], [(SECRET, f"trust/{number - 1}")])
        print(number, flush=True)

asyncio.run(agent())
"""


def test_an_agent_killed_at_any_moment_has_kept_what_it_acknowledged(tmp_path: Path):
    with subprocess.Popen([sys.executable, "-c", SAVING, str(tmp_path)], stdout=subprocess.PIPE, text=True) as agent:
        assert agent.stdout is not None
        number = 0
        for line in agent.stdout:
            number = int(line)
            if number == 500:  # after a compaction
                break
        agent.send_signal(signal.SIGKILL)
        number = max([number, *map(int, agent.stdout)])
    state = read(tmp_path)
    assert state is not None
    (last,) = state
    assert int(last.name.removeprefix("trust/")) in (number, number + 1)
    assert (tmp_path / STATE_FILE).stat().st_size < journal.SLACK + 2 * 20_000 * 3


def test_changes_that_arrive_together_are_written_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    descriptors: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (descriptors.append(descriptor), fsync(descriptor))[1])

    async def story(state: LastKnownState) -> None:
        await state.save([TRUST])
        descriptors.clear()
        await asyncio.gather(*(state.save([Resource(SECRET, f"trust/{number}", "1", b"")]) for number in range(1000)))

    run(tmp_path, story)
    assert len(descriptors) <= 2
    assert len(read(tmp_path) or ()) == 1000


def test_a_compaction_keeps_the_changes_that_arrive_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(journal, "PIECE", 4000)
    monkeypatch.setattr(journal, "SLACK", 100_000)

    async def story(state: LastKnownState) -> None:
        current: dict[str, Resource] = {}
        sizes = []
        for number in range(600):
            name = f"trust/{number % 50}"
            resource = Resource(SECRET, name, str(number), bytes(1000))
            removal = f"trust/{(number + 25) % 50}" if number % 3 == 0 else None
            current[name] = resource
            if removal:
                current.pop(removal, None)
            await state.save([resource], [(SECRET, removal)] if removal else [])
            sizes.append((tmp_path / STATE_FILE).stat().st_size)
            if number % 20 == 0:
                assert read(tmp_path) == set(current.values())
        assert any(later < earlier for earlier, later in pairwise(sizes))
        assert max(sizes) < 350_000

    run(tmp_path, story)


def test_a_full_disk_stops_nothing_and_never_brings_back_what_was_removed(tmp_path: Path, events: list[str]):
    async def story(state: LastKnownState) -> None:
        await state.save([TRUST, ORDERS])
        size = (tmp_path / STATE_FILE).stat().st_size
        with largest_file(size + 10):
            await state.save([], [OLD])  # must be gone for good once this returns
            assert read(tmp_path) is None
            await state.save([Resource(CLUSTER, "payments", "1", bytes(5000))])
            assert state.problem == f"Can't write {tmp_path / STATE_FILE}: File too large."
        assert events == ["error: last known good state can't be written", NOT_USED]
        await asyncio.to_thread(wait_until, lambda: state.problem is None)  # without a change, too

    run(tmp_path, story, retry_after=0.1)
    assert read(tmp_path) == {ORDERS, Resource(CLUSTER, "payments", "1", bytes(5000))}


def test_a_state_that_cannot_be_written_for_another_reason_is_not_read_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async def story(state: LastKnownState) -> None:
        await state.save([TRUST])
        with monkeypatch.context() as patch:
            patch.setattr(journal, "encode", lambda *_: 1 / 0)
            await state.save([], [OLD])
        assert state.problem == f"Can't write {tmp_path / STATE_FILE}: division by zero."
        assert read(tmp_path) is None

    run(tmp_path, story)


def test_a_disk_that_is_full_at_the_first_start_stops_nothing(tmp_path: Path):
    async def story(state: LastKnownState) -> None:
        with largest_file(0):
            await state.save([TRUST])
            assert state.problem == f"Can't write {tmp_path / STATE_FILE}: File too large."
        assert read(tmp_path) is None

    run(tmp_path, story)


def test_a_state_can_be_compacted_only_while_there_is_space_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, events: list[str]
):
    monkeypatch.setattr(journal, "SLACK", 10_000)

    async def story(state: LastKnownState) -> None:
        await state.save([Resource(SECRET, f"trust/{number}", "1", bytes(1000)) for number in range(50)])
        (tmp_path / f".{STATE_FILE}.new").mkdir()  # in the way of the new file
        for number in range(200):
            await state.save([Resource(SECRET, "trust/0", str(number), bytes(1000))])
        assert state.problem is None
        assert Resource(SECRET, "trust/0", "199", bytes(1000)) in (read(tmp_path) or ())

    run(tmp_path, story, retry_after=3600)  # however slow the disk is
    assert events == ["warning: last known good state can't be compacted"]
