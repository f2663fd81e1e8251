"""
HTTP requests to the publisher: authentication, TLS and network errors.
"""

import re
import ssl
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2

from holdfast.apis.publisher_paths import PREFIX
from holdfast.cli.failures import CannotConnect, InvalidUsage, WrongFile
from holdfast.cli.requests.publisher import Credentials, Publisher
from holdfast.network.public_trust import make_public_context
from holdfast.network.tls_verification import find_verification_problem

_ERROR_NUMBER = re.compile(r"^\[Errno -?\d+\] ")


class PublisherAuth(httpx2.Auth):
    """Adds credentials to requests: a token as Bearer (RFC 6750), or user and password as Basic (RFC 7617)."""

    def __init__(self, who: Credentials) -> None:
        if ":" in who.user:
            raise InvalidUsage("User names can't contain colons.")
        if not who.token.isascii() or not who.token.isprintable():
            raise InvalidUsage("The token contains characters that tokens can't have. Copy it again.")
        basic = httpx2.BasicAuth(who.user, who.password)
        self._flow = basic.auth_flow if not who.token else self._add_token
        self._header = f"Bearer {who.token}"

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Add the Authorization header."""
        return self._flow(request)

    def _add_token(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        request.headers["Authorization"] = self._header
        yield request


class Transport:
    """Connections to a publisher, with the credentials of a user."""

    def __init__(self, publisher: Publisher, who: Credentials, timeout: float) -> None:
        """Prepare connections without opening any. Raises InvalidUsage or WrongFile."""
        self._url, self._timeout = publisher.url, timeout
        auth, tls = PublisherAuth(who), _make_tls(publisher)
        try:
            self._http = httpx2.Client(
                base_url=publisher.url + PREFIX,
                auth=auth,
                verify=tls,
                timeout=timeout,
                # Requests on this machine don't use a proxy.
                trust_env=not publisher.is_loopback,
                headers={"Accept": "application/json"},
            )
        except (ValueError, ImportError) as error:
            raise InvalidUsage(f"Can't use the proxy from the environment: {error}") from error

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def send(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """Send a request and return the response, whatever its status. Raises CannotConnect if there is none."""
        with self._explaining():
            return self._http.request(method, path, **more)

    @contextmanager
    def stream(self, path: str, query: Mapping[str, Any]) -> Iterator[httpx2.Response]:
        """Send a GET request and yield the response before its body was read. Raises CannotConnect."""
        with self._explaining(), self._http.stream("GET", path, params=query) as answer:
            yield answer

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except httpx2.TimeoutException as error:
            text = f"{self._url} didn't respond within {self._timeout:g} seconds. Try again, or check its health."
            raise CannotConnect(text) from error
        except httpx2.RequestError as error:
            raise CannotConnect(_explain(self._url, error)) from error


def _make_tls(publisher: Publisher) -> ssl.SSLContext | bool:
    if publisher.ca_file is None:
        # HTTP needs no CAs, so don't load them.
        return publisher.url.startswith("https:") and make_public_context(trust_env=not publisher.is_loopback)
    try:
        return ssl.create_default_context(cafile=publisher.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise WrongFile(
            f"{publisher.ca_file} has no CA certificates in PEM. Choose another file with --ca-file."
        ) from error


def _explain(url: str, error: httpx2.RequestError) -> str:
    reason = str(error)
    if why := find_verification_problem(reason):
        return (
            f"The certificate of {url} can't be verified: {why}. "
            "If a private CA issued it, name the CA with `holdfast login --ca-file` or HOLDFAST_CA_FILE."
        )
    reason = _ERROR_NUMBER.sub("", reason).rstrip(".") or type(error).__name__
    if url.startswith("http:") and isinstance(error, httpx2.RemoteProtocolError):
        return f"Can't reach {url}: {reason}. If the publisher serves https, use its https URL."
    return f"Can't reach {url}: {reason}. Check the URL, and that the publisher is running."
