"""
Which Holdfast is asked, and on whose behalf: from the environment, else from what `holdfast login` kept.
"""

import json
import os
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from holdfast.addresses import is_loopback
from holdfast.apis.url import parse_url
from holdfast.cli.failures import CommandFailed, Misused, NotSignedIn, WrongFile

DEFAULT_URL = "http://127.0.0.1:9080"
MAX_BYTES = 64 * 1024


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

    @property
    def is_kept(self) -> bool:
        """Whether `holdfast login` kept it."""
        return self.expires_at is not None

    def has_expired(self, now: datetime) -> bool:
        """Say whether it is known to have ended at *now* (aware)."""
        return self.expires_at is not None and self.expires_at <= now


def credentials_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Where `holdfast login` keeps what it is told."""
    return Path(environment.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "holdfast/credentials.toml"


def find(environment: Mapping[str, str] = os.environ) -> tuple[Publisher, Credentials]:
    """
    Find whom to ask and who asks; what is in the environment wins.

    A kept token goes to the URL that it was kept for, and to no other.

    Raises:
        NotSignedIn: Neither the environment nor a file says who asks.
        Misused: The URL cannot be used.
        CommandFailed: The file cannot be read, or others can read it.
    """
    given = _of_environment(environment)
    url = environment.get("HOLDFAST_URL", "")
    found = None if given and url else kept(environment)
    if given is None and found is None:
        raise NotSignedIn("Nobody is signed in. Run `holdfast login`, or set HOLDFAST_URL and HOLDFAST_TOKEN.")
    ca_file = environment.get("HOLDFAST_CA_FILE") or None
    insecure = environment.get("HOLDFAST_INSECURE_HTTP", "") == "1"
    same = found is not None and (not url or _stripped(url) == found[0].url)
    if found and same:
        ca_file = ca_file or (str(found[0].ca_file) if found[0].ca_file else None)
        insecure = insecure or found[0].insecure_http
        publisher = check_publisher(found[0].url, ca_file, insecure_http=insecure)
        return publisher, given or found[1]
    publisher = check_publisher(url or DEFAULT_URL, ca_file, insecure_http=insecure)
    if given is None:
        raise NotSignedIn(f"Nobody is signed in to {publisher.url}. Run `holdfast login {publisher.url}`.")
    return publisher, given


def check_publisher(url: str, ca_file: str | None = None, *, insecure_http: bool = False) -> Publisher:
    """Read where a Holdfast is; raise Misused where it cannot be asked without others listening."""
    stripped = _stripped(url)
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
    path = Path(ca_file).expanduser().absolute() if ca_file else None
    if path and not path.is_file():
        raise WrongFile(f"There is no file {path}. Name a file of CA certificates in PEM with --ca-file.")
    return Publisher(stripped, path, insecure_http)


def kept(environment: Mapping[str, str] = os.environ, *, exposed: bool = False) -> tuple[Publisher, Credentials] | None:
    """
    Read what `holdfast login` kept; None where there is nothing.

    With *exposed*, a file that others can read is read, too: for ending its token. One that they can change never is,
    for they may have written where the token is sent.

    Raises:
        CommandFailed: The file cannot be read, is damaged, or others can read or change it.
        NotSignedIn: It is of a version that kept passwords.
    """
    file = credentials_file(environment)
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            if mode & 0o022:
                raise CommandFailed(f"Others can change {file}. Revoke its token on the page Tokens, and log in again.")
            if mode & 0o077 and not exposed:
                raise CommandFailed(f"Others can read {file}. Run `holdfast login` again, which ends its token.")
            values = tomllib.loads(opened.read(MAX_BYTES).decode())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read ({error.strerror}).") from error
    except ValueError as error:  # no UTF-8, no TOML
        raise _damaged(file) from error
    given = {name: value for name, value in values.items() if isinstance(value, str)}
    if given.get("password"):
        raise NotSignedIn(f"{file} holds a password, as earlier versions kept it. Run `holdfast login` again.")
    try:
        if not (given["url"] and given["user"] and given["token"]):
            raise _damaged(file)
        who = Credentials(given["user"], token=given["token"], expires_at=moment(given["expires"]))
    except (KeyError, ValueError) as error:
        raise _damaged(file) from error
    ca_file = Path(given["ca_file"]) if given.get("ca_file") else None
    return Publisher(given["url"], ca_file, values.get("insecure_http") is True), who


def moment(text: str) -> datetime:
    """Read a time of REST; one without a zone is of UTC. Raises ValueError."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def keep(publisher: Publisher, who: Credentials, environment: Mapping[str, str] = os.environ) -> Path:
    """Write what is asked and the token of who asks to a file that only its owner can read, and give its path."""
    file = credentials_file(environment)
    values = {
        "url": publisher.url,
        "ca_file": str(publisher.ca_file) if publisher.ca_file else "",
        "insecure_http": publisher.insecure_http,
        "user": who.user,
        "token": who.token,
        "expires": who.expires_at.isoformat() if who.expires_at else "",
    }
    text = "".join(f"{name} = {_toml(value)}\n" for name, value in values.items() if value)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp opens with mode 0600: at no moment can others read it.
        descriptor, temporary = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
        Path(temporary).replace(file)
    except OSError as error:
        raise CommandFailed(f"{file} cannot be written ({error.strerror}).") from error
    return file


def forget(environment: Mapping[str, str] = os.environ) -> bool:
    """Remove what was kept; say whether there was something."""
    try:
        credentials_file(environment).unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CommandFailed(f"{error.filename} cannot be removed ({error.strerror}).") from error
    return True


def _of_environment(environment: Mapping[str, str]) -> Credentials | None:
    if token := environment.get("HOLDFAST_TOKEN"):
        return Credentials(token=token)
    user, password = environment.get("HOLDFAST_USER", ""), environment.get("HOLDFAST_PASSWORD", "")
    if bool(user) != bool(password):
        raise Misused("HOLDFAST_USER and HOLDFAST_PASSWORD go together. Set both, or neither.")
    return Credentials(user, password) if user else None


def _damaged(file: Path) -> CommandFailed:
    return CommandFailed(f"{file} is damaged. Run `holdfast login` again.")


def _toml(value: object) -> str:
    # A basic string of TOML is one of JSON, but for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _stripped(url: str) -> str:
    return url.strip().rstrip("/")


def _shown(url: str) -> str:
    """Give *url* without what may be a password in it."""
    return repr(url.rpartition("@")[2][:200])
