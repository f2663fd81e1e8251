"""Envoy's events about the health of hosts, and the file that it writes them to."""

import os
from contextlib import closing

import pytest

from holdfast.gateway.members import event_file
from holdfast.gateway.members.event_file import EventFile
from holdfast.gateway.members.events import Detection, read_event
from holdfast.gateway.members.unhealthy import HealthCause

# As Envoy 1.40 writes them.
CHECK = (
    b'{"health_checker_type":"HTTP","host":{"socket_address":{"protocol":"TCP","address":"::1","port_value":19001}},'
    b'"cluster_name":"org/a/production","timestamp":"2026-11-29T11:19:10.780Z",%b,'
    b'"metadata":{"filter_metadata":{"envoy.transport_socket_match":{"member":"https://localhost:19001"}}}}'
)
UNHEALTHY = CHECK % b'"eject_unhealthy_event":{"failure_type":"ACTIVE","http_status_code":503}'
EJECTED = (
    b'{"type":"CONSECUTIVE_5XX","timestamp":"2026-11-29T11:19:13.395Z","cluster_name":"org/c/production",'
    b'"upstream_url":"[::1]:19005","action":"EJECT","num_ejections":1,"enforced":true,"eject_consecutive_event":{}}'
)


def test_events_say_whose_health_changed_when_and_why():
    unhealthy = read_event(UNHEALTHY)
    assert unhealthy.key == ("org/a/production", "[::1]:19001", Detection.HEALTH_CHECK)
    assert (unhealthy.member, unhealthy.cause, unhealthy.status) == ("localhost:19001", HealthCause.STATUS, 503)
    assert unhealthy.at.isoformat() == "2026-11-29T11:19:10.780000+00:00"
    first = read_event(CHECK % b'"health_check_failure_event":{"failure_type":"NETWORK","first_check":true}')
    assert (first.cause, first.status) == (HealthCause.CONNECTION, 0)
    healthy = read_event(CHECK % b'"add_healthy_event":{"first_check":false}')
    assert (healthy.cause, healthy.key) == (None, unhealthy.key)
    ejection = read_event(EJECTED)
    assert ejection.key == ("org/c/production", "[::1]:19005", Detection.OUTLIER)
    assert ejection.cause is HealthCause.FAILURES
    assert read_event(EJECTED.replace(b"EJECT", b"UNEJECT", 1)).cause is None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        EJECTED.replace(b'"enforced":true', b'"enforced":false'),
        CHECK % b'"degraded_healthy_host":{}',
        EJECTED.replace(b"2026-", b"x"),
    ],
)
def test_lines_of_other_kinds_are_ignored(line):
    assert read_event(line) is None


class Writer:
    """Appends to the file as Envoy does: the old one, until it has opened the new one."""

    def __init__(self, path):
        self._path = path
        self.file = self._open()

    def _open(self):
        return os.fdopen(os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "wb", buffering=0)

    def write(self, data):
        self.file.write(data)

    def reopen(self):
        self.file.close()
        self.file = self._open()

    def close(self):
        self.file.close()


def test_no_line_is_lost_while_a_large_file_is_replaced_and_those_that_still_count_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(event_file, "MAX_BYTES", 10)
    monkeypatch.setattr(event_file, "REOPENED_WITHIN", 0.0)
    path, paths = tmp_path / "events", []
    answers = [False, True]

    def reopen():
        paths.append(path)
        return answers.pop(0)

    file = EventFile(path, reopen)
    assert not file.prepare()
    with closing(Writer(path)) as envoy, closing(file), closing(EventFile(path, reopen)) as successor:
        envoy.write(b"one\ntw")
        assert file.read() == [b"one"]
        assert not file.is_large
        envoy.write(b"o\nthree\n")
        assert file.read() == [b"two", b"three"]
        assert file.is_large
        file.replace([b"three"])
        envoy.write(b"four\n")  # to the previous file
        assert file.read() == [b"four"]
        assert file.read() == []  # Envoy didn't answer, so it is asked again
        assert len(paths) == 2
        envoy.reopen()
        envoy.write(b"five\n")
        assert file.read() == []
        assert file.read() == [b"five"]
        assert successor.read() == [b"three", b"five"]
        assert [file.name for file in tmp_path.iterdir()] == ["events"]
        assert not file.is_lost
        path.unlink()
        assert file.is_lost


def test_an_agent_that_starts_while_the_file_is_being_replaced_reads_both(tmp_path, monkeypatch):
    monkeypatch.setattr(event_file, "REOPENED_WITHIN", 0.0)
    path = tmp_path / "events"
    path.with_name("events.1").write_bytes(b"one\n")
    path.write_bytes(b"two\n")
    with closing(EventFile(path, lambda: True)) as file:
        assert file.prepare()
        assert [line for _ in range(3) for line in file.read()] == [b"one", b"two"]
