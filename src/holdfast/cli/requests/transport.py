"""
The HTTP that requests of the command go through: who signs them, whose certificate is verified, and what went wrong.
"""

import ssl
from collections.abc import Generator
from typing import Any

import httpx2

from holdfast.apis.publisher_paths import PREFIX
from holdfast.cli.failures import CannotConnect, Misused, WrongFile
from holdfast.cli.requests.publisher import Credentials, Publisher
from holdfast.network.public_trust import make_public_context


class SignedIn(httpx2.Auth):
    """Signs requests: a token as Bearer (RFC 6750), else user and password as Basic (RFC 7617)."""

    def __init__(self, who: Credentials) -> None:
        if ":" in who.user:
            raise Misused("User names can't contain colons.")
        if not who.token.isascii() or not who.token.isprintable():
            raise Misused("The token contains characters that tokens can't have. Copy it again.")
        basic = httpx2.BasicAuth(who.user, who.password)
        self._flow = basic.auth_flow if not who.token else self._bearer
        self._header = f"Bearer {who.token}"

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Add the header Authorization."""
        return self._flow(request)

    def _bearer(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        request.headers["Authorization"] = self._header
        yield request


class Transport:
    """Connections to one publisher, on behalf of one user."""

    def __init__(self, publisher: Publisher, who: Credentials, timeout: float) -> None:
        """Make no connection yet; raise Misused or WrongFile for what can't be used."""
        self._url, self._timeout = publisher.url, timeout
        auth, tls = SignedIn(who), _tls(publisher)
        try:
            self._http = httpx2.Client(
                base_url=publisher.url + PREFIX,
                auth=auth,
                verify=tls,
                timeout=timeout,
                # What stays on this machine passes no proxy.
                trust_env=not publisher.is_loopback,
                headers={"Accept": "application/json"},
            )
        except (ValueError, ImportError) as error:
            raise Misused(f"The proxy that the environment names cannot be used: {error}") from error

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def send(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """Make a request and give the answer, whatever its status; raise CannotConnect where there is none."""
        try:
            return self._http.request(method, path, **more)
        except httpx2.TimeoutException as error:
            text = f"{self._url} didn't answer within {self._timeout:g} seconds. Try again, or check its health."
            raise CannotConnect(text) from error
        except httpx2.RequestError as error:
            raise CannotConnect(_why_not(self._url, error)) from error


def _tls(publisher: Publisher) -> ssl.SSLContext | bool:
    if publisher.ca_file is None:
        # Loading authorities for http would be for nothing.
        return publisher.url.startswith("https:") and make_public_context(trust_env=not publisher.is_loopback)
    try:
        return ssl.create_default_context(cafile=publisher.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise WrongFile(
            f"{publisher.ca_file} holds no CA certificates in PEM. Name another file with --ca-file."
        ) from error


def _why_not(url: str, error: httpx2.RequestError) -> str:
    reason = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        why = reason.partition("certificate verify failed: ")[2].partition(" (_ssl")[0] or "it cannot be verified"
        return f"The certificate of {url} is refused: {why}. If a private CA issued it, name that CA with --ca-file."
    return f"{url} cannot be reached ({reason or type(error).__name__}). Look whether it runs and at its URL."
