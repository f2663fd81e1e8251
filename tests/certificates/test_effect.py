"""Sentences that explain a trust set."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from holdfast.certificates.certificate import read_certificate
from holdfast.certificates.effect import describe_effect
from holdfast.certificates.identity import parse_reference
from holdfast.certificates.revocation import read_revocation_lists
from holdfast.certificates.trust import TlsVersion, TrustSet
from issuing import DAY, issue, revoke
from trusting import trust_set

HOST = parse_reference("a.internal")
ROOT = issue(ca=True, common_name="root")
LEAF = issue("a.internal", by=ROOT)
BY_ROOT = trust_set([read_certificate(ROOT.der)], HOST)
BY_LEAF = trust_set([read_certificate(LEAF.der)], HOST)
PUBLIC = trust_set([], HOST)
PIN = "ab" * 32


@pytest.mark.parametrize(
    ("trust", "sentence"),
    [
        (PUBLIC, "is valid for a.internal and was issued by a public CA."),
        (BY_ROOT, "is valid for a.internal and was issued by root."),
        (replace(BY_ROOT, with_public_roots=True), "was issued by root or a public CA."),
        (BY_LEAF, "is valid for a.internal and is, or was issued by, a.internal."),
        (
            replace(BY_LEAF, with_public_roots=True),
            "is, or was issued by, a.internal, or was issued by a public CA.",
        ),
        (
            replace(BY_ROOT, names=(parse_reference("b.internal"), parse_reference("192.0.2.1"))),
            "is valid for b.internal or 192.0.2.1 and was issued by root.",
        ),
        (
            replace(BY_LEAF, any_name=True, certificate_pins=(PIN,)),
            ", whatever its names, is, or was issued by, a.internal",
        ),
    ],
)
def test_the_first_sentence_is_the_main_rule(trust: TrustSet, sentence: str):
    first = describe_effect(trust)[0]
    assert first.startswith("The gateway accepts a backend only if its certificate")
    assert sentence in first


def test_authorities_are_named_by_their_common_names_and_by_more_only_if_they_share_them():
    root = read_certificate(ROOT.der)
    same = replace(root, subject="CN=root,O=Fabrikam", fingerprint="ab")
    other = read_certificate(issue(ca=True, common_name="other").der)
    sentence = describe_effect(trust_set([root, other], HOST))[0]
    assert sentence.endswith("was issued by other or root.")
    alike = describe_effect(trust_set([root, same, other], HOST))[0]
    assert alike.endswith("was issued by CN=root, CN=root,O=Fabrikam or other.")


def test_each_further_condition_has_a_sentence():
    revocation = read_revocation_lists(revoke(ROOT))
    trust = replace(BY_ROOT, certificate_pins=(PIN,), spki_pins=(PIN,), revocation=revocation, sni="")
    text = " ".join(describe_effect(trust))
    pins = (
        "The certificate's SHA-256 fingerprint must be abababababababab…, or its key's SHA-256 fingerprint must be aba"
    )
    assert pins in text
    assert "It rejects the backend if a CRL of CN=root revokes the certificate or a CA above it" in text
    assert f"it rejects every certificate from {revocation[0].next_update:%Y-%m-%d}" in text
    older = read_revocation_lists(revoke(ROOT, end=-DAY))
    assert describe_effect(replace(trust, revocation=(*older, *revocation))) == describe_effect(trust)
    assert "It uses TLS 1.2 or 1.3 and sends no SNI." in text


def test_the_last_sentence_describes_the_connection():
    only = replace(PUBLIC, tls_minimum=TlsVersion.TLS_1_3, sni="b.internal")
    assert describe_effect(only)[-1] == "It uses TLS 1.3 and sends SNI b.internal."


def test_an_exception_is_stated_instead_of_the_rules():
    until = datetime(2026, 12, 1, 10, 30, tzinfo=UTC)
    (only,) = describe_effect(replace(BY_ROOT, unverified_until=until))
    assert "Until 2026-12-01 10:30 UTC" in only
    assert "verification is off" in only


def test_many_names_are_counted():
    names = tuple(parse_reference(f"n{number}.internal") for number in range(9))
    assert (
        "n0.internal, n1.internal, n2.internal, n3.internal, n4.internal or 4 more"
        in describe_effect(replace(PUBLIC, names=names))[0]
    )


def test_a_trust_set_without_any_check_is_invalid():
    with pytest.raises(ValueError, match="requires a certificate pin"):
        replace(BY_ROOT, any_name=True)
    with pytest.raises(ValueError, match="above the maximum"):
        replace(BY_ROOT, tls_minimum=TlsVersion.TLS_1_3, tls_maximum=TlsVersion.TLS_1_2)
