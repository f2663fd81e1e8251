"""
The names of a backend's certificate, read from Envoy's text when none of them matches. Pure.
"""

import re

from holdfast.certificates.identity import parse_reference

SHOWN_NAMES = 5
_NAMES = re.compile(r"certificate[_ ]SANs[_ ]are[_ ]\[(.*)", re.DOTALL)


def read_presented_names(reason: str) -> str:
    """
    Return the first names of the backend's certificate if Envoy's *reason* lists them; empty otherwise.

    Envoy doesn't give a name's type, and an IP address can be a dNSName or an iPAddress.
    """
    match = _NAMES.search(reason)
    text = match[1].removesuffix(":TLS_error_end").removesuffix("]") if match else ""
    names = [_write_type(name) for name in re.split(r",[_ ]", text) if name]
    others = " and others" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + others


def _write_type(name: str) -> str:
    if parse_reference(name).is_ip:
        return f"{name} (dNSName or iPAddress)"
    return name if "@" in name or ":" in name else f"dNSName {name}"
