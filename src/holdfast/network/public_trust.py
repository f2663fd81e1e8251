"""
The public roots that Holdfast's own HTTP clients use if no CA is configured.
"""

import os
import ssl
from functools import lru_cache

import certifi


def make_public_context(trust_env: bool = True) -> ssl.SSLContext:
    """
    Return a context that verifies with Mozilla's roots, or with SSL_CERT_FILE or SSL_CERT_DIR if set.

    Unlike httpx2's default, this is the same on every machine. Without *trust_env*, the environment is ignored.

    Raises:
        OSError: The file or directory from the environment can't be read.
    """
    file, directory = (os.environ.get(name) if trust_env else None for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
    if file:
        return ssl.create_default_context(cafile=file)
    if directory:
        return ssl.create_default_context(capath=directory)
    return ssl.create_default_context(cafile=certifi.where())


@lru_cache(1)
def get_public_context() -> ssl.SSLContext:
    """Return the context of `make_public_context` that this process shares, because loading the roots takes 20 ms."""
    return make_public_context()
