"""
PEM (RFC 7468) as found in practice, from any system and with any text around the blocks.
"""

import base64
import binascii
import re
from dataclasses import dataclass

from holdfast.certificates.errors import TooComplex

MAX_BLOCKS = 1000

# Replacements of hyphens and spaces by word processors and web pages, and invisible characters.
_TYPOGRAPHY = {ord(dash): "-" for dash in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"}
_TYPOGRAPHY |= {0xA0: " ", 0x202F: " "} | dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF), "")
# Hyphens are matched only from the first of a run, so that a long run takes linear time.
_BOUNDARY = re.compile(rb"(?<!-)-+ ?(BEGIN|END) ([A-Z0-9 ]{1,64}?) ?-+", re.IGNORECASE)
_HEADER = re.compile(rb"^[ \t]*[A-Za-z][A-Za-z0-9-]{0,64}:[^\r\n]*$", re.MULTILINE)  # RFC 1421, section 4.4
_BEGIN = re.compile(rb"-----BEGIN[ ]([^-\r\n]{1,64})-----", re.IGNORECASE)
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")


@dataclass(frozen=True, slots=True)
class Block:
    """One block: its position, label and content; *problem* says why there is no content."""

    number: int
    label: str
    content: bytes
    problem: str


def decode_text(data: bytes) -> bytes:
    """
    Convert a text to UTF-8.

    It may be UTF-16, as Windows writes it, with or without a byte order mark. Dashes and special spaces that a word
    processor inserted become hyphens and spaces again.
    """
    text = _recode_as_utf8(data)
    if text.isascii() or b"BEGIN" not in text.upper():
        return text
    try:
        characters = text.decode()
    except UnicodeDecodeError:
        characters = text.decode("cp1252", "replace")
    return _BOUNDARY.sub(rb"-----\1 \2-----", characters.translate(_TYPOGRAPHY).encode())


def _recode_as_utf8(data: bytes) -> bytes:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"-\0-\0-\0B\0E\0G\0I\0N\0" in data:
        encoding, data = "utf-16-le", data[data.index(b"-\0-\0-\0") % 2 :]
    elif b"\0-\0-\0-\0B\0E\0G\0I\0N" in data:
        encoding, data = "utf-16-be", data[data.index(b"\0-\0-\0-") % 2 :]
    else:
        return data
    return data.decode(encoding, "replace").encode()


def read_blocks(text: bytes) -> list[Block]:
    """
    Return all blocks, complete or not.

    Raises:
        TooComplex: There are more than MAX_BLOCKS.
    """
    begins: list[re.Match[bytes]] = []
    for begin in _BEGIN.finditer(text):
        begins.append(begin)
        if len(begins) > MAX_BLOCKS:
            raise TooComplex(f"it has more than {MAX_BLOCKS} blocks")
    stops = [*(begin.start() for begin in begins), len(text)][1:]
    return [
        _read_block(text, n, begin, stop) for n, (begin, stop) in enumerate(zip(begins, stops, strict=True), start=1)
    ]


def find_bare_base64(text: bytes) -> bytes | None:
    """Decode a file that is only base64, possibly quoted or without padding; return None for any other file."""
    content = _remove_blanks(text.removeprefix(b"\xef\xbb\xbf")).strip(b"\"'")
    content += b"=" * (-len(content) % 4)
    if len(content) < 16 or not _BASE64.fullmatch(content):
        return None
    try:
        return _decode(content)
    except binascii.Error:
        return None


def _read_block(text: bytes, number: int, begin: re.Match[bytes], stop: int) -> Block:
    label_text = "".join(character for character in begin[1].decode("ascii", "replace") if character.isprintable())
    label = " ".join(label_text.upper().split())
    end = text.find(b"-----END " + begin[1] + b"-----", begin.end(), stop)
    if end < 0:
        return Block(number, label, b"", "its END line is missing; the file seems to be cut off")
    try:
        return Block(number, label, _decode(_remove_blanks(_HEADER.sub(b"", text[begin.end() : end]))), "")
    except binascii.Error:
        return Block(number, label, b"", "its base64 is damaged")


def _remove_blanks(text: bytes) -> bytes:
    """Remove white space, including line ends as written in JSON strings."""
    return text.translate(None, b" \t\r\n\v\f").replace(b"\\n", b"").replace(b"\\r", b"")


def _decode(content: bytes) -> bytes:
    return base64.b64decode(content, validate=True)
