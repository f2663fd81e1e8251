"""
What others wrote -> what can be shown on a terminal.
"""

import re
import unicodedata

_LINES = re.compile(r"[\t\n]")


def plain(text: str, *, lines: bool = False) -> str:
    """
    Replace what would command a terminal or turn the direction of text; with *lines*, keep tabs and line ends.

    A certificate's subject, for instance, is whatever somebody wrote into it.
    """
    return "".join(each if _harmless(each) or (lines and _LINES.match(each)) else "\ufffd" for each in text)


def _harmless(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}
