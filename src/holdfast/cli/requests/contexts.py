"""
The file of contexts that `holdfast login` writes, readable only by its owner. A context is a publisher and a token.
"""

import fcntl
import json
import os
import re
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from holdfast.apis.url import DEFAULT_PORTS, parse_url
from holdfast.cli.failures import CommandFailed, InvalidUsage, SignInRequired
from holdfast.cli.requests.publisher import Credentials, Publisher
from holdfast.cli.terminal.files import expand_home

MAX_BYTES = 1024 * 1024
MAX_NAME = 63
_NAME = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{MAX_NAME - 1}}}")


@dataclass(frozen=True, slots=True)
class PublisherContext:
    """A publisher and the credentials for it."""

    publisher: Publisher
    who: Credentials


@dataclass(frozen=True, slots=True)
class Contexts:
    """All contexts by name; *current* is the name of the one that commands use, or empty."""

    by_name: Mapping[str, PublisherContext] = field(default_factory=dict)
    current: str = ""

    def find_name(self, url: str) -> str:
        """Return the name of a context for *url*, preferably the current one; empty if there is none."""
        names = [self.current, *self.by_name]
        return next((name for name in names if name in self.by_name and self.by_name[name].publisher.url == url), "")

    def copy_with(self, name: str, context: PublisherContext) -> "Contexts":
        """Add or replace a context, and make it the current one."""
        return Contexts({**self.by_name, name: context}, name)

    def copy_without(self, name: str) -> "Contexts":
        """Remove a context. If it was the current one, none is current."""
        others = {other: context for other, context in self.by_name.items() if other != name}
        return Contexts(others, self.current if self.current in others else "")


def check_context_name(name: str) -> str:
    """Return *name* if it is valid for a context. Raises InvalidUsage."""
    if not _NAME.fullmatch(name):
        raise InvalidUsage(
            f"{name!r} isn't a valid context name. Use 1-{MAX_NAME} letters, digits, dots, hyphens or underscores."
        )
    return name


def name_from_url(url: str) -> str:
    """Derive a name from the host and port of a publisher's URL."""
    parts = parse_url(url)
    text = parts.host if parts.port == DEFAULT_PORTS[parts.scheme] else f"{parts.host}-{parts.port}"
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-.")[:MAX_NAME] or "publisher"


def locate_credentials_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the path of the file of contexts."""
    return expand_home(environment.get("XDG_CONFIG_HOME") or "~/.config") / "holdfast/credentials.toml"


def read_contexts(environment: Mapping[str, str] = os.environ, *, exposed: bool = False) -> Contexts:
    """
    Read all contexts; none if there is no file.

    With *exposed*, accept even a file that other users can read, in order to revoke its tokens. A file that they can
    change is never accepted, because they could have changed where the tokens are sent.

    Raises:
        CommandFailed: The file can't be read, is damaged, or other users can read or change it.
        SignInRequired: The file is of a version that stored passwords.
    """
    file = locate_credentials_file(environment)
    try:
        with file.open("rb") as source:
            mode = os.fstat(source.fileno()).st_mode
            if mode & 0o022:
                raise CommandFailed(
                    f"Other users can change {file}. Revoke its token on the Tokens page, and log in again."
                )
            if mode & 0o077 and not exposed:
                raise CommandFailed(
                    f"Other users can read {file}. Run `holdfast login` again, which revokes its token."
                )
            values = tomllib.loads(source.read(MAX_BYTES).decode())
    except FileNotFoundError:
        return Contexts()
    except OSError as error:
        raise CommandFailed(f"Can't read {file}: {error.strerror}.") from error
    except ValueError as error:  # not UTF-8 or not TOML
        raise _explain_damage(file) from error
    if values.get("password"):
        raise SignInRequired(f"{file} is from an earlier version and contains a password. Run `holdfast login` again.")
    try:
        return _read_contexts(values)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _explain_damage(file) from error


def is_exposed(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether other users can read the file."""
    with suppress(OSError):
        return bool(locate_credentials_file(environment).stat().st_mode & 0o077)
    return False


def keep_context(name: str, context: PublisherContext, environment: Mapping[str, str] = os.environ) -> Path:
    """Add or replace a context, make it the current one, and return the file. An unreadable file is overwritten."""
    with _lock(environment):
        try:
            before = read_contexts(environment, exposed=True)
        except CommandFailed:
            before = Contexts()
        return write_contexts(before.copy_with(name, context), environment)


def write_contexts(contexts: Contexts, environment: Mapping[str, str] = os.environ) -> Path:
    """Write all contexts to the file, which is private; remove it if there are none. Raises CommandFailed."""
    file = locate_credentials_file(environment)
    lines = [f"current = {_write_toml(contexts.current)}\n"] if contexts.current else []
    for name, context in contexts.by_name.items():
        values = _list_values(context)
        lines += [
            "\n",
            f"[contexts.{_write_toml(name)}]\n",
            *(f"{key} = {_write_toml(value)}\n" for key, value in values.items()),
        ]
    try:
        if not contexts.by_name:
            file.unlink(missing_ok=True)
            return file
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp creates the file with mode 0600, so others can never read it.
        descriptor, temporary = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as target:
            target.write("".join(lines))
        Path(temporary).replace(file)
    except OSError as error:
        raise CommandFailed(f"Can't write {file}: {error.strerror}.") from error
    return file


def forget_context(name: str, environment: Mapping[str, str] = os.environ) -> Contexts:
    """Remove a context, and return the remaining ones. An unreadable file is removed."""
    with _lock(environment):
        try:
            others = read_contexts(environment, exposed=True).copy_without(name)
        except CommandFailed:
            others = Contexts()
        write_contexts(others, environment)
        return others


def use_context(name: str, environment: Mapping[str, str] = os.environ) -> None:
    """Make a context the current one. Raises CommandFailed if it doesn't exist."""
    with _lock(environment):
        contexts = read_contexts(environment)
        find_context(contexts, name)
        write_contexts(replace(contexts, current=name), environment)


def find_context(contexts: Contexts, name: str) -> PublisherContext:
    """Return the context *name*. Raises CommandFailed if it doesn't exist."""
    if name not in contexts.by_name:
        names = ", ".join(contexts.by_name) or "none"
        text = f"Context {name} not found (contexts: {names}). Add it with `holdfast login URL --context {name}`."
        raise CommandFailed(text)
    return contexts.by_name[name]


def read_time(text: str) -> datetime:
    """Parse a time from REST; without a time zone, it is UTC. Raises ValueError."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


@contextmanager
def _lock(environment: Mapping[str, str]) -> Iterator[None]:
    """Lock the file, so that two logins at the same time are both stored."""
    folder = locate_credentials_file(environment).parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise CommandFailed(f"Can't write {locate_credentials_file(environment)}: {error.strerror}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read_contexts(values: dict[str, Any]) -> Contexts:
    if "contexts" not in values and "url" in values:  # written by a version that supported one publisher
        context = _read_context(values)
        name = name_from_url(context.publisher.url)
        return Contexts({name: context}, name)
    contexts = {check_context_name(name): _read_context(members) for name, members in values["contexts"].items()}
    current = values.get("current", "")
    return Contexts(contexts, current if current in contexts else "")


def _read_context(values: dict[str, Any]) -> PublisherContext:
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    if not (texts["url"] and texts["user"] and texts["token"]):
        raise ValueError("A context needs a URL, a user and a token.")
    by_login = values.get("by_login")  # earlier versions didn't write it
    by_login = by_login if isinstance(by_login, bool) else None
    who = Credentials(texts["user"], token=texts["token"], expires_at=read_time(texts["expires"]), by_login=by_login)
    ca_file = Path(texts["ca_file"]) if texts.get("ca_file") else None
    return PublisherContext(Publisher(texts["url"], ca_file, values.get("insecure_http") is True), who)


def _list_values(context: PublisherContext) -> dict[str, object]:
    publisher, who = context.publisher, context.who
    values = {
        "url": publisher.url,
        "ca_file": str(publisher.ca_file) if publisher.ca_file else "",
        "insecure_http": publisher.insecure_http,
        "user": who.user,
        "token": who.token,
        "by_login": who.by_login,
        "expires": who.expires_at.isoformat() if who.expires_at else "",
    }
    return {name: value for name, value in values.items() if value not in ("", None)}


def _explain_damage(file: Path) -> CommandFailed:
    return CommandFailed(f"{file} is damaged. Run `holdfast login` again.")


def _write_toml(value: object) -> str:
    # TOML basic strings are like JSON strings, except for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
