"""
What a scalar of YAML means in the core schema of YAML 1.2 (yaml.org/spec/1.2.2, section 10.3).

Its rules know no numbers of base 60, no octal numbers with only a leading zero, no `yes` and `no`, and no dates.
"""

import re

from holdfast.apis.definitions.nodes import Scalar, Unreadable

MAX_DIGITS = 1_000  # characters of a number; the time to convert a decimal one grows with their square
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NUMBER_BEGINS = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+")
OF_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
Value = str | int | float | bool | None
_TAGS: dict[str, type | tuple[type, ...]] = {"null": type(None), "bool": bool, "int": int, "float": (int, float)}


def is_null(scalar: Scalar) -> bool:
    """Whether *scalar* stands for nothing."""
    return scalar.is_plain and scalar.text in _NULL


def read_boolean(scalar: Scalar) -> bool | None:
    """Give the boolean that *scalar* is, None if it is something else."""
    return _BOOLEANS.get(scalar.text) if scalar.is_plain else None


def read_scalar(scalar: Scalar) -> Value:
    """
    Give the value of *scalar*: None, a boolean, an integer, a float or a text.

    Raises:
        Unreadable: Its tag is not one of the core schema or does not fit its text, or it is a number of more than 1,000
            characters.
    """
    if scalar.tag == "str" or (not scalar.tag and not scalar.is_plain):
        return scalar.text
    value = _plain(scalar)
    if scalar.tag:
        # bool is a kind of int in Python, and not in YAML.
        fits = isinstance(value, _TAGS.get(scalar.tag, ())) and (scalar.tag == "bool" or not isinstance(value, bool))
        if not fits:
            raise Unreadable(scalar.line, f"!!{scalar.tag[:60]} does not fit here. Leave it out.")
    return value


def _plain(scalar: Scalar) -> Value:
    text = scalar.text
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in _NUMBER_BEGINS:
        return text
    is_integer, of_base = _INTEGER.fullmatch(text), OF_BASE.fullmatch(text)
    if (is_integer or of_base or FLOAT.fullmatch(text)) and len(text) > MAX_DIGITS:
        raise Unreadable(
            scalar.line, f"A number has more than {MAX_DIGITS:,} characters. Write it as a text in quotes."
        )
    if is_integer:
        return int(text)
    if of_base:
        return int(text, 0)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return float(text) if FLOAT.fullmatch(text) else text
