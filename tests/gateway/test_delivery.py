"""Telemetry is delivered over HTTP only to a collector that is verified, and only a success is one."""

import asyncio

import pytest

from backends import V4, Backend
from holdfast.gateway.telemetry.delivery import METRICS, Delivery, Undelivered
from issuing import issue

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


@pytest.mark.parametrize("presented", [issue(V4), issue("other.test", by=ROOT)])
def test_another_certificate_is_rejected(send, presented):
    with Backend(presented) as collector, pytest.raises(Undelivered, match="CERTIFICATE_VERIFY_FAILED"):
        send(collector.url("/v1/metrics"))


def test_any_status_except_a_success_is_a_failure(send):
    with Backend(issue(V4, by=ROOT)) as collector, pytest.raises(Undelivered, match="503"):
        send(collector.url("/status/503"))
