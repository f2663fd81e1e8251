"""
Which Holdfast is asked, and on whose behalf: from the environment, else from what `holdfast login` kept.
"""

import contextlib
import json
import os
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from holdfast.cli.failures import CommandFailed, Misused, NotSignedIn

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
        return _is_loopback(urlsplit(self.url).hostname or "")


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password, or a token alone. What is secret is in no representation."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


def credentials_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Where `holdfast login` keeps what it is told."""
    return Path(environment.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "holdfast/credentials.toml"


def find(environment: Mapping[str, str] = os.environ) -> tuple[Publisher, Credentials]:
    """
    Find whom to ask and who asks; what is in the environment wins.

    A kept password goes to the URL that it was kept for, and to no other.

    Raises:
        NotSignedIn: Neither the environment nor a file says who asks.
        Misused: The URL cannot be used.
        CommandFailed: The file cannot be read, or others can read it.
    """
    given = _of_environment(environment)
    url = environment.get("HOLDFAST_URL", "")
    kept = None if given and url else _read(credentials_file(environment))
    if given is None and kept is None:
        raise NotSignedIn("Nobody is signed in. Run `holdfast login`, or set HOLDFAST_URL and HOLDFAST_TOKEN.")
    ca_file = environment.get("HOLDFAST_CA_FILE") or None
    insecure = environment.get("HOLDFAST_INSECURE_HTTP", "") == "1"
    same = kept is not None and (not url or _stripped(url) == kept[0].url)
    if kept and same:
        ca_file = ca_file or (str(kept[0].ca_file) if kept[0].ca_file else None)
        insecure = insecure or kept[0].insecure_http
        publisher = check_publisher(kept[0].url, ca_file, insecure_http=insecure)
        return publisher, given or kept[1]
    publisher = check_publisher(url or DEFAULT_URL, ca_file, insecure_http=insecure)
    if given is None:
        raise NotSignedIn(f"Nobody is signed in to {publisher.url}. Run `holdfast login {publisher.url}`.")
    return publisher, given


def check_publisher(url: str, ca_file: str | None = None, *, insecure_http: bool = False) -> Publisher:
    """Read where a Holdfast is; raise Misused where it cannot be asked without others listening."""
    stripped = _stripped(url)
    try:
        parts = urlsplit(stripped)
        host, _ = parts.hostname, parts.port
        _ = httpx.URL(stripped).host  # both read names more strictly than what splits URLs
        (host or "").encode("idna")
    except (ValueError, httpx.InvalidURL):
        host, parts = None, urlsplit("")
    wrong = parts.query or parts.fragment or "@" in parts.netloc or any(not c.isprintable() or c == " " for c in url)
    if parts.scheme not in {"http", "https"} or not host or wrong:
        raise Misused(f"{_shown(url)} is no URL of a publisher. Write it like https://publisher.example.")
    if parts.scheme == "http" and not insecure_http and not _is_loopback(host):
        raise Misused(
            f"{stripped} is not encrypted: everybody on the way could read the password. Use https, "
            "or add --insecure-http (HOLDFAST_INSECURE_HTTP=1) where the way is safe."
        )
    path = Path(ca_file).expanduser().absolute() if ca_file else None
    if path and not path.is_file():
        raise Misused(f"There is no file {path}. Name a file of CA certificates in PEM with --ca-file.")
    return Publisher(stripped, path, insecure_http)


def keep(publisher: Publisher, who: Credentials, environment: Mapping[str, str] = os.environ) -> Path:
    """Write what is asked and who asks to a file that only its owner can read, and give its path."""
    file = credentials_file(environment)
    values = {
        "url": publisher.url,
        "ca_file": str(publisher.ca_file) if publisher.ca_file else "",
        "insecure_http": publisher.insecure_http,
        "user": who.user,
        "password": who.password,
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


def _read(file: Path) -> tuple[Publisher, Credentials] | None:
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            if mode & 0o077:
                raise CommandFailed(f"Others can read {file}. Run `chmod 600 {file}`, and change the password.")
            values = tomllib.loads(opened.read(MAX_BYTES).decode())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read ({error.strerror}).") from error
    except ValueError as error:  # no UTF-8, no TOML
        raise CommandFailed(f"{file} is damaged. Run `holdfast login` again.") from error
    text = {name: value for name, value in values.items() if isinstance(value, str)}
    if not text.get("url") or not text.get("user"):
        raise CommandFailed(f"{file} is damaged. Run `holdfast login` again.")
    ca_file = Path(text["ca_file"]) if text.get("ca_file") else None
    publisher = Publisher(text["url"], ca_file, values.get("insecure_http") is True)
    return publisher, Credentials(text["user"], text.get("password", ""))


def _toml(value: object) -> str:
    # A basic string of TOML is one of JSON, but for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _stripped(url: str) -> str:
    return url.strip().rstrip("/")


def _shown(url: str) -> str:
    """Give *url* without what may be a password in it."""
    return repr(url.rpartition("@")[2][:200])


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ip_address(host).is_loopback
    return host.lower() == "localhost"
