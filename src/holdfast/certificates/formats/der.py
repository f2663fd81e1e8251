"""
A small reader of DER and BER (X.690) with limits on nesting and the number of elements.

It examines uploaded files before anything is decrypted or trusted. It also reads indefinite lengths and segmented octet
strings, which browsers and Windows write.
"""

from dataclasses import dataclass

from holdfast.certificates.errors import TooComplex

MAX_DEPTH = 24
MAX_ELEMENTS = 20_000

INTEGER, OCTET_STRING, OID, SEQUENCE, SET = 0x02, 0x04, 0x06, 0x30, 0x31
CONSTRUCTED = 0x20


class NotDer(ValueError):
    """The bytes are not valid DER for what is being read; the format's reader turns this into an error message."""


@dataclass(slots=True)
class Budget:
    """The number of elements that may still be read from one file."""

    elements: int = MAX_ELEMENTS

    def spend(self) -> None:
        """Count one element. Raises TooComplex."""
        if self.elements <= 0:
            raise TooComplex(f"it has more than {MAX_ELEMENTS} elements")
        self.elements -= 1


@dataclass(frozen=True, slots=True, eq=False)
class Element:
    """One element: its identifier octet, its content, and its complete encoding in the file."""

    tag: int
    content: memoryview
    raw: memoryview
    depth: int
    budget: Budget

    def read_children(self) -> list["Element"]:
        """Read the elements in the content. Raises NotDer, TooComplex."""
        if not self.tag & CONSTRUCTED:
            raise NotDer("an element that should have parts has none")
        return self.read_within(self.content)

    def read_within(self, data: bytes | memoryview) -> list["Element"]:
        """Read *data*, which was contained in this element in any form. Raises NotDer, TooComplex."""
        return _read_elements(memoryview(data), self.depth + 1, self.budget)

    def read_octets(self) -> bytes:
        """Join an octet string that may be segmented (X.690, section 8.7). Raises NotDer, TooComplex."""
        if not self.tag & CONSTRUCTED:
            return bytes(self.content)
        return b"".join(piece.read_octets() for piece in self.read_children())

    def read_integer(self) -> int:
        """Read an integer of at most 8 octets. Raises NotDer."""
        if self.tag != INTEGER or not 1 <= len(self.content) <= 8:
            raise NotDer("a number is missing")
        return int.from_bytes(self.content, "big", signed=True)


def read(data: bytes) -> list[Element]:
    """Read consecutive sequences in *data*, ignoring trailing white space. Raises NotDer, TooComplex."""
    view, budget = memoryview(data), Budget()
    elements = []
    at = 0
    while data[at : at + 1] == b"\x30":
        elements.append(_read_element(view, at, 0, budget))
        at += len(elements[-1].raw)
    if data[at:].strip(b"\0\t\n\r "):
        raise NotDer("there is data after its end")
    return elements


def expect(elements: list[Element], *tags: int) -> list[Element]:
    """Return *elements* if they begin with *tags*. Raises NotDer."""
    if [element.tag for element in elements[: len(tags)]] != list(tags):
        raise NotDer("an element is missing or has the wrong type")
    return elements


def has_tags(elements: list[Element], *tags: int) -> bool:
    """Return whether *elements* begin with *tags*."""
    return [element.tag for element in elements[: len(tags)]] == list(tags)


def write(tag: int, *contents: bytes) -> bytes:
    """Encode an element in DER, with the shortest length (X.690, section 10.1)."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def encode_oid(text: str) -> bytes:
    """Encode the content of an object identifier (X.690, section 8.19)."""
    first, second, *others = map(int, text.split("."))
    content = bytearray()
    for arc in (first * 40 + second, *others):
        octets = [arc & 0x7F]
        while arc := arc >> 7:
            octets.append(arc & 0x7F | 0x80)
        content += bytes(reversed(octets))
    return bytes(content)


def _read_elements(data: memoryview, depth: int, budget: Budget) -> list[Element]:
    elements = []
    at = 0
    while at < len(data):
        element = _read_element(data, at, depth, budget)
        elements.append(element)
        at += len(element.raw)
    return elements


def _read_element(data: memoryview, at: int, depth: int, budget: Budget) -> Element:
    budget.spend()
    if depth > MAX_DEPTH:
        raise TooComplex(f"it is nested more than {MAX_DEPTH} levels deep")
    if len(data) - at < 2 or data[at] & 0x1F == 0x1F:
        raise NotDer("an element has no length")
    tag, length, start = data[at], data[at + 1], at + 2
    if length == 0x80:
        if not tag & CONSTRUCTED:
            raise NotDer("a primitive element has no length")
        end = _end_of_contents(data, start, depth, budget)
        return Element(tag, data[start:end], data[at : end + 2], depth, budget)
    if length > 0x80:
        octets = length & 0x7F
        if octets > 4 or len(data) - start < octets:
            raise NotDer("a length is too long")
        length = int.from_bytes(data[start : start + octets], "big")
        start += octets
    if length > len(data) - start:
        raise NotDer("it is cut off")
    return Element(tag, data[start : start + length], data[at : start + length], depth, budget)


def _end_of_contents(data: memoryview, at: int, depth: int, budget: Budget) -> int:
    while bytes(data[at : at + 2]) != b"\0\0":
        at += len(_read_element(data, at, depth + 1, budget).raw)
    return at
