"""The certificates of publisher and gateway: reading, checking and reloading them."""

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from holdfast.network import presented_files
from holdfast.network.certificate_files import UnusableCertificate, load, load_for_gateway
from holdfast.network.presented_files import PUBLISHERS_OPTIONS, GatewayCertificate
from holdfast.server.clock import utc_now
from holdfast.server.http.server import serve
from holdfast.server.machine.limits import compute_connection_limits
from holdfast.server.tls.publisher_certificate import PublisherCertificate
from issuing import DAY, ed448_key, issue
from running import write_identity


def now():
    return datetime.now(UTC)


async def nothing(_scope, _receive, _send):
    pass


async def fetch_certificate(address, context):
    """Connect and return the certificate that the server presents."""
    _, writer = await asyncio.open_connection(*address, ssl=context, server_hostname="127.0.0.1")
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return der


def fail_to_load(certificate, key):
    with pytest.raises(UnusableCertificate) as refusal:
        load(certificate, key)
    return str(refusal.value)


def test_a_key_of_another_certificate_is_refused(tmp_path):
    certificate, key = write_identity(tmp_path, issue("localhost"))
    key.write_bytes(issue("localhost").key_pem)
    problem = f"The private key in {key} doesn't match the first certificate in {certificate}."
    assert fail_to_load(certificate, key).startswith(problem)


def test_an_encrypted_key_is_rejected_without_a_prompt(tmp_path):
    identity = issue("localhost")
    certificate, key = write_identity(tmp_path, identity)
    encryption = BestAvailableEncryption(b"secret")
    key.write_bytes(identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    assert "is encrypted" in fail_to_load(certificate, key)


def test_missing_files_and_files_with_other_content_are_named(tmp_path):
    certificate, key = write_identity(tmp_path, issue("localhost"))
    assert fail_to_load(tmp_path / "nothing", key).startswith(f"File not found: {tmp_path / 'nothing'}.")
    assert fail_to_load(tmp_path, key).startswith(f"File not found: {tmp_path}.")
    assert "doesn't contain certificates in PEM" in fail_to_load(key, key)
    assert "doesn't contain a private key in PEM" in fail_to_load(certificate, certificate)
    for content in (b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", bytes(64)):
        certificate.write_bytes(content)
        assert "doesn't contain certificates in PEM" in fail_to_load(certificate, key)
    files = PublisherCertificate(certificate, key, utc_now)
    assert (files.current, files.get_state(now()).not_after) == (None, None)
    assert "doesn't contain certificates in PEM" in files.get_state(now()).problem


def test_a_damaged_key_is_refused(tmp_path):
    certificate, key = write_identity(tmp_path, issue("localhost"))
    key.write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    assert fail_to_load(certificate, key).startswith(f"{certificate} and {key} can't be used: ")


def test_files_that_change_are_noticed_without_a_signal(tmp_path):
    root = issue(ca=True, common_name="root")
    first, second = (issue("127.0.0.1", by=root) for _ in range(2))
    certificate = PublisherCertificate(*write_identity(tmp_path, first), utc_now)
    context = ssl.create_default_context(cadata=root.pem.decode())

    async def story():
        with socket.create_server(("127.0.0.1", 0)) as listening:
            address = listening.getsockname()
            async with serve(nothing, [listening], certificate.context, compute_connection_limits(1024)):
                watching = asyncio.create_task(certificate.watch(interval=0.01))
                before = await fetch_certificate(address, context)
                write_identity(tmp_path, second)
                async with asyncio.timeout(60):
                    while await fetch_certificate(address, context) != second.der:
                        pass
                watching.cancel()
                return before

    assert asyncio.run(story()) == first.der


def test_a_gateway_presents_its_chain_in_order_with_its_key(tmp_path):
    root = issue(ca=True, common_name="root")
    between = issue(ca=True, common_name="between", by=root)
    identity = issue("127.0.0.1", by=between)
    certificate, key = write_identity(tmp_path, identity)
    certificate.write_bytes(root.pem + between.pem + identity.pem)
    content = load_for_gateway(certificate, key, PUBLISHERS_OPTIONS).content
    assert [member.der for member in content.chain] == [identity.der, between.der]
    assert "PRIVATE" not in repr(content)


def test_files_that_a_gateway_cannot_present_are_rejected_by_name(tmp_path):
    certificate, key = write_identity(tmp_path, issue("127.0.0.1", key=ed448_key()))

    def refused_by_gateway():
        with pytest.raises(UnusableCertificate) as refusal:
            load_for_gateway(certificate, key, PUBLISHERS_OPTIONS)
        return str(refusal.value)

    assert "The gateway can't use" in refused_by_gateway()
    certificate.write_bytes(issue("127.0.0.1").pem)
    assert "The gateway can't use" in refused_by_gateway()
    key.unlink()
    assert refused_by_gateway() == f"File not found: {key}. Correct --gateway-tls-cert and --gateway-tls-key."


def test_changed_files_of_a_gateway_are_passed_on_only_if_they_are_valid(tmp_path):
    first, second = issue("127.0.0.1"), issue("127.0.0.1")
    files = GatewayCertificate(*write_identity(tmp_path, first), utc_now)
    contents = []
    files.on_change = contents.append
    write_identity(tmp_path, second)
    files.read_again()
    (tmp_path / "publisher.pem").write_bytes(b"nothing")
    files.read_again()
    assert [content.chain[0].der for content in contents] == [second.der]
    assert files.current is contents[0]


EXPIRED, FUTURE = {"start": -2 * DAY, "end": -DAY}, {"start": DAY}
KINDS = [PublisherCertificate, GatewayCertificate]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("when", "why"), [(EXPIRED, "expired on"), (FUTURE, "isn't valid before")])
def test_a_certificate_that_is_not_valid_now_is_presented_and_reported(tmp_path, kind, when, why):
    files = kind(*write_identity(tmp_path, issue("127.0.0.1", **when)), utc_now)
    assert files.current is not None
    assert why in files.get_state(now()).problem
    assert not files.get_state(now()).is_valid(now())
    write_identity(tmp_path, issue("127.0.0.1"))
    files.read_again()
    assert files.get_state(now()).problem == ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_valid_certificate_is_replaced_only_by_a_valid_one(tmp_path, kind):
    files = kind(*write_identity(tmp_path, issue("127.0.0.1")), utc_now)
    valid = files.current
    for worse in (EXPIRED, FUTURE):
        write_identity(tmp_path, issue("127.0.0.1", **worse))
        files.read_again()
        assert files.current is valid
        assert files.get_state(now()).problem
        assert files.get_state(now()).is_valid(now())
    files.paths[1].unlink()
    files.read_again()
    assert files.current is valid
    assert files.get_state(now()).problem.startswith(f"File not found: {files.paths[1]}.")


def test_unreadable_files_are_reported_until_they_are_readable(tmp_path, monkeypatch):
    certificate, key = write_identity(tmp_path, issue("127.0.0.1"))
    with monkeypatch.context() as context:
        context.setattr(Path, "open", refuse)
        files = PublisherCertificate(certificate, key, utc_now)
    problem = f"Can't read {certificate}: Permission denied. Make it readable for the user that runs Holdfast."
    assert (files.current, files.get_state(now()).problem) == (None, problem)
    files.read_again()
    assert files.get_state(now()).problem == ""


def refuse(self, *_arguments, **_more):
    raise PermissionError(errno.EACCES, "Permission denied", str(self))


def test_the_expiry_is_logged_once_each_at_30_7_and_1_days(tmp_path, monkeypatch):
    logs = structlog.testing.LogCapture()
    levels = structlog.make_filtering_bound_logger(logging.WARNING)
    monkeypatch.setattr(presented_files, "log", structlog.wrap_logger(None, [logs], wrapper_class=levels))
    files = PublisherCertificate(*write_identity(tmp_path, issue("127.0.0.1", end=40 * DAY)), utc_now)
    begin = now()
    for day in (0, 5, 11, 20, 32, 34, 38.9, 39.5, 40.5, 41):
        files.tell(begin + timedelta(days=day))
    assert [(entry["log_level"], entry["event"], entry.get("days")) for entry in logs.entries] == [
        ("warning", "publisher certificate expires soon", 28),
        ("warning", "publisher certificate expires soon", 5),
        ("error", "publisher certificate expires soon", 0),
        ("error", "publisher certificate has a problem", None),
    ]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_without_a_usable_certificate_the_publisher_rejects_handshakes_and_plain_http(tmp_path, version):
    root = issue(ca=True, common_name="root")
    identity = issue("127.0.0.1", by=root)
    certificate, key = write_identity(tmp_path, identity)
    key.write_bytes(b"nothing")
    files = PublisherCertificate(certificate, key, utc_now)
    context = ssl.create_default_context(cadata=root.pem.decode())
    context.minimum_version = context.maximum_version = version

    async def story():
        with contextlib.ExitStack() as stack:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            address = listening.getsockname()
            async with serve(nothing, [listening], files.context, compute_connection_limits(1024)):
                with pytest.raises(OSError):  # noqa: PT011 - asyncio closes the connection before it sends the alert
                    await fetch_certificate(address, context)
                reader, writer = await asyncio.open_connection(*address)
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                clear = await reader.read()
                writer.close()
                write_identity(tmp_path, identity)
                files.read_again()
                return clear, await fetch_certificate(address, context)

    clear, der = asyncio.run(story())
    assert b"HTTP" not in clear
    assert der == identity.der
