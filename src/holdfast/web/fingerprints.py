"""
Fingerprints and other hex digits on pages: in pairs, as openssl writes them.
"""

import re

from markupsafe import Markup, escape

SHOWN = 16  # digits: enough to tell certificates apart; the component copies all
_FINGERPRINT = re.compile(r"\b([0-9a-f]{64})\b")  # SHA-256


def is_fingerprint(text: str) -> bool:
    """Return whether *text* is a SHA-256 fingerprint in lower-case hex digits."""
    return _FINGERPRINT.fullmatch(text) is not None


def group_digits(value: str) -> str:
    """Write hex digits in pairs: A1:B2:..."""
    return ":".join(value[i : i + 2] for i in range(0, len(value), 2)).upper()


def write_digits(value: str) -> Markup:
    """Write hex digits in pairs; lines break only between pairs."""
    return Markup(":<wbr>").join(group_digits(value).split(":"))


def write_hex(number: int) -> Markup:
    """Write a number, such as a serial number, as hex digits in pairs."""
    text = f"{number:x}"
    return write_digits(text if len(text) % 2 == 0 else f"0{text}")


def abbreviate_fingerprints(text: str) -> str:
    """Write the first 16 digits of the SHA-256 fingerprints in *text*, as the fingerprint component does."""
    return _FINGERPRINT.sub(lambda match: f"{group_digits(match[0][:SHOWN])}…", text)


def mark_up_fingerprints(text: str) -> Markup:
    """Write the SHA-256 fingerprints in *text* in pairs and in the font of code; escape the rest."""
    return Markup("").join(
        Markup("<code>{}</code>").format(write_digits(part)) if _FINGERPRINT.fullmatch(part) else escape(part)
        for part in _FINGERPRINT.split(text)
    )
