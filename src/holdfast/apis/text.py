"""
Checks for invisible characters in names and texts.

Different names must not look alike, and no character may change the direction of the text around it (Unicode TR 36
and 39).
"""

import unicodedata

from holdfast.apis.errors import InvalidField

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
# Default_Ignorable_Code_Point of Unicode 16, except for the categories above, and the blank Braille pattern.
_IGNORABLE = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2065, 0x2800, 0x3164, 0xFFA0}
_IGNORABLE_RANGES = range(0xFE00, 0xFE10), range(0xFFF0, 0xFFF9), range(0xE0000, 0xE1000)
_JOINERS = frozenset("\u200c\u200d")  # ZWNJ and ZWJ, which Persian and the languages of India need
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # LRE to RLO, LRI to PDI
_LAYOUT = frozenset("\t\n\r")


def check_visible(text: str, field: str, what: str) -> str:
    """
    Return *text*, a name on one line, or raise InvalidField for an invisible character.

    Joiners are accepted where RFC 5892 (appendices A.1 and A.2) allows them in host names.
    """
    for position, character in enumerate(text):
        if _is_invisible(character) and not (character in _JOINERS and _joins(text, position)):
            raise _explain_refusal(character, field, what)
    return text


def check_prose(text: str, field: str, what: str) -> str:
    """Return *text* of several lines, or raise InvalidField for a control or direction-changing character."""
    if text.isprintable():  # fast path
        return text
    for character in text:
        is_control = unicodedata.category(character) in {"Cc", "Cs"} and character not in _LAYOUT
        if is_control or character in _TURNING:
            raise _explain_refusal(character, field, what)
    return text


def _explain_refusal(character: str, field: str, what: str) -> InvalidField:
    return InvalidField(field, f"{what} contains {describe_character(character)}. Remove it.")


def describe_character(character: str) -> str:
    """Return the name of a character, such as U+202E (RIGHT-TO-LEFT OVERRIDE)."""
    kinds = {"Cc": "a control character", "Cs": "half of a character", "Co": "a private-use character"}
    kind = kinds.get(unicodedata.category(character), "an unassigned character")
    return f"U+{ord(character):04X} ({unicodedata.name(character, kind)})"


def _joins(text: str, position: int) -> bool:
    import idna  # few names have joiners, and agents should stay small

    try:
        return idna.valid_contextj(text, position)
    except ValueError:  # the preceding character is not a letter
        return False


def _is_invisible(character: str) -> bool:
    code = ord(character)
    is_ignorable = code in _IGNORABLE or any(code in code_range for code_range in _IGNORABLE_RANGES)
    return is_ignorable or unicodedata.category(character) in _INVISIBLE
