"""
Characters that people cannot see, in what they read as a name: which ones, and how a refusal names them.

Two names that look alike must not be two names, and no character may turn the text around it (Unicode TR 36 and 39).
"""

import unicodedata

import idna

from holdfast.apis.errors import InvalidField

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
# Default_Ignorable_Code_Point of Unicode 16, as far as the categories above don't have it; and the blank of Braille.
_IGNORABLE = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2065, 0x2800, 0x3164, 0xFFA0}
).union(range(0xFE00, 0xFE10), range(0xFFF0, 0xFFF9), range(0xE0000, 0xE1000))
_JOINERS = frozenset("\u200c\u200d")  # ZWNJ and ZWJ: Persian and the languages of India are written with them
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # LRE to RLO, LRI to PDI
_LAYOUT = frozenset("\t\n\r")


def check_visible(text: str, field: str, what: str) -> str:
    """
    Give *text*, a name of one line, or raise InvalidField for a character that nobody sees.

    Joiners may stand where RFC 5892 (appendices A.1 and A.2) allows them in host names, which is where they matter.
    """
    for position, character in enumerate(text):
        if _is_invisible(character) and not (character in _JOINERS and _joins(text, position)):
            raise _refusal(character, field, what)
    return text


def check_prose(text: str, field: str, what: str) -> str:
    """Give *text* of several lines, or raise InvalidField for a control character or one that turns the direction."""
    if text.isprintable():  # the usual case, quickly
        return text
    for character in text:
        is_control = unicodedata.category(character) in {"Cc", "Cs"} and character not in _LAYOUT
        if is_control or character in _TURNING:
            raise _refusal(character, field, what)
    return text


def _refusal(character: str, field: str, what: str) -> InvalidField:
    return InvalidField(field, f"{what} contains {describe_character(character)}. Remove it.")


def describe_character(character: str) -> str:
    """Name a character, as in U+202E (RIGHT-TO-LEFT OVERRIDE)."""
    kinds = {"Cc": "a control character", "Cs": "half of a character", "Co": "a private-use character"}
    kind = kinds.get(unicodedata.category(character), "an unassigned character")
    return f"U+{ord(character):04X} ({unicodedata.name(character, kind)})"


def _joins(text: str, position: int) -> bool:
    try:
        return idna.valid_contextj(text, position)
    except ValueError:  # what stands before it is no letter
        return False


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in _INVISIBLE or ord(character) in _IGNORABLE
