"""
What a running Holdfast says of itself.
"""

import ssl
from dataclasses import dataclass

import httpx2

from holdfast.doctor.check import Check
from holdfast.network.addresses import Addresses
from holdfast.network.sockets import make_url
from holdfast.server.health import READY
from holdfast.server.settings import Settings

NAME = "health"
ANSWERS_WITHIN = 5.0  # seconds
_UNSPECIFIED = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where such a publisher is reached from here


@dataclass(frozen=True, slots=True)
class Answer:
    """What `/readyz` at *url* said isn't ready, or needs attention; *error* says why it can't be read."""

    url: str
    failing: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()
    error: str = ""


def ask(settings: Settings, publisher: Addresses) -> Answer:
    """Ask the Holdfast that runs on the *publisher* addresses whether it is ready."""
    host, port = publisher[0]
    url = make_url((_UNSPECIFIED.get(host, host), port), "https" if settings.tls_cert else "http") + READY
    try:
        trusted = _own_certificate(settings)
    except OSError as error:
        return Answer(url, error=f"{settings.tls_cert} has no certificate to verify it by: {error.strerror or error}")
    try:
        with httpx2.Client(verify=trusted, trust_env=False, timeout=ANSWERS_WITHIN) as client:
            body = client.get(url).json()
            return Answer(url, _names(body.get("failing", [])), _names(body.get("degraded", [])))
    except (httpx2.HTTPError, OSError, ValueError, AttributeError, TypeError) as error:
        return Answer(url, error=str(error) or type(error).__name__)


def check(answer: Answer) -> Check:
    """Say whether the Holdfast that runs is ready, and which of its parts are not."""
    if answer.error:
        advice = "If TLS above has failed, correct that first. Otherwise use the same settings as for `holdfast up`."
        return Check.warning(NAME, f"A Holdfast runs, but {answer.url} can't be read ({answer.error}).", advice)
    if answer.degraded and not answer.failing:
        text = f"The Holdfast that runs is ready, but this needs attention: {', '.join(answer.degraded)}."
        return Check.warning(NAME, text, "Its log says why.")
    if not answer.failing:
        text = "The Holdfast that runs is ready: a gateway is connected and listens, all background tasks run."
        return Check.ok(NAME, text)
    advice = "The log says why; /metrics names background tasks that failed."
    return Check.failed(NAME, f"The Holdfast that runs is not ready: {', '.join(answer.failing)}.", advice)


def _names(listed: list[object]) -> tuple[str, ...]:
    return tuple(str(name) for name in listed)


def _own_certificate(settings: Settings) -> ssl.SSLContext:
    """Trust what the publisher presents itself, under whatever name it is reached here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if settings.tls_cert:
        context.load_verify_locations(settings.tls_cert.expanduser())
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        # An expired one is presented, too, and another check names it: X509_V_FLAG_NO_CHECK_TIME.
        context.verify_flags |= ssl.VerifyFlags(0x200000)
    return context
