"""
The publisher that a command asks, and who asks it.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from holdfast.apis.url import parse_url
from holdfast.cli.failures import Misused, WrongFile
from holdfast.cli.terminal.files import expand_home
from holdfast.network.addresses import is_loopback

DEFAULT_URL = "http://127.0.0.1:9080"


@dataclass(frozen=True, slots=True)
class Publisher:
    """The Holdfast that is asked: its URL without a final slash, and whom its own certificate must come from."""

    url: str
    ca_file: Path | None = None  # None: the public certification authorities
    insecure_http: bool = False

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent to it stays on this machine."""
        return is_loopback(parse_url(self.url).host)


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password, or a token. What is secret is in no representation."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    expires_at: datetime | None = None  # aware; of a token that `holdfast login` kept, and of no other
    by_login: bool | None = False  # `holdfast login` made the token, so that `logout` ends it; None: nobody knows

    @property
    def is_kept(self) -> bool:
        """Whether `holdfast login` kept it."""
        return self.expires_at is not None

    def has_expired(self, now: datetime) -> bool:
        """Say whether it is known to have ended at *now* (aware)."""
        return self.expires_at is not None and self.expires_at <= now


def check_publisher(url: str, ca_file: str | None = None, *, insecure_http: bool = False) -> Publisher:
    """Read where a Holdfast is; raise Misused where it cannot be asked without others listening."""
    stripped = strip_url(url)
    try:
        parts = parse_url(stripped)
        if parts.query is not None:
            raise ValueError("It has a query; leave out the part from '?'.")
    except ValueError as error:
        raise Misused(
            f"{_shown(url)} is not the URL of a publisher. {error} Write it like https://publisher.example."
        ) from error
    if parts.scheme == "http" and not insecure_http and not is_loopback(parts.host):
        raise Misused(
            f"{stripped} is not encrypted: everybody on the way could read the password. Use https, "
            "or add --insecure-http (HOLDFAST_INSECURE_HTTP=1) where the way is safe."
        )
    path = expand_home(ca_file).absolute() if ca_file else None
    if path and not path.is_file():
        raise WrongFile(f"There is no file {path}. Name a file of CA certificates in PEM with --ca-file.")
    return Publisher(stripped, path, insecure_http)


def strip_url(url: str) -> str:
    """Write a publisher's URL without a final slash."""
    return url.strip().rstrip("/")


def _shown(url: str) -> str:
    """Give *url* without what may be a password in it."""
    return repr(url.rpartition("@")[2][:200])
