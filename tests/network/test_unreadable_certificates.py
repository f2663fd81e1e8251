"""Unreadable certificates are reported with position, size, SHA-256 and what is wrong with them."""

import hashlib
from urllib.parse import urlsplit

import pytest
from OpenSSL import SSL

from damaged import damaged_backend
from holdfast.certificates.certificate_list import read_presented
from holdfast.network.backend import probe_backend
from holdfast.network.handshake import read_certificates
from holdfast.network.presentation import Presentation
from issuing import alter_der, issue, tlv

V4 = "127.0.0.1"
ROOT = issue(ca=True, common_name="root")
LEAF = issue(V4, by=ROOT)
WRONG_TIME = tlv(0x17, b"991332000000Z")
# Damaged certificates, and the expected reasons.
DAMAGES = {
    "version 4": (alter_der(LEAF, ROOT, version=tlv(0xA0, tlv(2, b"\3"))), "it has version 4"),
    "no date": (alter_der(LEAF, ROOT, validity=tlv(0x30, WRONG_TIME, WRONG_TIME)), "not before"),
    "another tag": (b"\x31" + LEAF.der[1:], "doesn't begin like a certificate"),
    "cut off": (LEAF.der[:-5], "ends too early"),
    "followed by something": (LEAF.der + b"\0", "there is data after its end"),
    "no certificate": (tlv(0x30, tlv(2, b"\1")), "its content is damaged"),
    "a serial number of no bytes": (alter_der(LEAF, ROOT, serial_number=tlv(2)), "serial is damaged"),
    "empty": (b"", "ends too early"),
}


def probe(url: str) -> Presentation:
    presentation = probe_backend([V4], urlsplit(url).port or 0, "backend.test")
    assert isinstance(presentation, Presentation), presentation
    return presentation


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_certificate_is_reported_with_its_place_and_what_is_wrong(damage, version):
    data, says = DAMAGES[damage]
    with damaged_backend([LEAF.der, data, ROOT.der], version) as url:
        presentation = probe(url)
    assert [certificate.der for certificate in presentation.chain] == [LEAF.der, ROOT.der]
    (unreadable,) = presentation.certificates.unreadable
    assert (unreadable.position, presentation.certificates.count, unreadable.size) == (2, 3, len(data))
    assert unreadable.fingerprint == hashlib.sha256(data).hexdigest()
    assert says in unreadable.why


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_other_certificates_are_not_taken_for_an_unreadable_own_one(version):
    intermediate = issue(by=ROOT, ca=True, common_name="intermediate")
    with damaged_backend([LEAF.der[:-1], intermediate.der, ROOT.der], version) as url:
        presentation = probe(url)
    assert presentation.chain == ()
    assert [unreadable.position for unreadable in presentation.certificates.unreadable] == [1]
    assert [role.value for _, role in presentation.certificates.with_roles] == ["intermediate", "root"]
    assert presentation.end_reason


def test_certificates_beyond_the_limit_are_counted_and_not_read():
    chain = read_presented([LEAF.der, b"x", ROOT.der, b"y", b"z"], 3)
    assert (len(chain.chain), len(chain.unreadable), chain.beyond, chain.count) == (2, 1, 2, 5)


def shake_hands(suite: str) -> tuple[bytes, list[bytes]]:
    """Return the bytes that a client receives from a server with LEAF during the handshake, and its key log."""
    serving, calling = SSL.Context(SSL.TLS_SERVER_METHOD), SSL.Context(SSL.TLS_CLIENT_METHOD)
    serving.use_certificate(LEAF.certificate)
    serving.use_privatekey(LEAF.key)
    serving.set_tls13_ciphersuites(suite.encode())
    log: list[bytes] = []
    calling.set_keylog_callback(lambda _, line: log.append(line))
    server, client = SSL.Connection(serving, None), SSL.Connection(calling, None)
    server.set_accept_state()
    client.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        client.do_handshake()
    server.bio_write(client.bio_read(65536))
    with pytest.raises(SSL.WantReadError):
        server.do_handshake()
    octets = server.bio_read(65536)
    client.bio_write(octets)
    client.do_handshake()
    assert client.get_cipher_name() == suite
    return octets, log


@pytest.mark.parametrize("suite", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"])
def test_certificates_are_decrypted_with_every_cipher(suite):
    assert read_certificates(*shake_hands(suite)) == [LEAF.der]


def test_a_damaged_handshake_raises_no_error():
    octets, log = shake_hands("TLS_AES_128_GCM_SHA256")
    for at in range(len(octets)):
        for octet in (0, 1, 0xFF):
            read_certificates(octets[:at] + bytes([octet]) + octets[at + 1 :], log)
        read_certificates(octets[:at], log)
    certificates = tlv(0x30) * 3  # what nobody encrypts can be damaged in its own lengths, too
    plain = b"\x0b" + len(certificates).to_bytes(3) + certificates
    for at in range(len(plain)):
        for octet in range(256):
            message = plain[:at] + bytes([octet]) + plain[at + 1 :]
            read_certificates(b"\x16\x03\x03" + len(message).to_bytes(2) + message, [])


def test_no_server_bytes_raise_an_error():
    with damaged_backend([LEAF.der]) as url:
        assert probe(url).chain
    line = b"SERVER_HANDSHAKE_TRAFFIC_SECRET " + b"00" * 32 + b" " + b"11" * 32
    for octets in (
        b"",
        b"\x16",
        b"\x16\x03\x03\xff\xff",
        b"\x16\x03\x03\x00\x04\x02\x00\x00\x00",
        b"\x17\x03\x03\x00\x01a",
    ):
        for log in ([], [line], [b"SERVER_HANDSHAKE_TRAFFIC_SECRET"], [b"SERVER_HANDSHAKE_TRAFFIC_SECRET a zz"]):
            assert read_certificates(octets, log) == []
