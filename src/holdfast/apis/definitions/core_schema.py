"""
Values of YAML scalars by the core schema of YAML 1.2 (yaml.org/spec/1.2.2, section 10.3).

Unlike YAML 1.1, it has no base 60 numbers, no octal numbers with just a leading zero, no `yes` and `no`, and no dates.
"""

import re

from holdfast.apis.definitions.nodes import InvalidYaml, Scalar

MAX_DIGITS = 1_000  # characters of a number; the time to convert a decimal number is quadratic
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
    """Return whether *scalar* is null."""
    return scalar.is_plain and scalar.text in _NULL


def read_boolean(scalar: Scalar) -> bool | None:
    """Return the boolean value of *scalar*, or None if it isn't a boolean."""
    return _BOOLEANS.get(scalar.text) if scalar.is_plain else None


def read_scalar(scalar: Scalar) -> Value:
    """
    Return the value of *scalar*: None, a boolean, an integer, a float or a text.

    Raises:
        InvalidYaml: Its tag isn't in the core schema or doesn't match its text, or it is a number of more than 1,000
            characters.
    """
    if scalar.tag == "str" or (not scalar.tag and not scalar.is_plain):
        return scalar.text
    value = _read_plain(scalar)
    if scalar.tag:
        # bool is a subclass of int in Python, but not in YAML.
        fits = isinstance(value, _TAGS.get(scalar.tag, ())) and (scalar.tag == "bool" or not isinstance(value, bool))
        if not fits:
            raise InvalidYaml(scalar.line, f"!!{scalar.tag[:60]} doesn't match the value. Remove it.")
    return value


def _read_plain(scalar: Scalar) -> Value:
    text = scalar.text
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in _NUMBER_BEGINS:
        return text
    is_integer, of_base = _INTEGER.fullmatch(text), OF_BASE.fullmatch(text)
    if (is_integer or of_base or FLOAT.fullmatch(text)) and len(text) > MAX_DIGITS:
        raise InvalidYaml(scalar.line, f"A number has more than {MAX_DIGITS:,} characters. Put it in quotes.")
    if is_integer:
        return int(text)
    if of_base:
        return int(text, 0)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return float(text) if FLOAT.fullmatch(text) else text
