"""Findings about lifetime, key, signature, usage and form, each with a counterexample."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from certificates.judging import HOST, findings, judge
from holdfast.certificates.errors import MalformedCertificate
from holdfast.certificates.formats import der
from holdfast.certificates.formats.parsing import parse
from issuing import (
    CLIENTS_ONLY,
    DAY,
    MD5_WITH_RSA,
    SHA1_WITH_RSA,
    UNKNOWN_EXTENSION,
    Identity,
    alter,
    curve_key,
    dsa_key,
    ed448_key,
    ed25519_key,
    issue,
    key_usage,
    p521,
    rsa_key,
    tlv,
)
from odd_certificates import (
    AUTHORITY_KEY_IDENTIFIER,
    SUBJECT_KEY_IDENTIFIER,
    add_extension,
    describe_curve,
    make_critical,
)

RSA = rsa_key()
RSA_ROOT = issue(ca=True, key=RSA, common_name="root")
OLD = issue(ca=True, start=-9 * DAY, end=-DAY, common_name="old root")


def test_an_expired_issuer_is_reported_as_rejecting_everything_that_it_issued():
    below = issue(HOST, by=OLD)
    (finding,) = (finding for finding in findings(below, OLD) if finding.code == "expired")
    assert "rejects everything that it issued" in finding.message
    assert "rejects everything that it issued" not in findings(OLD)[0].message


def test_dates_in_the_wrong_order_are_reported_once():
    good = issue(HOST, start=2 * DAY, end=5 * DAY)
    (certificate,) = der.read(good.der)
    start, end = certificate.read_children()[0].read_children()[4].read_children()
    assert judge(alter(good, validity=tlv(0x30, bytes(end.raw), bytes(start.raw)))) == {"never-valid": "error"}
    assert judge(good) == {"not-yet-valid": "error"}


def test_only_server_certificates_are_limited_to_825_days():
    assert judge(issue(HOST, start=-DAY, end=825 * DAY)) == {"long-validity": "info"}
    assert judge(issue(HOST, start=-DAY, end=824 * DAY)) == {}
    assert "long-validity" not in judge(issue(ca=True, end=3650 * DAY))


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (lambda: rsa_key(1024), {"weak-key": "warning"}),
        (lambda: rsa_key(2052), {"odd-key-size": "info"}),
        (lambda: RSA, {}),
        (dsa_key, {"weak-key": "error"}),
        (lambda: curve_key(ec.SECP224R1()), {"weak-key": "error"}),
        (lambda: curve_key(ec.SECP256K1()), {"unsupported-key": "error"}),
        (p521, {}),
        (ed25519_key, {"ed25519-key": "info"}),
        (ed448_key, {"unsupported-key": "error"}),
    ],
)
def test_keys_are_reported_by_what_the_gateway_does_with_them(key, expected):
    assert judge(issue(HOST, key=key())) == expected


def test_a_p224_key_is_accepted_in_a_ca_but_not_in_a_backend():
    intermediate = issue(by=RSA_ROOT, ca=True, key=curve_key(ec.SECP224R1()))
    assert judge(intermediate) == {"weak-key": "warning"}


def test_an_rsa_key_only_for_pss_is_unsupported():
    (certificate,) = der.read(RSA_ROOT.der)
    bits = certificate.read_children()[0].read_children()[6].read_children()[1]
    only_pss = tlv(0x30, tlv(0x30, tlv(0x06, der.encode_oid("1.2.840.113549.1.1.10"))), bytes(bits.raw))
    assert judge(alter(RSA_ROOT, spki=only_pss))["unsupported-key"] == "error"
    assert "unsupported-key" not in judge(RSA_ROOT)


@pytest.mark.parametrize(
    ("algorithm", "without_issuer", "below_its_issuer"),
    [(MD5_WITH_RSA, "warning", "error"), (SHA1_WITH_RSA, "warning", "warning"), (None, None, None)],
)
def test_a_weak_signature_is_an_error_only_if_the_gateway_checks_it(algorithm, without_issuer, below_its_issuer):
    leaf = alter(issue(HOST, by=RSA_ROOT), RSA_ROOT, algorithm)
    assert judge(leaf).get("weak-signature") == without_issuer
    assert judge(leaf, RSA_ROOT).get("weak-signature") == below_its_issuer


def test_a_root_may_be_signed_with_md5():
    assert "weak-signature" not in judge(alter(RSA_ROOT, RSA_ROOT, MD5_WITH_RSA))


def test_a_server_certificate_without_digital_signature_is_an_error():
    assert judge(issue(HOST, more=[key_usage()])) == {"no-digital-signature": "error"}
    assert judge(issue(HOST, more=[key_usage(digital_signature=True)])) == {}


def test_a_root_with_host_names_and_only_key_cert_sign_is_accepted():
    assert judge(issue(HOST, ca=True, more=[key_usage(key_cert_sign=True)])) == {"ca-for-any-name": "info"}


def test_a_purpose_other_than_tls_is_reported():
    server, signing = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CODE_SIGNING
    assert judge(issue(HOST, more=[(x509.ExtendedKeyUsage([server, signing]), False)])) == {"unusual-purpose": "info"}
    clients = x509.ExtendedKeyUsage([server, ExtendedKeyUsageOID.CLIENT_AUTH])
    assert judge(issue(HOST, more=[(clients, False)])) == {}


def test_name_constraints_that_are_not_critical_are_reported():
    constraints = x509.NameConstraints([x509.DNSName(HOST)], None)
    assert judge(issue(HOST, ca=True, more=[(constraints, False)])) == {"name-constraints-not-critical": "info"}
    assert judge(issue(HOST, ca=True, more=[(constraints, True)])) == {}


def test_missing_key_identifiers_are_reported_if_another_certificate_needs_them():
    root = issue(ca=True, identified=False)
    assert judge(root)["no-key-identifier"] == "info"
    assert judge(issue(HOST, by=root, identified=False)) == {"no-key-identifier": "info"}
    assert judge(issue(HOST, identified=False)) == {}


def test_a_key_with_explicit_curve_parameters_is_unsupported():
    explicit = describe_curve(issue(HOST))
    assert explicit.certificate.public_key().curve.name == "secp256r1"
    assert judge(explicit) == {"unsupported-key": "error"}


@pytest.mark.parametrize("oid", [SUBJECT_KEY_IDENTIFIER, AUTHORITY_KEY_IDENTIFIER])
def test_critical_or_damaged_key_identifiers_are_reported(oid):
    leaf = issue(HOST, by=RSA_ROOT)
    critical = make_critical(leaf, oid, by=RSA_ROOT)
    assert judge(critical)["unknown-critical-extension"] == "warning"
    assert judge(critical, RSA_ROOT)["unknown-critical-extension"] == "error"
    assert judge(add_extension(leaf, oid, b"damaged", by=RSA_ROOT))["unreadable-extension"] == "error"


def test_a_client_certificate_is_an_error_only_together_with_its_issuer():
    leaf = issue(HOST, by=RSA_ROOT, purpose=CLIENTS_ONLY)
    assert judge(leaf) == {"no-server-auth": "warning"}
    assert judge(leaf, RSA_ROOT)["no-server-auth"] == "error"
    assert judge(issue(HOST, purpose=x509.ExtendedKeyUsageOID.SERVER_AUTH)) == {}
    assert judge(issue(HOST, purpose=x509.ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)) == {"no-server-auth": "warning"}
    assert judge(issue(by=RSA_ROOT, ca=True, purpose=CLIENTS_ONLY)) == {"no-server-auth": "warning"}


def test_the_gateway_ignores_an_issuer_without_key_cert_sign():
    issuer = issue(by=RSA_ROOT, ca=True, common_name="issuer", more=[key_usage(digital_signature=True)])
    assert judge(issue(HOST, by=issuer, purpose=CLIENTS_ONLY), issuer)["no-server-auth"] == "warning"


def test_an_unknown_critical_extension_is_an_error_together_with_the_issuer():
    leaf = issue(HOST, by=RSA_ROOT, more=[(UNKNOWN_EXTENSION, True)])
    assert judge(leaf) == {"unknown-critical-extension": "warning"}
    assert judge(leaf, RSA_ROOT)["unknown-critical-extension"] == "error"
    assert judge(issue(HOST, by=RSA_ROOT, more=[(UNKNOWN_EXTENSION, False)])) == {}
    assert judge(issue(by=RSA_ROOT, ca=True, permitted="test")) == {}  # critical, and known


def issue_with_serial(octets: bytes) -> Identity:
    return alter(issue(HOST), serial_number=tlv(0x02, octets))


@pytest.mark.parametrize("octets", [b"\xff", b"\0", b"\x01" * 21, b"\0" + b"\xff" * 20])
def test_an_unusual_serial_number_is_reported(octets):
    assert judge(issue_with_serial(octets)) == {"unusual-serial-number": "info"}


@pytest.mark.parametrize("octets", [b"\1", b"\x7f" * 20])
def test_the_lowest_and_the_longest_serial_number_are_accepted(octets):
    assert judge(issue_with_serial(octets)) == {}


def test_an_issuer_without_a_name_is_reported():
    leaf = issue(HOST, by=RSA_ROOT)
    assert judge(alter(leaf, RSA_ROOT, issuer=tlv(0x30))) == {"empty-issuer": "info"}
    assert judge(leaf) == {}


def test_version_1_and_its_missing_name_are_reported():
    old = alter(issue(common_name=HOST), version=b"", extensions=b"")
    assert judge(old) == {"version-1": "info", "no-subject-alt-name": "warning"}
    assert "version-1" not in judge(alter(issue(common_name=HOST), extensions=b""))


def test_version_1_with_extensions_is_refused():
    with pytest.raises(MalformedCertificate, match="only version 3 may have"):
        parse(alter(issue(HOST), version=b"").pem)
