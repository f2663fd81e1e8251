"""
Makes untrusted text safe to print on a terminal.
"""

import json
import re
import unicodedata

_SUSPICIOUS = re.compile(r"[^\x20-\x7e]")
_COMMANDS = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def make_plain(text: str, *, lines: bool = False) -> str:
    """
    Replace characters that control a terminal or the direction of text; with *lines*, keep tabs and line ends.

    A certificate's subject, for example, can contain any text.
    """
    harmless = "\t\n" if lines else ""
    return _SUSPICIOUS.sub(lambda match: match[0] if match[0] in harmless or _is_harmless(match[0]) else "\ufffd", text)


def make_plain_json(text: str) -> str:
    """Escape the same characters in JSON, which keeps its meaning."""
    return _SUSPICIOUS.sub(
        lambda match: match[0] if match[0] == "\n" or _is_harmless(match[0]) else _escape(match[0]), text
    )


def _is_harmless(character: str) -> bool:
    return unicodedata.category(character) not in _COMMANDS


def _escape(character: str) -> str:
    if character == "\n" or _is_harmless(character):
        return character
    return json.dumps(character)[1:-1] if character != "\x7f" else "\\u007f"
