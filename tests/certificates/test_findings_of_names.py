"""Findings about names and wildcards."""

import pytest
from cryptography import x509

from certificates.judging import HOST, findings, judge
from holdfast.certificates.certificate import read_certificate
from holdfast.certificates.identity import parse_reference, presents
from issuing import Identity, issue

ADDRESS = "127.0.0.1"


def issue_with_dns_names(*names: str, common_name: str = "backend") -> Identity:
    # `issue` would make iPAddress names from addresses.
    extension = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    return issue(common_name=common_name, more=[(extension, False)])


def test_one_matching_name_is_enough():
    assert judge(issue("other.test", HOST)) == {}
    assert judge(issue("other.test"), host="") == {}


def test_wrong_missing_and_common_names_are_distinguished():
    assert judge(issue("other.test")) == {"name-mismatch": "warning"}
    assert judge(issue(common_name="backend")) == {"no-subject-alt-name": "warning"}
    (finding,) = findings(issue(common_name=HOST))
    assert (finding.code, finding.message) == (
        "no-subject-alt-name",
        "It has backend.test only as the common name. The gateway requires it in subjectAltName.",
    )


def test_one_of_several_names_is_enough_and_all_are_listed_if_none_matches():
    names = f"a.test {HOST} {ADDRESS}"
    assert judge(issue(HOST), host=names) == judge(issue(ADDRESS), host=names) == {}
    (finding,) = findings(issue("other.test"), host=names)
    assert finding.message == f"It has the dNSName other.test. The gateway requires a.test, {HOST} or {ADDRESS}."
    (finding,) = findings(issue("other.test"), host="a b c d e f g")
    assert finding.message.endswith("requires the dNSName a, b, c, d, e or 2 more.")
    (finding,) = findings(issue(common_name=HOST), host=names)
    assert finding.message.startswith(f"It has {HOST} only as the common name")
    assert judge(issue_with_dns_names(ADDRESS), host=names) == {"address-as-dns-name": "warning"}


@pytest.mark.parametrize("certificate", [issue_with_dns_names(ADDRESS), issue(common_name=ADDRESS)])
def test_an_address_counts_only_as_an_ip_address(certificate):
    assert judge(certificate, host=ADDRESS) == {"address-as-dns-name": "warning"}
    assert judge(issue(ADDRESS, common_name=ADDRESS), host=ADDRESS) == {}


def test_an_address_in_a_self_signed_ca_is_reported():
    assert judge(issue(ca=True, common_name=ADDRESS), host=ADDRESS)["address-as-dns-name"] == "warning"
    assert judge(issue_with_dns_names("127.0.0.2"), host=ADDRESS) == {"name-mismatch": "warning"}


def test_a_ca_need_not_name_the_backend():
    root = issue(ca=True, common_name="root")
    assert judge(root)["ca-without-name"] == "info"
    assert "ca-without-name" not in judge(issue(HOST, ca=True))
    assert "ca-without-name" not in judge(issue(HOST, by=root), root)
    assert judge(issue(by=root, ca=True)) == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("*", {"wide-wildcard": "warning", "name-mismatch": "warning"}),
        ("*.test", {"wide-wildcard": "warning"}),
        ("*.backend.test", {"name-mismatch": "warning"}),
        ("b*.test", {"wide-wildcard": "warning", "forbidden-wildcard": "warning"}),
        ("*.com", {"wide-wildcard": "warning", "name-mismatch": "warning"}),
        ("*.CO.uk", {"wide-wildcard": "warning", "name-mismatch": "warning"}),
        ("*.kawasaki.jp", {"wide-wildcard": "warning", "name-mismatch": "warning"}),
        ("*.xn--p1ai", {"wide-wildcard": "warning", "name-mismatch": "warning"}),
        ("*.github.io", {"wide-wildcard": "info", "name-mismatch": "warning"}),
        ("*.s3.amazonaws.com", {"wide-wildcard": "info", "name-mismatch": "warning"}),
        ("*.city.kawasaki.jp", {"name-mismatch": "warning"}),
        ("*.example.co.uk", {"name-mismatch": "warning"}),
        ("*.a.internal", {"name-mismatch": "warning"}),
        ("github.io", {"name-mismatch": "warning"}),
    ],
)
def test_wildcards_are_reported_by_how_much_they_cover(name, expected):
    assert judge(issue_with_dns_names(name)) == expected


@pytest.mark.parametrize(
    ("name", "severity", "matches"),
    [
        ("*.b.test", None, True),
        ("f*.b.test", "warning", True),
        ("*oo.b.test", "warning", True),
        ("f*f.b.test", "warning", False),
        ("foo*foo.b.test", "warning", False),
        ("foo.*.test", "info", False),
        ("*.*.test", "info", False),
        ("**.b.test", "info", False),
        ("xn--*.b.test", "info", False),
        ("*.test", None, False),
        ("foo.b.test.", None, False),  # Envoy compares the final dot too
    ],
)
def test_wildcards_for_a_part_of_a_label_are_forbidden_and_the_gateway_accepts_some(name, severity, matches):
    certificate = issue_with_dns_names(name)
    assert judge(certificate, host="").get("forbidden-wildcard") == severity
    assert presents(read_certificate(certificate.der), parse_reference("foo.b.test")) is matches


def test_messages_stay_short_for_any_certificate():
    long = issue_with_dns_names(*(f"{number}-{'x' * 300}.test" for number in range(30)))
    assert all(len(finding.message) < 1000 for finding in findings(long))


@pytest.mark.parametrize(
    ("name", "host", "message"),
    [
        (ADDRESS, HOST, f"It has the iPAddress {ADDRESS}. The gateway requires the dNSName {HOST}."),
        ("other.test", ADDRESS, f"It has the dNSName other.test. The gateway requires the iPAddress {ADDRESS}."),
    ],
)
def test_a_wrong_name_is_reported_with_its_kind(name, host, message):
    assert [finding.message for finding in findings(issue(name), host=host)] == [message]


@pytest.mark.parametrize(
    "name", ["backend.test:8443", "https://backend.test", "backend.test.", "back end.test", ".test"]
)
def test_a_dns_name_that_is_not_a_host_name_is_reported(name):
    assert judge(issue_with_dns_names(name, HOST)) == {"invalid-dns-name": "info"}


def test_a_dns_name_with_an_underscore_is_a_host_name():
    assert judge(issue_with_dns_names("back_end.test", HOST)) == {}


def test_a_common_name_that_the_gateway_ignores_is_reported():
    assert judge(issue(HOST, common_name="other.test")) == {"common-name-ignored": "info"}
    assert judge(issue(HOST, common_name=HOST.upper())) == {}
    assert judge(issue(HOST, common_name="Pizza backend, team 7")) == {}
