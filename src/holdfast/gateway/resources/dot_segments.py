"""
Paths that a backend could read as leading out of its base path, as a regular expression. Pure.

Envoy resolves the dot segments that it recognizes before it chooses a route (`normalize_path`). What remains are forms
that only a backend would decode: `..%2f`, `..%5c`, `%252e%252e/`. Encoded slashes in other places are ordinary data.
"""

_PERCENT = "%(?:25)*"  # encoded any number of times
# UTF-8 with more bytes than needed, which lenient decoders accept.
_OVERLONG = {".": ("%c0%ae", "%e0%80%ae"), "/": ("%c0%af", "%e0%80%af"), "\\": ("%c1%9c", "%e0%81%9c")}
_LITERAL = {".": r"\.", "/": "/", "\\": r"\\"}


def _digit(digit: str) -> str:
    """Match a hexadecimal digit as it is or percent-encoded."""
    encoded = sorted({f"%{ord(form):x}" for form in (digit, digit.upper())})
    return f"(?:{'|'.join([digit, *encoded])})"


def _escaped(code: int) -> str:
    """Match a character, by its *code*, percent-encoded (once, twice, or the digits only) or written as %uXXXX."""
    digits = "".join(map(_digit, f"{code:02x}"))
    return f"{_PERCENT}(?:u00)?{digits}"


def _character(character: str) -> str:
    return "|".join((_LITERAL[character], _escaped(ord(character)), *_OVERLONG[character]))


_SEPARATOR = f"(?:{_character('/')}|{_character(chr(0x5C))})"
# URL parsers remove tabs and line ends (WHATWG URL, Python's urllib), also from what was decoded before.
_REMOVED = rf"(?:[\t\n\r]|{'|'.join(map(_escaped, (0x09, 0x0A, 0x0D)))})*"
_DOT = f"(?:{_character('.')}){_REMOVED}"
# Two dots at the start of a segment may go on like a name, `..x`. Anything else could end the segment for some server.
_ENDING = r"(?:[^a-z0-9._~!$&'()*+,=:@-].*)?"
# For a whole path without its query, in the syntax that RE2 and Python share.
ESCAPING_PATH = f"(?is).*{_SEPARATOR}{_REMOVED}{_DOT}{_DOT}{_ENDING}"
