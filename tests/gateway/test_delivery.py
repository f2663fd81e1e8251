"""Telemetry is delivered over HTTP only to a collector that is verified, and nothing waits for one."""

import asyncio
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from structlog.testing import capture_logs

from backends import V4, Backend
from holdfast.gateway.telemetry import http_delivery
from holdfast.gateway.telemetry.delivery import METRICS, Delivery, MessageRejected
from issuing import issue
from running import wait_until

ROOT = issue(ca=True)


@pytest.fixture
def send(tmp_path):
    """Send a message to a URL whose CA is ROOT."""

    def run(url):
        (file := tmp_path / "ca.pem").write_bytes(ROOT.pem)
        asyncio.run(Delivery(METRICS, url, file).send(b"metrics"))

    return run


def test_a_collector_with_a_trusted_certificate_gets_messages(send):
    with Backend(issue(V4, by=ROOT)) as collector:
        send(collector.url("/v1/metrics"))
        assert collector.connections == 1


@pytest.mark.parametrize("leaf", [issue(V4), issue("other.test", by=ROOT)])
def test_another_certificate_is_rejected(send, leaf):
    with Backend(leaf) as collector, pytest.raises(MessageRejected, match="CERTIFICATE_VERIFY_FAILED"):
        send(collector.url("/v1/metrics"))


def test_any_status_except_a_success_is_a_failure(send):
    with Backend(issue(V4, by=ROOT)) as collector, pytest.raises(MessageRejected, match="503"):
        send(collector.url("/status/503"))


def test_a_collector_that_does_not_respond_delays_neither_other_threads_nor_the_end(monkeypatch):
    monkeypatch.setattr(http_delivery, "WITHIN", 120.0)  # much longer than all this takes on a busy machine

    async def run(listening):
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        sending = asyncio.create_task(Delivery(METRICS, url, None).send(b"metrics"))
        connection, _ = await asyncio.get_running_loop().sock_accept(listening)
        await asyncio.to_thread(threading.active_count)
        sending.cancel()
        return connection

    began = time.monotonic()
    with socket.create_server((V4, 0)) as listening:
        listening.setblocking(False)
        url = f"http://{V4}:{listening.getsockname()[1]}/v1/metrics"
        with asyncio.run(run(listening)):
            wait_until(lambda: "telemetry" not in {thread.name for thread in threading.enumerate()})
    assert time.monotonic() - began < http_delivery.WITHIN


@pytest.mark.usefixtures("warnings")
def test_the_log_has_each_reason_once_until_a_message_is_accepted(tmp_path):
    (file := tmp_path / "ca.pem").write_bytes(ROOT.pem)

    async def fail_twice(delivery):
        with capture_logs() as events:
            await delivery.deliver(b"metrics")
            await delivery.deliver(b"metrics")
        (event,) = events
        return event["why"]

    async def story():
        with Backend(issue(V4)) as collector:
            delivery = Delivery(METRICS, collector.url("/v1/metrics"), file)
            assert "CERTIFICATE_VERIFY_FAILED" in await fail_twice(delivery)
            collector.present(issue("other.test", by=ROOT))
            assert "IP address mismatch" in await fail_twice(delivery)
            collector.present(issue(V4, by=ROOT))
            await delivery.deliver(b"metrics")
            collector.present(issue(V4))
            assert "CERTIFICATE_VERIFY_FAILED" in await fail_twice(delivery)

    asyncio.run(story())
