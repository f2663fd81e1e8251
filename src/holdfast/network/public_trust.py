"""
Which certificates Holdfast's own HTTP clients accept where no CA is named.
"""

import os
import ssl

import certifi


def make_public_context(trust_env: bool = True) -> ssl.SSLContext:
    """
    Verify by Mozilla's roots, the same on every machine, or by what SSL_CERT_FILE or SSL_CERT_DIR name instead.

    httpx2 would trust what the machine trusts. Without *trust_env*, the environment is not read.

    Raises:
        OSError: What the environment names can't be read.
    """
    file, directory = (os.environ.get(name) if trust_env else None for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
    if file:
        return ssl.create_default_context(cafile=file)
    if directory:
        return ssl.create_default_context(capath=directory)
    return ssl.create_default_context(cafile=certifi.where())
