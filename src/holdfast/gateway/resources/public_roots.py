"""
The public root certificates: Mozilla's, from certifi, so they are the same on every machine.
"""

from functools import cache
from pathlib import Path

import certifi

from holdfast.certificates.certificate import Certificate, read_certificate
from holdfast.certificates.formats import pem


@cache
def read_public_roots_pem() -> str:
    """Return the public roots in PEM, as gateways receive them."""
    return Path(certifi.where()).read_text("ascii")


@cache
def read_public_roots() -> tuple[Certificate, ...]:
    """Return the public roots as certificates."""
    return tuple(read_certificate(block.content) for block in pem.read_blocks(read_public_roots_pem().encode()))
