"""
Distinguished names (RFC 5280, section 4.1.2.4) as text (RFC 4514), including those that `cryptography` cannot read.
"""

import re

from cryptography import x509

from holdfast.certificates.formats.der import OID, SEQUENCE, SET, Element, NotDer, expect, read
from holdfast.certificates.formats.structure import format_oid

_INTEGER, _BIT_STRING, _ENUMERATED, _UTF8, _UNIVERSAL, _BMP = 0x02, 0x03, 0x0A, 0x0C, 0x1C, 0x1E
_ENCODINGS = {_UTF8: "utf-8", _UNIVERSAL: "utf-32-be", _BMP: "utf-16-be"}
# In practice, Teletex strings are Latin-1; the other types are ASCII.
_ENCODINGS |= dict.fromkeys((0x12, 0x13, 0x14, 0x15, 0x16, 0x19, 0x1A, 0x1B), "latin-1")
_KEYWORDS = {  # RFC 4514, section 3
    "2.5.4.3": "CN",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.6": "C",
    "2.5.4.9": "STREET",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
}
NOT_TEXT = "=#"  # in a name, hex follows; a "#" in text would be escaped
_COMMON_NAME = "2.5.4.3"
_SPECIAL = re.compile(r'[\\"+,;<>]')


def write_distinguished_name(name: Element) -> str:
    """
    Return a distinguished name as text, most specific part first, joined with ", "; values that aren't text as #HEX.

    Raises:
        NotDer: It is damaged in a way that gateways reject too (measured on Envoy 1.40).
    """
    rdns = [[_write_attribute(attribute) for attribute in _read_attributes(rdn)] for rdn in name.read_children()]
    return ", ".join("+".join(rdn) for rdn in reversed(rdns))


def write_name(name: x509.Name) -> str:
    """Return a name read by `cryptography` as text, like `write_distinguished_name`."""
    return write_distinguished_name(read(name.public_bytes())[0])


def list_common_names(name: Element) -> tuple[str, ...]:
    """Return the common names that are text, in order. Raises NotDer."""
    values = [attribute.read_children() for rdn in name.read_children() for attribute in _read_attributes(rdn)]
    texts = [_read_text(value) for oid, value in values if format_oid(oid.content) == _COMMON_NAME]
    return tuple(text for text in texts if text is not None)


def _read_attributes(rdn: Element) -> list[Element]:
    attributes = rdn.read_children()
    if rdn.tag != SET or not attributes or any(attribute.tag != SEQUENCE for attribute in attributes):
        raise NotDer("a distinguished name is malformed")
    return attributes


def _write_attribute(attribute: Element) -> str:
    oid, *values = expect(attribute.read_children(), OID)
    if len(values) != 1:
        raise NotDer("an attribute of a distinguished name doesn't have exactly one value")
    (value,) = values
    kind, text = format_oid(oid.content), _read_text(value)
    return f"{_KEYWORDS.get(kind, kind)}={f'#{bytes(value.raw).hex()}' if text is None else _escape(text)}"


def _read_text(value: Element) -> str | None:
    """Decode *value* if it is text. Raises NotDer."""
    content = bytes(value.content)
    if value.tag in (_INTEGER, _ENUMERATED) and not content:
        raise NotDer("a number in a distinguished name is empty")
    if value.tag == _BIT_STRING and (not content or content[0] > 7 or (content[0] and len(content) == 1)):
        raise NotDer("a bit string in a distinguished name is damaged")
    encoding = _ENCODINGS.get(value.tag)
    if encoding is None:
        return None
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise NotDer("text in a distinguished name is damaged") from error
    if value.tag == _BMP and 2 * len(text) != len(content):
        raise NotDer("text in a distinguished name is damaged")  # a pair of surrogates
    return text


def _escape(text: str) -> str:
    """Escape special characters (RFC 4514, section 2.4)."""
    result = _SPECIAL.sub(r"\\\g<0>", text).replace("\0", "\\00")
    if result.startswith(("#", " ")):
        result = f"\\{result}"
    if result.endswith(" ") and len(text) > 1:
        result = f"{result[:-1]}\\ "
    return result
