"""
Unknown `HOLDFAST_*` environment variables, and suggestions for what was probably meant.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from holdfast.server.settings import Settings

PREFIX = "HOLDFAST_"
# Variables of other commands: those that call a publisher, `gateway run`, and Click's shell completion.
OF_COMMANDS = frozenset(
    PREFIX + name
    for name in (
        "URL",
        "USER",
        "PASSWORD",
        "TOKEN",
        "CONTEXT",
        "CA_FILE",
        "INSECURE_HTTP",
        "GATEWAY_DATA",
        "GATEWAY_IS_RESTARTING",
        "GATEWAY_PRODUCTION",
        "GATEWAY_PRODUCTION_TLS",
        "GATEWAY_SANDBOX",
        "GATEWAY_SANDBOX_TLS",
        "JOIN_CA_FILE",
        "JOIN_NAME",
        "JOIN_TOKEN_FILE",
        "JOIN_URL",
        "COMPLETE",
        "COMPLETE_ARGS",
    )
)
OF_FILES = f"{PREFIX}VAR_"  # variables in files for `holdfast apply`
RENAMED = {"HOLDFAST_DRAIN": "HOLDFAST_BACKEND_DRAIN"}


def find_unknown_variables(names: Iterable[str]) -> dict[str, str]:
    """
    Return the unknown HOLDFAST_* variables among *names*, each with advice.

    Like settings, names are case-insensitive.
    """
    variables = {PREFIX + name.upper() for name in Settings.model_fields} | OF_COMMANDS
    ours = sorted(name for name in names if name.upper().startswith(PREFIX))
    return {
        name: _advise(name.upper(), variables)
        for name in ours
        if name.upper() not in variables and not name.upper().startswith(OF_FILES)
    }


def _advise(name: str, variables: Iterable[str]) -> str:
    if name in RENAMED:
        return f"It was renamed to {RENAMED[name]}."
    close = get_close_matches(name, sorted(variables), n=1, cutoff=0.8)
    return f"Did you mean {close[0]}?" if close else "Remove it: Holdfast doesn't know it."
