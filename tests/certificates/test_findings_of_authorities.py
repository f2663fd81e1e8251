"""Findings about CAs, and about the certificates of a file together."""

from ipaddress import ip_network

import pytest
from cryptography import x509

from certificates.judging import HOST, codes_of, findings, judge
from issuing import Identity, alter, issue, key_usage, tlv
from odd_certificates import add_extension

ROOT = issue(ca=True, common_name="root")
INTERMEDIATE = issue(by=ROOT, ca=True, common_name="intermediate")
LEAF = issue(HOST, by=INTERMEDIATE)


def test_a_ca_without_basic_constraints_is_reported():
    root = issue(ca=None, common_name="root")
    assert judge(issue(HOST, by=root), root)["ca-without-basic-constraints"] == "warning"
    assert judge(issue(ca=None, more=[key_usage(key_cert_sign=True)]))["ca-without-basic-constraints"] == "warning"
    assert judge(issue(HOST, ca=None)) == {"ca-without-basic-constraints": "info"}
    assert judge(issue(HOST, by=ROOT, ca=None)) == {}
    assert judge(issue(HOST, ca=None, more=[key_usage(digital_signature=True)])) == {}


def test_version_1_certificates_need_no_basic_constraints():
    old = alter(issue(ca=True, common_name="old"), version=b"", extensions=b"")
    assert codes_of(old, issue(HOST, by=old), old) == {"version-1"}


def test_an_issuer_marked_as_not_a_ca_is_reported():
    root = issue(ca=False, common_name="root")
    assert judge(issue(HOST, by=root), root)["not-a-ca"] == "warning"
    assert judge(issue(HOST, more=[key_usage(digital_signature=True, key_cert_sign=True)])) == {"not-a-ca": "warning"}
    assert judge(issue(HOST), root, host="") == {}


def test_a_ca_without_key_cert_sign_is_reported():
    def ca(**bits: bool) -> Identity:
        return issue(by=ROOT, ca=True, common_name="ca", more=[key_usage(**bits)])

    assert judge(ca(digital_signature=True)) == {"ca-without-key-cert-sign": "error"}
    assert judge(ca(key_cert_sign=True)) == {}
    own = issue(HOST, ca=True, more=[key_usage(digital_signature=True)])
    assert judge(own) == {"ca-without-key-cert-sign": "info"}
    assert judge(issue("other.test", by=own), own)["ca-without-key-cert-sign"] == "error"


def test_a_root_that_can_issue_for_any_name_is_reported():
    assert judge(ROOT)["ca-for-any-name"] == "info"
    assert "ca-for-any-name" not in judge(INTERMEDIATE)
    assert "ca-for-any-name" not in judge(issue(ca=True, permitted="test"))
    assert "ca-for-any-name" not in judge(issue(HOST))


@pytest.mark.parametrize(
    ("permitted_name", "excluded_name", "severity"),
    [
        ("other.test", None, "error"),
        (".backend.test", None, "error"),
        ("ackend.test", None, "error"),
        (None, "test", "error"),
        (None, "backend.test", "error"),
        ("test", None, None),
        (".test", None, None),
        ("BACKEND.test", None, None),
        (None, "a.backend.test", None),
    ],
)
def test_name_constraints_that_exclude_the_backend_are_reported(permitted_name, excluded_name, severity):
    subtrees = ([x509.DNSName(name)] if name else None for name in (permitted_name, excluded_name))
    ca = issue(by=ROOT, ca=True, more=[(x509.NameConstraints(*subtrees), True)])
    assert judge(ca).get("name-constraints") == severity
    assert judge(ca, host="") == {}


def test_the_gateway_cannot_check_name_constraints_about_addresses():
    network = [x509.IPAddress(ip_network("127.0.0.0/8"))]
    ca = issue(by=ROOT, ca=True, more=[(x509.NameConstraints(network, None), True)])
    assert judge(ca, host="127.0.0.1") == {"name-constraints": "error"}
    assert judge(ca) == {}
    assert judge(issue(by=ROOT, ca=True, permitted="other.test"), host="127.0.0.1") == {}


def test_a_ca_that_may_issue_for_one_of_several_names_is_accepted():
    ca = issue(by=ROOT, ca=True, permitted="a.test")
    assert "name-constraints" not in judge(ca, host="b.test a.test")
    assert judge(ca, host="b.test c.test")["name-constraints"] == "error"


def test_name_constraints_do_not_concern_the_certificate_that_has_them():
    assert judge(issue(HOST, ca=True, permitted="other.test")) == {}


def test_a_ca_beyond_the_path_length_is_reported():
    top = issue(ca=True, path_length=1, common_name="top")
    first = issue(by=top, ca=True, common_name="first")
    second = issue(by=first, ca=True, common_name="second")
    leaf = issue(HOST, by=second)
    (finding,) = (finding for finding in findings(leaf, second, first, top) if finding.code == "path-length-exceeded")
    assert finding.message.startswith("CN=top allows at most 1 CA below it, and this one is deeper.")
    assert "path-length-exceeded" in codes_of(second, leaf, second, first, top)
    assert "path-length-exceeded" not in judge(issue(HOST, by=first), first, top)
    assert "path-length-exceeded" not in judge(leaf, second, top)


def test_path_length_zero_allows_leaves():
    only = issue(ca=True, path_length=0, common_name="only")
    assert "path-length-exceeded" not in judge(issue(HOST, by=only), only)
    assert judge(issue(by=only, ca=True, common_name="deeper"), only)["path-length-exceeded"] == "warning"


def test_a_leaf_whose_issuer_is_missing_next_to_a_ca_is_reported():
    assert judge(LEAF, ROOT)["chain-incomplete"] == "warning"
    assert "chain-incomplete" not in judge(LEAF, INTERMEDIATE, ROOT)
    assert judge(LEAF) == {}
    assert judge(LEAF, issue(HOST)) == {}
    assert codes_of(LEAF, LEAF, issue(HOST, by=ROOT), ROOT) == set()


def test_an_issuer_is_recognized_by_name_and_key():
    namesake = issue(ca=True, common_name="root")
    assert judge(issue(HOST, by=ROOT), namesake)["chain-incomplete"] == "warning"
    nameless = alter(issue(by=ROOT, ca=True, identified=False), ROOT, subject=tlv(0x30))
    leaf = alter(issue(HOST, by=ROOT, identified=False), ROOT, issuer=tlv(0x30))
    assert codes_of(leaf, nameless, leaf) == {"empty-issuer", "no-key-identifier"}


def test_a_ca_whose_issuer_is_missing_is_reported_as_sufficient():
    assert judge(LEAF, INTERMEDIATE) == {"chain-incomplete": "info"}
    assert codes_of(INTERMEDIATE, LEAF, INTERMEDIATE) == {"chain-incomplete"}
    assert judge(INTERMEDIATE) == {}


def test_the_wrong_order_is_reported_once():
    assert codes_of(INTERMEDIATE, ROOT, INTERMEDIATE, LEAF) == {"chain-out-of-order"}
    assert codes_of(LEAF, ROOT, INTERMEDIATE, LEAF) == set()
    assert "chain-out-of-order" not in judge(LEAF, INTERMEDIATE, ROOT)
    assert judge(issue(HOST), issue(HOST)) == {}


def test_indistinguishable_certificates_are_reported_before_they_are_refused():
    one, other = (issue(HOST, identified=False) for _ in range(2))
    assert codes_of(other, one, other) == {"indistinguishable"}
    assert judge(issue(HOST), issue(HOST)) == {}


def test_examining_cas_that_issued_each_other_ends():
    one = issue(by=ROOT, ca=True, path_length=0, common_name="one", identified=False)
    other = issue(by=one, ca=True, path_length=0, common_name="other", identified=False)
    back = issue(by=other, ca=True, common_name="one", key=one.key, identified=False)
    assert "path-length-exceeded" in judge(one, other, back)


@pytest.mark.parametrize(
    ("content", "of_host", "of_address"),
    [
        ("3000", {"unreadable-extension": "warning"}, {"unreadable-extension": "warning"}),
        (
            "3009a00730058703010203",
            {"unreadable-extension": "warning"},
            {"unreadable-extension": "warning", "name-constraints": "error"},
        ),
        ("30000500", {"unreadable-extension": "error"}, {"unreadable-extension": "error"}),
    ],
)
def test_malformed_name_constraints_are_read_as_gateways_do(content, of_host, of_address):
    ca = add_extension(issue(ca=True), "2.5.29.30", bytes.fromhex(content), critical=True)
    codes = {"unreadable-extension", "name-constraints"}
    for host, expected in ((HOST, of_host), ("127.0.0.1", of_address)):
        assert {code: severity for code, severity in judge(ca, host=host).items() if code in codes} == expected
