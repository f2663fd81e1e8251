"""
A publisher and the credentials for it, as values.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from holdfast.apis.url import parse_url
from holdfast.cli.failures import InvalidUsage, WrongFile
from holdfast.cli.terminal.files import expand_home
from holdfast.network.addresses import is_loopback

DEFAULT_URL = "http://127.0.0.1:9080"


@dataclass(frozen=True, slots=True)
class Publisher:
    """A publisher: its URL without a trailing slash, and the CA file to verify it with."""

    url: str
    ca_file: Path | None = None  # None: public CAs
    insecure_http: bool = False

    @property
    def is_loopback(self) -> bool:
        """Whether requests to it stay on this machine."""
        return is_loopback(parse_url(self.url).host)


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password, or a token. `repr` hides the secrets."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    expires_at: datetime | None = None  # aware; only for tokens that `holdfast login` stored
    by_login: bool | None = False  # `holdfast login` created the token, so `logout` revokes it; None: unknown

    @property
    def is_kept(self) -> bool:
        """Whether `holdfast login` stored it."""
        return self.expires_at is not None

    def has_expired(self, now: datetime) -> bool:
        """Return whether it is known to have expired at *now* (aware)."""
        return self.expires_at is not None and self.expires_at <= now


def check_publisher(url: str, ca_file: str | None = None, *, insecure_http: bool = False) -> Publisher:
    """Check the URL of a publisher. Raises InvalidUsage if it is invalid or the connection wouldn't be encrypted."""
    plain_url = strip_url(url)
    try:
        parts = parse_url(plain_url)
        if parts.query is not None:
            raise ValueError("Remove the query ('?' and everything after it).")
    except ValueError as error:
        raise InvalidUsage(
            f"{_write_url(url)} isn't a publisher URL. {error} Use a form such as https://publisher.example."
        ) from error
    if parts.scheme == "http" and not insecure_http and not is_loopback(parts.host):
        raise InvalidUsage(
            f"{plain_url} isn't encrypted, so others on the network could read your password. Use https, or add "
            "--insecure-http (HOLDFAST_INSECURE_HTTP=1) if you trust the network."
        )
    path = expand_home(ca_file).absolute() if ca_file else None
    if path and not path.is_file():
        raise WrongFile(f"{path} doesn't exist. Pass a file with CA certificates in PEM with --ca-file.")
    return Publisher(plain_url, path, insecure_http)


def strip_url(url: str) -> str:
    """Remove trailing slashes from a publisher's URL."""
    return url.strip().rstrip("/")


def _write_url(url: str) -> str:
    """Return *url* without a password."""
    return repr(url.rpartition("@")[2][:200])
