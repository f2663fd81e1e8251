"""
Environment variables that are set for nothing: unknown `HOLDFAST_*` names, and what was probably meant.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from holdfast.server.settings import Settings

PREFIX = "HOLDFAST_"
# What commands read that ask a publisher, and what Click reads to complete them.
OF_COMMANDS = frozenset(
    PREFIX + name
    for name in ("URL", "USER", "PASSWORD", "TOKEN", "CONTEXT", "CA_FILE", "INSECURE_HTTP", "COMPLETE", "COMPLETE_ARGS")
)
RENAMED = {"HOLDFAST_DRAIN": "HOLDFAST_BACKEND_DRAIN"}


def unknown_variables(names: Iterable[str]) -> dict[str, str]:
    """
    Find those of *names* that begin like ours and mean nothing; give for each what to do, in a sentence.

    Settings are read whatever the case, so this is judged so too.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields} | OF_COMMANDS
    ours = sorted(name for name in names if name.upper().startswith(PREFIX))
    return {name: _advice(name.upper(), known) for name in ours if name.upper() not in known}


def _advice(name: str, known: Iterable[str]) -> str:
    if name in RENAMED:
        return f"It is now {RENAMED[name]}."
    close = get_close_matches(name, sorted(known), n=1, cutoff=0.8)
    return f"Did you mean {close[0]}?" if close else "Remove it: Holdfast doesn't know it."
