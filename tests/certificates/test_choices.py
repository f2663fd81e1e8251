"""Choices of presented certificates to trust."""

import pytest

from holdfast.certificates.certificate import read_certificate
from holdfast.certificates.choices import ChainRole, get_role, list_choices
from issuing import issue

HOST = "backend.test"
ROOT = issue(ca=True, common_name="root")
UPPER = issue(by=ROOT, ca=True, common_name="upper")
LOWER = issue(by=UPPER, ca=True, common_name="lower")
LEAF = issue(HOST, by=LOWER)
STRANGER = issue(ca=True, common_name="stranger")


def list_offers(*chain) -> list[tuple[str, str]]:
    return [
        (choice.kind.value, choice.certificate.subject)
        for choice in list_choices([read_certificate(s.der) for s in chain])
    ]


LEAF_ALONE = ("leaf", f"CN={HOST}")


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ([LEAF, LOWER, UPPER, ROOT], [("root", "CN=root"), ("intermediate", "CN=upper"), LEAF_ALONE]),
        ([LEAF, ROOT, UPPER, LOWER], [("root", "CN=root"), ("intermediate", "CN=upper"), LEAF_ALONE]),
        ([LEAF, LOWER, UPPER], [("intermediate", "CN=upper"), LEAF_ALONE]),
        ([LEAF, LOWER], [("intermediate", "CN=lower"), LEAF_ALONE]),
        ([LEAF], [LEAF_ALONE]),
        ([LEAF, LOWER, STRANGER], [("intermediate", "CN=lower"), LEAF_ALONE]),
        ([LEAF, UPPER, ROOT], [LEAF_ALONE]),
        ([LEAF, LEAF, LOWER, LOWER], [("intermediate", "CN=lower"), LEAF_ALONE]),
        ([issue(HOST, by=ROOT), ROOT], [("root", "CN=root"), LEAF_ALONE]),
        ([issue(HOST, ca=True)], [LEAF_ALONE]),
        ([issue(HOST), STRANGER], [LEAF_ALONE]),
        ([], []),
    ],
)
def test_issuers_of_the_backends_own_certificate_are_offered(chain, expected):
    assert list_offers(*chain) == expected


def test_only_cas_are_offered_as_cas():
    fake = issue(by=ROOT, ca=False, common_name="lower")
    assert list_offers(issue(HOST, by=fake), fake) == [LEAF_ALONE]


def test_a_ca_with_the_same_name_and_another_key_is_not_the_issuer():
    namesake = issue(ca=True, common_name="lower")
    assert list_offers(LEAF, namesake, LOWER) == [("intermediate", "CN=lower"), LEAF_ALONE]


def test_following_issuers_stops_at_cas_that_issued_each_other():
    keys = [issue(ca=True, common_name=name) for name in ("a", "b")]
    a, b = (issue(by=keys[1 - n], ca=True, common_name="ab"[n], key=keys[n].key) for n in (0, 1))
    assert list_offers(issue(HOST, by=a), a, b) == [("intermediate", "CN=b"), LEAF_ALONE]


def test_each_choice_explains_renewals_and_what_an_attacker_would_need():
    chain = [read_certificate(leaf.der) for leaf in (LEAF, LOWER, UPPER, ROOT)]
    sentences = {choice.sentence for choice in list_choices(chain)}
    sentences |= {choice.sentence for choice in list_choices([read_certificate(issue(HOST).der)])}
    assert len(sentences) == 4
    for sentence in sentences:
        assert sentence.endswith(".")
        assert "attacker" in sentence
        assert "renewal" in sentence.lower()


def test_each_certificate_has_a_role():
    chain = [read_certificate(leaf.der) for leaf in (LEAF, LOWER, ROOT)]
    assert [get_role(chain, position) for position in range(3)] == [
        ChainRole.LEAF,
        ChainRole.INTERMEDIATE,
        ChainRole.ROOT,
    ]
    assert get_role([read_certificate(ROOT.der)], 0) is ChainRole.LEAF
