"""
The public certification authorities: Mozilla's, by certifi, the same on every machine.
"""

from functools import cache
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from holdfast.certificates.certificate import Certificate, read_certificate


@cache
def public_roots_pem() -> str:
    """Give them as gateways are given them."""
    return Path(certifi.where()).read_text("ascii")


@cache
def public_roots() -> tuple[Certificate, ...]:
    """Give them read."""
    every = x509.load_pem_x509_certificates(public_roots_pem().encode())
    return tuple(read_certificate(each.public_bytes(Encoding.DER)) for each in every)
