"""
The public certification authorities: Mozilla's, by certifi, the same on every machine.
"""

from functools import cache
from pathlib import Path

import certifi

from holdfast.certificates.certificate import Certificate, read_certificate
from holdfast.certificates.formats import pem


@cache
def public_roots_pem() -> str:
    """Give them as gateways are given them."""
    return Path(certifi.where()).read_text("ascii")


@cache
def public_roots() -> tuple[Certificate, ...]:
    """Give them read."""
    return tuple(read_certificate(block.content) for block in pem.read_blocks(public_roots_pem().encode()))
