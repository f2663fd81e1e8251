"""
The health check of a running Holdfast.
"""

import ssl
from dataclasses import dataclass

import httpx2

from holdfast.doctor.check import Check
from holdfast.network.addresses import Addresses
from holdfast.network.sockets import make_url
from holdfast.server.middleware.health import READY
from holdfast.server.settings import Settings

NAME = "health"
ANSWERS_WITHIN = 5.0  # seconds
_UNSPECIFIED = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - addresses to connect to, from this machine


@dataclass(frozen=True, slots=True)
class Answer:
    """The response of `/readyz` at *url*; *error* says why there is none."""

    url: str
    failing: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()
    error: str = ""


def ask(settings: Settings, publisher: Addresses) -> Answer:
    """Request `/readyz` from the Holdfast that listens on the *publisher* addresses."""
    host, port = publisher[0]
    url = make_url((_UNSPECIFIED.get(host, host), port), "https" if settings.tls_cert else "http") + READY
    try:
        context = _make_context(settings)
    except OSError as error:
        return Answer(url, error=f"can't read {settings.tls_cert} to verify it: {error.strerror or error}")
    try:
        with httpx2.Client(verify=context, trust_env=False, timeout=ANSWERS_WITHIN) as client:
            body = client.get(url).json()
            return Answer(url, _read_names(body.get("failing", [])), _read_names(body.get("degraded", [])))
    except (httpx2.HTTPError, OSError, ValueError, AttributeError, TypeError) as error:
        return Answer(url, error=str(error) or type(error).__name__)


def check(answer: Answer) -> Check:
    """Check whether the running Holdfast is ready."""
    if answer.error:
        advice = "If the TLS check failed, fix that first. Otherwise use the same settings as for `holdfast up`."
        return Check.warning(NAME, f"Holdfast is running, but {answer.url} doesn't respond ({answer.error}).", advice)
    if answer.degraded and not answer.failing:
        text = f"The running Holdfast is ready, but this needs attention: {', '.join(answer.degraded)}."
        return Check.warning(NAME, text, "Look for the cause in its log.")
    if not answer.failing:
        text = "The running Holdfast is ready: a gateway is connected and listens, and all background tasks run."
        return Check.ok(NAME, text)
    advice = "Look for the cause in its log; /metrics lists background tasks that failed."
    return Check.failed(NAME, f"The running Holdfast isn't ready: {', '.join(answer.failing)}.", advice)


def _read_names(names: list[object]) -> tuple[str, ...]:
    return tuple(str(name) for name in names)


def _make_context(settings: Settings) -> ssl.SSLContext:
    """Return a context that trusts only the publisher's own certificate, for any host name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if settings.tls_cert:
        context.load_verify_locations(settings.tls_cert.expanduser())
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        # X509_V_FLAG_NO_CHECK_TIME: the TLS check reports an expired certificate.
        context.verify_flags |= ssl.VerifyFlags(0x200000)
    return context
