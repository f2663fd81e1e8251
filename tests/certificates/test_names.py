"""Distinguished names as text, including those that `cryptography` can't read."""

import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from holdfast.certificates.formats.der import NotDer, encode_oid, read
from holdfast.certificates.names import NOT_TEXT, list_common_names, write_distinguished_name, write_name
from issuing import tlv

COMMON_NAME = "2.5.4.3"
OIDS = [NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.USER_ID, NameOID.EMAIL_ADDRESS]
TYPES = [_ASN1Type.UTF8String, _ASN1Type.BMPString]
attributes = st.builds(
    lambda kind, text, type_: x509.NameAttribute(kind, text, _type=type_),
    st.sampled_from(OIDS),
    st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0xFFFF), min_size=1, max_size=12)
    | st.text('#\\ ,+\0x"<>;', min_size=1, max_size=6),
    st.sampled_from(TYPES),
)


def make_attribute(tag: int, content: bytes, kind: str = COMMON_NAME) -> bytes:
    return tlv(0x30, tlv(0x06, encode_oid(kind)), tlv(tag, content))


def name(*attributes: bytes) -> bytes:
    """Return a distinguished name of one RDN."""
    return tlv(0x30, tlv(0x31, *attributes))


@given(st.lists(attributes, max_size=3))
def test_a_name_is_formatted_as_by_cryptography(attributes):
    x509_name = x509.Name(attributes)
    assert write_name(x509_name) == ", ".join(rdn.rfc4514_string() for rdn in reversed(x509_name.rdns))
    common_names = [attribute.value for attribute in x509_name.get_attributes_for_oid(NameOID.COMMON_NAME)]
    assert list_common_names(read(x509_name.public_bytes())[0]) == tuple(common_names)


def test_attributes_of_one_rdn_are_joined_by_plus_signs():
    assert (
        write_distinguished_name(*read(name(make_attribute(0x0C, b"a"), make_attribute(0x0C, b"b", "2.5.4.10"))))
        == "CN=a+O=b"
    )


UNUSUAL = [  # tag and content of a value, and the expected text
    (0x03, b"\0x", "CN=#03020078"),
    (0x02, b"\1", "CN=#020101"),
    (0x05, b"", "CN=#0500"),
    (0x0C, b"", "CN="),
    (0x0C, b"a\0b", "CN=a\\00b"),
    (0x13, b"a@b*", "CN=a@b*"),
    (0x14, b"caf\xe9", "CN=café"),
    (0x1C, b"\0\0\0a", "CN=a"),
    (0x1E, b"\0a", "CN=a"),
]


@pytest.mark.parametrize(("tag", "content", "text"), UNUSUAL)
def test_values_that_cryptography_cannot_read_are_shown(tag, content, text):
    assert write_distinguished_name(*read(name(make_attribute(tag, content)))) == text
    assert (NOT_TEXT in text) == (tag in (0x02, 0x03, 0x05))


DAMAGED = [
    name(make_attribute(0x0C, b"\xff")),
    name(make_attribute(0x0C, b"\xed\xa0\x80")),
    name(make_attribute(0x1E, b"abc")),
    name(make_attribute(0x1E, b"\xd8\0\xdc\0")),
    name(make_attribute(0x1C, b"\0\x11\0\0")),
    name(make_attribute(0x03, b"")),
    name(make_attribute(0x02, b"")),
    name(),
    name(tlv(0x30, tlv(0x06, b"\x80\1"), tlv(0x0C, b"a"))),
    name(tlv(0x30, tlv(0x06, encode_oid(COMMON_NAME)), tlv(0x0C, b"a"), tlv(0x0C, b"b"))),
    tlv(0x30, tlv(0x30, make_attribute(0x0C, b"a"))),
]


@pytest.mark.parametrize("der", DAMAGED, ids=bytes.hex)
def test_a_name_that_gateways_reject_is_refused(der):
    with pytest.raises(NotDer):
        write_distinguished_name(*read(der))


def test_an_empty_name_is_an_empty_text():
    assert write_distinguished_name(*read(tlv(0x30))) == ""
