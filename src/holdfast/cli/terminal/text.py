"""
What others wrote -> what can be shown on a terminal.
"""

import json
import re
import unicodedata

_SUSPICIOUS = re.compile(r"[^\x20-\x7e]")
_COMMANDS = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def make_plain(text: str, *, lines: bool = False) -> str:
    """
    Replace what would command a terminal or turn the direction of text; with *lines*, keep tabs and line ends.

    A certificate's subject, for instance, is whatever somebody wrote into it.
    """
    kept = "\t\n" if lines else ""
    return _SUSPICIOUS.sub(lambda match: match[0] if match[0] in kept or _is_harmless(match[0]) else "\ufffd", text)


def make_plain_json(text: str) -> str:
    """Escape the same in JSON, which then means what it meant."""
    return _SUSPICIOUS.sub(
        lambda match: match[0] if match[0] == "\n" or _is_harmless(match[0]) else _escaped(match[0]), text
    )


def _is_harmless(character: str) -> bool:
    return unicodedata.category(character) not in _COMMANDS


def _escaped(character: str) -> str:
    if character == "\n" or _is_harmless(character):
        return character
    return json.dumps(character)[1:-1] if character != "\x7f" else "\\u007f"
