"""
Expands `${NAME}` and `${NAME:-default}` in the values of files.
"""

import os
import re
from collections.abc import Mapping

from holdfast.apis.errors import InvalidField
from holdfast.cli.failures import InvalidUsage

# Files can come from a pull request of a stranger: without a prefix, they could print a pipeline's secrets.
PREFIX = "HOLDFAST_VAR_"
MAX_EXPANDED = 64 * 1024  # characters of a value
_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}]*))?\}|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_variables(settings: list[str], environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """
    Return the variables: those of *environment* whose names begin with PREFIX, and *settings*, which are NAME=VALUE.

    Raises:
        InvalidUsage: One of *settings* isn't NAME=VALUE.
    """
    variables = {name.removeprefix(PREFIX): value for name, value in environment.items() if name.startswith(PREFIX)}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise InvalidUsage(f"{setting!r} isn't NAME=VALUE, such as --var BACKEND=https://orders.example.")
        variables[name] = value
    return variables


def expand(text: str, variables: Mapping[str, str]) -> str:
    """
    Replace the references in *text*; values aren't expanded again. `$${` becomes `${`.

    Raises:
        InvalidField: A variable without a default isn't set, a reference is malformed, or the result is too long.
    """
    if "${" not in text:
        return text
    content = _REFERENCE.sub(lambda reference: _find_value(reference, variables), text)
    if len(content) > MAX_EXPANDED:
        raise InvalidField("", f"With its variables, the value is longer than {MAX_EXPANDED} characters.")
    return content


def escape(text: str) -> str:
    """Write *text* so that `expand` returns it unchanged."""
    return text.replace("${", "$${")


def _find_value(reference: re.Match[str], variables: Mapping[str, str]) -> str:
    if reference[0] == "$${":
        return "${"
    name, default = reference["name"], reference["default"]
    if name is None:
        raise InvalidField("", "Write variables as ${NAME} or ${NAME:-default}, and $${ for ${ itself.")
    value = variables.get(name) or default
    if value is None and name not in variables:
        raise InvalidField("", f"The variable {name} isn't set. Use --var {name}=VALUE, or set {PREFIX}{name}.")
    return value or ""
