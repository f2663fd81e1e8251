"""The anchors that a backend's chain leads to."""

import pytest
from cryptography import x509

from holdfast.certificates.certificate import read_certificate
from holdfast.certificates.path import MAX_CHAIN, has_issued, leads_to
from issuing import ed25519_key, issue, p521, rsa_key

ROOT, OTHER_ROOT = issue(ca=True, common_name="root"), issue(ca=True, common_name="other root")
INTERMEDIATE = issue(by=ROOT, ca=True, common_name="intermediate")
LEAF = issue("a.test", by=INTERMEDIATE)


def read(*certificates):
    return tuple(read_certificate(certificate.der) for certificate in certificates)


def find_ends(chain, anchors):
    ends = leads_to(read(*chain), read(*anchors))
    return [anchor for anchor in anchors if read(anchor)[0] in ends]


def test_a_chain_leads_to_the_root_that_is_not_sent():
    assert find_ends([LEAF, INTERMEDIATE], [OTHER_ROOT, ROOT]) == [ROOT]


def test_a_chain_leads_to_the_root_that_is_sent():
    assert find_ends([LEAF, INTERMEDIATE, ROOT], [OTHER_ROOT, ROOT]) == [ROOT]


def test_a_chain_without_its_intermediate_leads_to_the_intermediate_but_not_the_root():
    assert find_ends([LEAF], [ROOT]) == []
    assert find_ends([LEAF], [ROOT, INTERMEDIATE]) == [INTERMEDIATE]


def test_a_chain_leads_to_each_anchor_on_its_way():
    assert find_ends([LEAF, INTERMEDIATE, ROOT], [ROOT, INTERMEDIATE, LEAF]) == [ROOT, INTERMEDIATE, LEAF]


def test_a_leaf_is_an_anchor_when_it_was_imported_itself():
    one, other = issue("a.test"), issue("a.test")
    assert find_ends([one], [other, one]) == [one]
    assert find_ends([LEAF, INTERMEDIATE], [LEAF]) == [LEAF]


def test_a_cross_signed_intermediate_leads_to_both_roots():
    again = issue(by=OTHER_ROOT, ca=True, common_name="intermediate", key=INTERMEDIATE.key)
    assert find_ends([LEAF, INTERMEDIATE, again], [ROOT, OTHER_ROOT]) == [ROOT, OTHER_ROOT]
    assert find_ends([LEAF, again], [ROOT, OTHER_ROOT]) == [OTHER_ROOT]


def test_the_order_above_the_first_does_not_matter():
    low = issue(by=INTERMEDIATE, ca=True, common_name="low")
    assert find_ends([issue("a.test", by=low), ROOT, INTERMEDIATE, low], [ROOT]) == [ROOT]


@pytest.mark.parametrize("with_key_identifiers", [True, False])
def test_a_chain_does_not_lead_to_a_root_with_the_same_name_and_another_key(with_key_identifiers):
    one, other = (issue(ca=True, common_name="twin", identified=with_key_identifiers) for _ in range(2))
    leaf = issue("a.test", by=one, identified=with_key_identifiers)
    assert find_ends([leaf], [other, one]) == [one]


def test_a_chain_leads_to_a_root_renewed_with_its_key():
    successor = issue(ca=True, common_name="root", key=ROOT.key)
    assert find_ends([LEAF, INTERMEDIATE], [ROOT, successor]) == [ROOT, successor]


def test_certificates_that_are_not_issuers_of_the_first_are_ignored():
    """A backend that still sends its old intermediate doesn't use the old root."""
    new = issue("a.test", by=OTHER_ROOT)
    assert find_ends([new, INTERMEDIATE], [ROOT, INTERMEDIATE, OTHER_ROOT]) == [OTHER_ROOT]


@pytest.mark.parametrize("key", [rsa_key, p521, ed25519_key])
def test_signatures_of_every_usual_kind_are_verified(key):
    root, impostor = (issue(ca=True, common_name="root", key=key(), identified=False) for _ in range(2))
    leaf = issue("a.test", by=root, identified=False)
    assert find_ends([leaf], [root, impostor]) == [root]


def test_an_anchor_with_another_type_of_key_is_not_an_issuer():
    leaf = issue("a.test", by=issue(ca=True, common_name="root", key=rsa_key(), identified=False), identified=False)
    impostor = issue(ca=True, common_name="root", key=ed25519_key(), identified=False)
    assert not has_issued(*read(impostor, leaf))


def test_an_empty_chain_leads_to_no_anchor():
    assert leads_to((), read(ROOT)) == leads_to(read(LEAF), ()) == ()


def test_only_the_beginning_of_a_chain_is_examined():
    filler = [OTHER_ROOT] * (MAX_CHAIN - 1)
    assert find_ends([LEAF, *filler, INTERMEDIATE], [ROOT]) == []
    assert find_ends([LEAF, *filler[1:], INTERMEDIATE], [ROOT]) == [ROOT]


def test_an_issuer_with_another_key_identifier_is_ignored():
    """The gateway ignores it, although the signature would match."""
    leaf = issue("a.test", by=ROOT)
    silent, odd = (
        issue(ca=True, common_name="root", key=ROOT.key, identified=False, more=more)
        for more in ([], [(x509.SubjectKeyIdentifier(b"another"), False)])
    )
    assert find_ends([leaf], [ROOT, silent, odd]) == [ROOT, silent]
