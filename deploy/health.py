"""
Ask the publisher of this machine whether it is ready: the health check of the container image.

Reads the same variables as `holdfast up`. The exit code is 0 if `/readyz` answers 200.
"""

import os
import ssl
import sys
import urllib.request
from http.client import HTTPException

WITHIN = 4.0  # seconds


def readiness_url() -> str:
    """Return the URL of `/readyz` at the publisher's first address, on this machine."""
    address = os.environ.get("HOLDFAST_PUBLISHER", "127.0.0.1:9080").split(",")[0].strip()
    host, _, port = address.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - what others listen on
    scheme = "https" if os.environ.get("HOLDFAST_TLS_CERT") else "http"
    return f"{scheme}://{host}:{port}/readyz"


def main() -> None:
    """Ask once, and say what is wrong."""
    # The certificate is for the name that users know, not for this address, and nothing secret is sent.
    context = ssl._create_unverified_context()  # noqa: S323, SLF001
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        opener.open(readiness_url(), timeout=WITHIN).close()
    except (OSError, ValueError, HTTPException) as error:
        sys.exit(f"{readiness_url()}: {error}")


if __name__ == "__main__":
    main()
