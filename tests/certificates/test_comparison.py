"""Differences between a presented chain and a trust set, by field."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from holdfast.certificates.certificate import Certificate, read_certificate
from holdfast.certificates.comparison import FROM_PUBLIC, PUBLIC, Difference, Mismatch, compare, find_path
from holdfast.certificates.identity import parse_reference
from holdfast.certificates.revocation import read_revocation_lists
from holdfast.certificates.trust import TrustSet
from holdfast.gateway.failures.causes import CERTIFICATE_CAUSES
from issuing import DAY, Identity, issue, p256, revoke
from trusting import trust_set

NOW = datetime.now(UTC)
HOST = "a.test"
ROOT = issue(ca=True, common_name="Root")
INTERMEDIATE = issue(ca=True, by=ROOT, common_name="Intermediate")


def chain_of(leaf: Identity) -> list[Certificate]:
    """Return the chain that a server sends."""
    ders = [leaf.der, *(Identity(issuer, leaf.key, ()).der for issuer in leaf.issuers)]
    return [read_certificate(der) for der in ders]


def make_trust(*anchors: Identity, host: str = HOST) -> TrustSet:
    return trust_set([read_certificate(anchor.der) for anchor in anchors], parse_reference(host))


def find_difference(leaf: Identity, trust: TrustSet) -> tuple[str, Difference]:
    """Return the first mismatch."""
    mismatches = compare(chain_of(leaf), trust, NOW)
    assert mismatches
    assert {mismatch.code for mismatch in mismatches} <= set(CERTIFICATE_CAUSES)
    return mismatches[0].code, mismatches[0].difference


def list_codes(leaf: Identity, trust: TrustSet) -> list[str]:
    return [mismatch.code for mismatch in compare(chain_of(leaf), trust, NOW)]


@pytest.mark.parametrize(
    ("leaf", "anchor"),
    [
        (issue(HOST, by=ROOT), ROOT),
        (issue(HOST, by=INTERMEDIATE), ROOT),
        (issue(HOST, by=INTERMEDIATE).alone, INTERMEDIATE),
        (issue(HOST, by=INTERMEDIATE).followed_by(INTERMEDIATE, ROOT), ROOT),
        (issue("*.test", by=ROOT), ROOT),
        (issue(HOST, by=ROOT).followed_by(issue("junk.test")), ROOT),
    ],
)
def test_a_chain_that_a_gateway_accepts_has_no_mismatch(leaf: Identity, anchor: Identity):
    assert compare(chain_of(leaf), make_trust(anchor), NOW) == ()


def test_an_imported_leaf_needs_no_issuer():
    old = issue(ca=True, common_name="Old", start=-9 * DAY, end=-DAY)
    leaf = issue(HOST, by=old)
    assert compare(chain_of(leaf), make_trust(leaf), NOW) == ()


def test_a_chain_to_a_public_root_has_no_mismatch():
    leaf = issue(HOST, by=ROOT)
    assert compare(chain_of(leaf), make_trust(), NOW, [read_certificate(ROOT.der)]) == ()


def test_another_self_signed_certificate_differs_in_its_fingerprint():
    trust_anchor, leaf = issue(HOST), issue(HOST)
    expected = Difference("fingerprint", chain_of(trust_anchor)[0].fingerprint, chain_of(leaf)[0].fingerprint)
    assert find_difference(leaf, make_trust(trust_anchor)) == ("self_signed_not_trusted", expected)


def test_a_self_signed_certificate_is_not_trusted_by_the_public_roots():
    leaf = issue(HOST)
    expected = Difference("fingerprint", FROM_PUBLIC, chain_of(leaf)[0].fingerprint)
    assert find_difference(leaf, make_trust()) == ("self_signed_not_trusted", expected)


def test_a_missing_intermediate_and_an_unknown_issuer_are_distinguished():
    forgotten = issue(HOST, by=INTERMEDIATE).alone
    expected = Difference(
        "issuer",
        "a certificate of CN=Intermediate, sent by the backend or imported",
        "1 certificate, issued by CN=Intermediate",
    )
    assert find_difference(forgotten, make_trust(ROOT)) == ("chain_incomplete", expected)
    assert find_difference(forgotten, make_trust())[0] == "unknown_issuer"
    assert find_difference(forgotten, make_trust(issue(HOST)))[0] == "unknown_issuer"
    issuer_is_at = x509.AccessDescription(
        AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier("http://ca.test/issuer.crt")
    )
    public = issue(HOST, by=INTERMEDIATE, more=[(x509.AuthorityInformationAccess([issuer_is_at]), False)]).alone
    assert find_difference(public, make_trust()) == ("chain_incomplete", expected)


def test_the_last_certificate_sent_names_the_missing_issuer():
    second = issue(ca=True, by=INTERMEDIATE, common_name="Second")
    leaf = issue(HOST, by=second).followed_by(second)
    expected = Difference(
        "issuer",
        "a certificate of CN=Intermediate, sent by the backend or imported",
        "2 certificates, the last issued by CN=Intermediate",
    )
    assert find_difference(leaf, make_trust(ROOT)) == ("chain_incomplete", expected)


def test_a_complete_chain_to_another_root_has_an_unknown_issuer():
    other_root = issue(ca=True, common_name="Other")
    leaf = issue(HOST, by=ROOT).followed_by(ROOT)
    assert find_difference(leaf, make_trust(other_root)) == (
        "unknown_issuer",
        Difference("issuer", "CN=Other", "CN=Root"),
    )
    assert find_difference(leaf, make_trust()) == ("unknown_issuer", Difference("issuer", PUBLIC, "CN=Root"))


def test_an_anchor_with_the_same_name_and_another_key_is_reported():
    namesake = issue(ca=True, common_name="Root")
    leaf, anchor = chain_of(issue(HOST, by=ROOT))[0], chain_of(namesake)[0]
    expected = Difference(
        "issuer",
        f"CN=Root, key {anchor.subject_key_identifier}",
        f"CN=Root, key {leaf.authority_key_identifier}",
    )
    assert compare([leaf], make_trust(namesake), NOW) == (Mismatch("unknown_issuer", expected),)


def test_keys_without_identifiers_are_distinguished_by_signature():
    root = issue(ca=True, common_name="Root", identified=False)
    namesake = issue(ca=True, common_name="Root", identified=False)
    leaf = issue(HOST, by=root, identified=False)
    assert compare(chain_of(leaf), make_trust(root), NOW) == ()
    code, cause = find_difference(leaf, make_trust(namesake))
    assert (code, cause.presented) == ("unknown_issuer", "CN=Root, another key")
    assert cause.expected == f"CN=Root, key {chain_of(namesake)[0].spki_fingerprint}"


def test_an_expired_certificate_is_reported_with_its_depth():
    leaf = issue(HOST, by=ROOT, start=-9 * DAY, end=-2 * DAY)
    code, cause = find_difference(leaf, make_trust(ROOT))
    until = chain_of(leaf)[0].not_after
    assert (code, cause.field) == ("expired", "notAfter")
    assert cause.expected == f"after {NOW:%Y-%m-%d %H:%M:%S} UTC"
    assert cause.presented == f"{until:%Y-%m-%d %H:%M:%S} UTC, of the backend's own certificate, CN=a.test"
    old = issue(ca=True, by=ROOT, common_name="Old", start=-9 * DAY, end=-2 * DAY)
    code, cause = find_difference(issue(HOST, by=old), make_trust(ROOT))
    assert code == "expired"
    assert cause.presented.endswith(" UTC, of the certificate at depth 1, CN=Old")


def test_a_certificate_that_is_not_yet_valid_differs_in_not_before():
    code, cause = find_difference(issue(HOST, by=ROOT, start=DAY), make_trust(ROOT))
    assert (code, cause.field) == ("not_yet_valid", "notBefore")
    assert cause.expected == f"before {NOW:%Y-%m-%d %H:%M:%S} UTC"


def test_presented_names_are_shown_with_the_required_one():
    leaf = issue("other.test", "127.0.0.1", by=ROOT)
    expected = Difference("subjectAltName", "dNSName a.test", "dNSName other.test, iPAddress 127.0.0.1")
    assert find_difference(leaf, make_trust(ROOT)) == ("hostname_mismatch", expected)
    many = issue(*[f"{number}.test" for number in range(7)], by=ROOT)
    assert find_difference(many, make_trust(ROOT))[1].presented.endswith(", dNSName 4.test and 2 more")


def test_names_in_the_trust_settings_replace_the_host():
    leaf = issue("b.internal")
    names = tuple(map(parse_reference, ("a.internal", "b.internal")))
    assert compare(chain_of(leaf), replace(make_trust(leaf), names=names), NOW) == ()
    code, cause = find_difference(leaf, replace(make_trust(leaf), names=names[:1]))
    assert (code, cause.expected, cause.presented) == (
        "hostname_mismatch",
        "dNSName a.internal",
        "dNSName b.internal",
    )
    trust = replace(make_trust(leaf), any_name=True, certificate_pins=(chain_of(leaf)[0].fingerprint,))
    assert compare(chain_of(leaf), trust, NOW) == ()


def test_a_certificate_without_names_has_its_own_code():
    nameless = issue(by=ROOT, common_name=HOST)
    assert find_difference(nameless, make_trust(ROOT)) == (
        "no_subject_alt_name",
        Difference("subjectAltName", f"dNSName {HOST}", "none"),
    )


def test_all_mismatches_are_returned_in_the_order_of_a_gateways_checks():
    leaf = issue("other.test", start=-9 * DAY, end=-2 * DAY)
    assert list_codes(leaf, make_trust()) == ["self_signed_not_trusted", "expired", "hostname_mismatch"]
    assert list_codes(leaf, make_trust(leaf)) == ["expired", "hostname_mismatch"]


def test_an_address_as_dns_name_differs_from_the_address_in_its_kind():
    leaf = issue(more=[(x509.SubjectAlternativeName([x509.DNSName("127.0.0.1")]), False)])
    expected = Difference("subjectAltName", "iPAddress 127.0.0.1", "dNSName 127.0.0.1")
    assert find_difference(leaf, make_trust(leaf, host="127.0.0.1")) == ("hostname_mismatch", expected)


def test_only_the_first_path_through_a_cross_signed_ca_is_tried():
    first, second = (issue(ca=True, common_name=f"{name} root") for name in ("First", "Second"))
    key = p256()
    ones, others = (issue(by=root, ca=True, common_name="Cross-signed", key=key) for root in (first, second))
    leaf = issue(HOST, by=ones)
    path = find_path(chain_of(leaf.followed_by(ones, others)), make_trust(second))
    assert [certificate.issuer for certificate in path.certificates] == ["CN=Cross-signed", "CN=First root"]
    assert (path.is_anchored, path.alternative) == (False, chain_of(others)[0])
    assert find_path(chain_of(leaf.followed_by(others, ones)), make_trust(second)).is_anchored
    assert find_path(chain_of(leaf), make_trust(second)).alternative is None


def test_a_circular_chain_ends():
    first = issue(ca=True, common_name="First", identified=False)
    second = issue(ca=True, common_name="Second", by=first, identified=False)
    circle = Identity(
        issue(ca=True, common_name="First", by=second, key=first.key, identified=False).certificate, first.key, ()
    )
    leaf = issue(HOST, by=second, identified=False).followed_by(second, circle)
    assert find_difference(leaf, make_trust(ROOT))[0] in {"chain_incomplete", "unknown_issuer"}


def test_an_empty_chain_raises_an_error():
    with pytest.raises(ValueError, match="at least one"):
        compare([], make_trust(ROOT), NOW)


def compare_with(leaf: Identity, anchor: Identity, **conditions: object) -> Mismatch | None:
    """Return the mismatches with a trust set that has further conditions."""
    trust = replace(make_trust(anchor), **conditions)
    mismatches = compare(chain_of(leaf), trust, NOW)
    return mismatches[0] if mismatches else None


def test_missing_pins_are_shown_with_the_presented_ones():
    root = issue(ca=True)
    leaf, pin = issue("a.test", by=root), "ab" * 32
    own = read_certificate(leaf.der)
    assert compare_with(leaf, root, certificate_pins=(pin,)) == Mismatch(
        "pin_mismatch", Difference("fingerprint", pin, own.fingerprint)
    )
    assert compare_with(leaf, root, spki_pins=(pin,)) == Mismatch(
        "pin_mismatch", Difference("subjectPublicKeyInfo", pin, own.spki_fingerprint)
    )
    assert compare_with(leaf, root, certificate_pins=(pin,), spki_pins=(own.spki_fingerprint,)) is None


def test_a_revoked_certificate_and_an_expired_crl_are_reported():
    root = issue(ca=True, common_name="root")
    leaf = issue("a.test", by=root)
    good, bad, old = (
        read_revocation_lists(crl) for crl in (revoke(root), revoke(root, leaf), revoke(root, leaf, end=-DAY))
    )
    assert compare_with(leaf, root, revocation=good) is None
    mismatch, stale = compare_with(leaf, root, revocation=bad), compare_with(leaf, root, revocation=old)
    assert mismatch is not None
    assert (mismatch.code, mismatch.difference.field) == ("revoked", "serialNumber")
    assert f"{leaf.certificate.serial_number:x}" in mismatch.difference.presented
    assert stale is not None
    assert (stale.code, stale.difference.field) == ("crl_stale", "nextUpdate")
    beside_it = read_revocation_lists(revoke(root, end=-DAY) + revoke(root))
    assert compare_with(leaf, root, revocation=beside_it) is None
