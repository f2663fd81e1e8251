"""
Findings agree with what the gateway does, which is asked before an import.

The gateway's probe answers, without an import; test_verdicts.py compares probe and traffic for many kinds of backend.
"""

from collections.abc import Callable
from ipaddress import ip_network

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from backends import Backend
from certificates.judging import judge
from holdfast.certificates.formats import der
from issuing import (
    CLIENTS_ONLY,
    DAY,
    MD5_WITH_RSA,
    UNKNOWN_EXTENSION,
    Identity,
    alter,
    dsa_key,
    ed448_key,
    ed25519_key,
    issue,
    key_usage,
    rsa_key,
    tlv,
)
from odd_certificates import add_extension
from running import Holdfast

pytestmark = pytest.mark.envoy
HOST = "localhost"
ROOT = issue(ca=True, common_name="root", key=rsa_key())
EXPIRED = issue(ca=True, common_name="expired", start=-9 * DAY, end=-DAY)
Case = tuple[Identity, list[Identity]]


def itself(identity: Identity) -> Case:
    return identity, [identity]


def below(issuer: Identity, *anchors: Identity) -> Case:
    return issue(HOST, by=issuer).alone, [issuer, *anchors]


def with_issuer(identity: Identity, issuer: Identity = ROOT) -> Case:
    return identity, [identity, issuer]


def intermediate(ca: bool | None = True, **options: object) -> Identity:
    return issue(by=ROOT, ca=ca, common_name="intermediate", **options)


def deep() -> Case:
    first = issue(by=ROOT, ca=True, path_length=0, common_name="first")
    second = issue(by=first, ca=True, common_name="second")
    return below(second, first, ROOT)


NAME_CONSTRAINTS, POLICIES = "2.5.29.30", "2.5.29.32"
NOT_TEXT = tlv(0x30, tlv(0x31, tlv(0x30, tlv(0x06, der.encode_oid("2.5.4.3")), tlv(0x03, b"\0x"))))
MANY_PURPOSES = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CODE_SIGNING])
WITH_PORT = x509.SubjectAlternativeName([x509.DNSName(f"{HOST}:8443"), x509.DNSName(HOST)])
FOR_HOST = x509.NameConstraints([x509.DNSName(HOST)], None)
DIGITAL_SIGNATURE = [key_usage(digital_signature=True)]
UNKNOWN = [(UNKNOWN_EXTENSION, True)]
KINDS: dict[tuple[str, str], Callable[[], Case]] = {
    ("ed25519-key", "info"): lambda: itself(issue(HOST, key=ed25519_key())),
    ("unsupported-key", "error"): lambda: itself(issue(HOST, key=ed448_key())),
    ("weak-key", "error"): lambda: itself(issue(HOST, key=dsa_key())),
    ("weak-key", "warning"): lambda: itself(issue(HOST, key=rsa_key(1024))),
    ("odd-key-size", "info"): lambda: itself(issue(HOST, key=rsa_key(2052))),
    ("weak-signature", "error"): lambda: with_issuer(alter(issue(HOST, by=ROOT), ROOT, MD5_WITH_RSA)),
    ("weak-signature", "warning"): lambda: itself(alter(issue(HOST, by=ROOT), ROOT, MD5_WITH_RSA)),
    ("expired", "error"): lambda: with_issuer(issue(HOST, by=EXPIRED), EXPIRED),
    ("no-digital-signature", "error"): lambda: itself(issue(HOST, more=[key_usage()])),
    ("no-server-auth", "error"): lambda: with_issuer(issue(HOST, by=ROOT, purpose=CLIENTS_ONLY)),
    ("no-server-auth", "warning"): lambda: below(intermediate(purpose=CLIENTS_ONLY), ROOT),
    ("unusual-purpose", "info"): lambda: with_issuer(issue(HOST, by=ROOT, more=[(MANY_PURPOSES, False)])),
    ("unknown-critical-extension", "error"): lambda: with_issuer(issue(HOST, by=ROOT, more=UNKNOWN)),
    ("unknown-critical-extension", "warning"): lambda: below(intermediate(more=UNKNOWN), ROOT),
    ("ca-without-basic-constraints", "warning"): lambda: below(
        intermediate(ca=None, more=[key_usage(key_cert_sign=True)]), ROOT
    ),
    ("not-a-ca", "warning"): lambda: below(intermediate(ca=False, more=[key_usage(key_cert_sign=True)])),
    ("ca-without-key-cert-sign", "error"): lambda: below(intermediate(more=DIGITAL_SIGNATURE), ROOT),
    ("ca-without-key-cert-sign", "info"): lambda: itself(issue(HOST, ca=True, more=DIGITAL_SIGNATURE)),
    ("name-constraints", "error"): lambda: below(issue(ca=True, permitted="other.test")),
    ("path-length-exceeded", "warning"): deep,
    ("chain-incomplete", "info"): lambda: with_issuer(issue(HOST, by=(above := intermediate())).alone, above),
    ("unreadable-extension", "error"): lambda: below(add_extension(issue(ca=True), NAME_CONSTRAINTS, b"damaged")),
    ("unreadable-extension", "warning"): lambda: below(add_extension(issue(ca=True), POLICIES, b"damaged")),
    ("unreadable-name", "info"): lambda: itself(alter(issue(HOST), subject=NOT_TEXT, issuer=NOT_TEXT)),
    ("version-1", "info"): lambda: below(alter(issue(ca=True), version=b"", extensions=b"")),
    ("invalid-dns-name", "info"): lambda: itself(issue(common_name="a", more=[(WITH_PORT, False)])),
    ("common-name-ignored", "info"): lambda: itself(issue(HOST, common_name="other.test")),
    ("name-constraints-not-critical", "info"): lambda: below(issue(ca=True, more=[(FOR_HOST, False)])),
    ("no-key-identifier", "info"): lambda: below(issue(ca=True, identified=False)),
    ("unusual-serial-number", "info"): lambda: itself(alter(issue(HOST), serial_number=tlv(0x02, b"\xff"))),
    ("empty-issuer", "info"): lambda: itself(alter(issue(HOST, by=ROOT), ROOT, issuer=tlv(0x30))),
}


@pytest.mark.parametrize(("code", "severity"), KINDS)
def test_the_gateway_refuses_errors_and_nothing_else(holdfast: Holdfast, code: str, severity: str):
    identity, anchors = KINDS[code, severity]()
    assert judge(*anchors, host=HOST)[code] == severity
    assert ("error" in judge(*anchors, host=HOST).values()) == (severity == "error")
    assert is_accepted(holdfast, identity, anchors, HOST) == (severity != "error")


def test_the_gateway_cannot_check_name_constraints_about_addresses(holdfast: Holdfast):
    network = x509.IPAddress(ip_network("127.0.0.0/8"))
    root = issue(ca=True, more=[(x509.NameConstraints([network], None), True)])
    identity = issue("127.0.0.1", by=root)
    assert judge(root, host="127.0.0.1")["name-constraints"] == "error"
    assert not is_accepted(holdfast, identity, [root], "127.0.0.1")


@pytest.mark.parametrize(
    ("name", "matches"),
    [
        ("*.b.localhost", True),
        ("f*.b.localhost", True),
        ("*oo.b.localhost", True),
        ("foo.*.localhost", False),
        ("*.localhost", False),
        ("*", False),
        ("foo.b.localhost.", False),
    ],
)
def test_the_gateway_matches_wildcards_as_findings_say(holdfast: Holdfast, name: str, matches: bool):
    identity = issue(name, common_name="backend")
    assert ("name-mismatch" not in judge(identity, host="foo.b.localhost")) == matches
    assert is_accepted(holdfast, identity, [identity], "foo.b.localhost") == matches


@pytest.mark.parametrize(("name", "host"), [("*.co.uk", "bank.co.uk"), ("*.github.io", "bank.github.io")])
def test_the_gateway_knows_no_public_suffixes(holdfast: Holdfast, name: str, host: str):
    identity = issue(name)
    with Backend(identity) as backend:
        path = holdfast.publish_trusted_api(backend.url(), identity.pem).path
        assert holdfast.call(path).status_code == 503
        holdfast.decide(backend.url(), names=[host])
        assert holdfast.call(path).status_code == 200


def is_accepted(holdfast: Holdfast, identity: Identity, anchors: list[Identity], host: str) -> bool:
    """Ask whether the gateway would accept a backend at *host* that presents *identity*, if it trusted *anchors*."""
    with Backend(identity) as backend:
        form = {"endpoint": (None, backend.url(host=host))}
        file = {"certificate": ("backend.crt", b"".join(anchor.pem for anchor in anchors))}
        answer = holdfast.rest.post("/endpoints/probe", files=form | file)
        assert answer.status_code == 200, answer.text
        verdict = answer.json()["verdict"]
        assert verdict["answeredBy"] == "gateway"
        return bool(verdict["accepted"])
