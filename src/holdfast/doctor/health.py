"""
What a running Holdfast says of itself.
"""

import ssl

import httpx

from holdfast.doctor.check import Check
from holdfast.health import READY
from holdfast.machine import url_of
from holdfast.settings import Settings

NAME = "health"
ANSWERS_WITHIN = 5.0  # seconds
_UNSPECIFIED = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where such a publisher is reached from here


def check(settings: Settings) -> Check:
    """Ask the Holdfast that runs whether it is ready, and which of its parts are not."""
    host, port = settings.publisher
    url = url_of((_UNSPECIFIED.get(host, host), port), "https" if settings.tls_cert else "http")
    try:
        with httpx.Client(verify=_own_certificate(settings), trust_env=False, timeout=ANSWERS_WITHIN) as client:
            answer = client.get(f"{url}{READY}")
            failing = [str(name) for name in answer.json().get("failing", [])]
    except (httpx.HTTPError, OSError, ValueError, AttributeError, TypeError) as error:
        advice = "Give this command the settings that Holdfast was started with, or look into its log."
        return Check.warning(NAME, f"A Holdfast runs, but {url}{READY} can't be read ({error}).", advice)
    if not failing:
        return Check.ok(NAME, "The Holdfast that runs is ready: a gateway is connected, all background tasks run.")
    advice = "The log says why; /metrics names background tasks that failed."
    return Check.failed(NAME, f"The Holdfast that runs is not ready: {', '.join(failing)}.", advice)


def _own_certificate(settings: Settings) -> ssl.SSLContext:
    """Trust what the publisher presents itself, under whatever name it is reached here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if settings.tls_cert:
        context.load_verify_locations(settings.tls_cert.expanduser())
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
