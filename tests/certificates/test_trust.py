"""Certificates that a gateway can and can't distinguish."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from holdfast.certificates.certificate import Certificate, read_certificate
from holdfast.certificates.identity import parse_reference
from holdfast.certificates.trust import find_indistinguishable
from issuing import Identity, issue
from trusting import trust_set

REFERENCE = parse_reference("a.test")


def read(leaf: Identity) -> Certificate:
    return read_certificate(leaf.der)


def collide(one: Identity, other: Identity) -> bool:
    return bool(find_indistinguishable([read(one), read(other)]))


@pytest.mark.parametrize("ca", [True, False, None])
def test_self_signed_certificates_of_one_subject_collide_without_key_identifiers(ca: bool | None):
    assert collide(issue("a.test", ca=ca, identified=False), issue("a.test", ca=ca, identified=False))
    assert not collide(issue("a.test", ca=ca), issue("a.test", ca=ca))


def test_both_certificates_need_a_key_identifier():
    assert collide(issue("a.test"), issue("a.test", identified=False))


def test_different_subjects_never_collide():
    assert not collide(issue("a.test", identified=False), issue("b.test", identified=False))


def test_a_certificate_does_not_collide_with_itself():
    one = read(issue("a.test", identified=False))
    assert find_indistinguishable([one, one]) == []


def test_leaves_of_a_private_ca_do_not_collide():
    root = issue(ca=True)
    leaves = [issue("a.test", by=root, identified=False) for _ in range(2)]
    assert not collide(*leaves)


def test_a_ca_renewed_with_its_key_does_not_collide_but_a_leaf_does():
    key = ec.generate_private_key(ec.SECP256R1())
    assert not collide(issue("a.test", ca=True, key=key), issue("a.test", ca=True, key=key))
    assert collide(issue("a.test", key=key), issue("a.test", key=key))


def test_intermediates_of_one_subject_collide_unless_both_have_key_identifiers():
    root = issue(ca=True)

    def intermediate(*, with_key_identifiers: bool) -> Identity:
        return issue(by=root, ca=True, common_name="intermediate", identified=with_key_identifiers)

    assert collide(intermediate(with_key_identifiers=False), intermediate(with_key_identifiers=False))
    assert collide(intermediate(with_key_identifiers=True), intermediate(with_key_identifiers=False))
    assert not collide(intermediate(with_key_identifiers=True), intermediate(with_key_identifiers=True))


def test_the_order_of_anchors_does_not_matter_and_duplicates_are_dropped():
    one, two = read(issue("a.test")), read(issue("a.test"))
    assert trust_set([one, two, one], REFERENCE) == trust_set([two, one], REFERENCE)
    assert trust_set([one], REFERENCE).anchors_hash != trust_set([two], REFERENCE).anchors_hash
