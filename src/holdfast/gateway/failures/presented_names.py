"""
The names of a backend's certificate, as Envoy writes them when none is the one that it looks for. Pure.
"""

import re

from holdfast.certificates.identity import reference_identifier

SHOWN_NAMES = 5
_NAMES = re.compile(r"certificate[_ ]SANs[_ ]are[_ ]\[(.*)", re.DOTALL)


def read_presented_names(reason: str) -> str:
    """
    Give the first names that the backend's certificate has, when Envoy's *reason* says them; empty otherwise.

    Envoy doesn't say of which kind they are, and an address can be written as either.
    """
    match = _NAMES.search(reason)
    listed = match[1].removesuffix(":TLS_error_end").removesuffix("]") if match else ""
    names = [_typed(name) for name in re.split(r",[_ ]", listed) if name]
    others = " and others" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + others


def _typed(name: str) -> str:
    if reference_identifier(name).is_ip:
        return f"{name} (dNSName or iPAddress)"
    return name if "@" in name or ":" in name else f"dNSName {name}"
