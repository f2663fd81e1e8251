"""The publisher's own certificate, as it is read and before anybody connects."""

import asyncio
import socket
import ssl

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from holdfast.http_server import serving
from holdfast.https import GatewayCertificate, ServerCertificate, UnusableCertificate, load, load_for_gateway
from holdfast.limits import connection_limits
from holdfast.machine import CannotStart
from issuing import DAY, ed448_key, issue
from running import write_identity


def refused(certificate, key):
    with pytest.raises(UnusableCertificate) as refusal:
        load(certificate, key)
    return str(refusal.value)


def test_a_certificate_that_does_not_hold_now_is_refused(tmp_path):
    certificate, key = write_identity(tmp_path, issue("localhost", start=-2 * DAY, end=-DAY))
    assert refused(certificate, key).startswith(f"The certificate in {certificate} has expired on ")
    write_identity(tmp_path, issue("localhost", start=DAY))
    assert "is not valid before" in refused(certificate, key)


def test_a_key_of_another_certificate_is_refused(tmp_path):
    certificate, key = write_identity(tmp_path, issue("localhost"))
    key.write_bytes(issue("localhost").key_pem)
    said = f"The key in {key} is not that of the certificate that stands first in {certificate}. Name its own."
    assert refused(certificate, key) == said


def test_an_encrypted_key_is_refused_without_asking_anybody(tmp_path):
    issued = issue("localhost")
    certificate, key = write_identity(tmp_path, issued)
    locked = BestAvailableEncryption(b"secret")
    key.write_bytes(issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    assert "is encrypted, and nobody is there to type its password" in refused(certificate, key)


def test_files_that_are_none_or_hold_something_else_are_named(tmp_path):
    certificate, key = write_identity(tmp_path, issue("localhost"))
    assert refused(tmp_path / "nothing", key).startswith(f"There is no file {tmp_path / 'nothing'}.")
    assert refused(tmp_path, key).startswith(f"There is no file {tmp_path}.")
    assert "holds no certificates in PEM" in refused(key, key)
    assert "holds no private key in PEM" in refused(certificate, certificate)
    for content in (b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", bytes(64)):
        certificate.write_bytes(content)
        assert "holds no certificates in PEM" in refused(certificate, key)
    with pytest.raises(CannotStart):
        ServerCertificate(certificate, key)


def test_a_damaged_key_is_refused(tmp_path):
    certificate, key = write_identity(tmp_path, issue("localhost"))
    key.write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    assert refused(certificate, key).startswith(f"{certificate} and {key} cannot be used (")


def test_files_that_change_are_noticed_without_a_signal(tmp_path):
    root = issue(ca=True, common_name="root")
    first, second = (issue("127.0.0.1", by=root) for _ in range(2))
    certificate = ServerCertificate(*write_identity(tmp_path, first))
    context = ssl.create_default_context(cadata=root.pem.decode())

    async def nothing(_scope, _receive, _send):
        pass

    async def presented(address):
        _, writer = await asyncio.open_connection(*address, ssl=context, server_hostname="127.0.0.1")
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return der

    async def story():
        with socket.create_server(("127.0.0.1", 0)) as listening:
            address = listening.getsockname()
            async with serving(nothing, [listening], certificate.context, connection_limits(1024)):
                watching = asyncio.create_task(certificate.watch(every=0.01))
                before = await presented(address)
                write_identity(tmp_path, second)
                async with asyncio.timeout(5):
                    while await presented(address) != second.der:
                        pass
                watching.cancel()
                return before

    assert asyncio.run(story()) == first.der


def test_what_a_gateway_presents_is_its_chain_in_order_and_its_key(tmp_path):
    root = issue(ca=True, common_name="root")
    between = issue(ca=True, common_name="between", by=root)
    issued = issue("127.0.0.1", by=between)
    certificate, key = write_identity(tmp_path, issued)
    certificate.write_bytes(root.pem + between.pem + issued.pem)
    found = load_for_gateway(certificate, key)
    assert [each.der for each in found.chain] == [issued.der, between.der]
    assert "PRIVATE" not in repr(found)


def test_what_a_gateway_could_not_present_is_refused_by_name(tmp_path):
    certificate, key = write_identity(tmp_path, issue("127.0.0.1", start=-2 * DAY, end=-DAY))

    def refused_by_gateway():
        with pytest.raises(UnusableCertificate) as refusal:
            load_for_gateway(certificate, key)
        return str(refusal.value)

    assert "has expired on" in refused_by_gateway()
    write_identity(tmp_path, issue("127.0.0.1", start=DAY))
    assert "is not valid before" in refused_by_gateway()
    write_identity(tmp_path, issue("127.0.0.1", key=ed448_key()))
    assert "cannot be used by a gateway" in refused_by_gateway()
    certificate.write_bytes(issue("127.0.0.1").pem)
    assert "cannot be used by a gateway" in refused_by_gateway()
    key.unlink()
    assert refused_by_gateway() == f"There is no file {key}. Correct --gateway-tls-cert and --gateway-tls-key."


def test_a_gateways_files_that_change_are_handed_on_and_bad_ones_are_not(tmp_path):
    first, second = issue("127.0.0.1"), issue("127.0.0.1")
    found = GatewayCertificate(*write_identity(tmp_path, first))
    given = []
    found.on_change = given.append
    write_identity(tmp_path, second)
    found.read_again()
    (tmp_path / "publisher.pem").write_bytes(b"nothing")
    found.read_again()
    assert [each.chain[0].der for each in given] == [second.der]
    assert found.current is given[0]
