"""
A regular expression for paths that a backend could resolve to somewhere outside its base path. Pure.

Envoy resolves the dot segments that it recognizes before it chooses a route (`normalize_path`). The remaining forms are
those that only a backend decodes: `..%2f`, `..%5c`, `%252e%252e/`. Encoded slashes elsewhere are ordinary data.
"""

_PERCENT = "%(?:25)*"  # a percent sign, encoded any number of times
# Overlong UTF-8, which lenient decoders accept.
_OVERLONG = {".": ("%c0%ae", "%e0%80%ae"), "/": ("%c0%af", "%e0%80%af"), "\\": ("%c1%9c", "%e0%81%9c")}
_LITERAL = {".": r"\.", "/": "/", "\\": r"\\"}


def _write_digit(digit: str) -> str:
    """Return a pattern for a hexadecimal digit, plain or percent-encoded."""
    forms = sorted({f"%{ord(form):x}" for form in (digit, digit.upper())})
    return f"(?:{'|'.join([digit, *forms])})"


def _escape(code: int) -> str:
    """Return a pattern for the character *code*, percent-encoded (once, twice, or only the digits) or as %uXXXX."""
    digits = "".join(map(_write_digit, f"{code:02x}"))
    return f"{_PERCENT}(?:u00)?{digits}"


def _write_character(character: str) -> str:
    return "|".join((_LITERAL[character], _escape(ord(character)), *_OVERLONG[character]))


_SEPARATOR = f"(?:{_write_character('/')}|{_write_character(chr(0x5C))})"
# URL parsers remove tabs and line ends (WHATWG URL, Python's urllib), including decoded ones.
_REMOVED_CHARACTERS = rf"(?:[\t\n\r]|{'|'.join(map(_escape, (0x09, 0x0A, 0x0D)))})*"
_DOT = f"(?:{_write_character('.')}){_REMOVED_CHARACTERS}"
# Two dots at the start of a segment may continue as a name, `..x`. Any other character could end the segment.
_ENDING = r"(?:[^a-z0-9._~!$&'()*+,=:@-].*)?"
# Matches a whole path without its query, in the syntax that RE2 and Python share.
ESCAPING_PATH = f"(?is).*{_SEPARATOR}{_REMOVED_CHARACTERS}{_DOT}{_DOT}{_ENDING}"
# Every path that the pattern matches contains one of these.
ESCAPING_HINTS = ("..", "%", "\t", "\n", "\r")
