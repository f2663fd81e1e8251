"""
Groups of gateways, and the rules for them. In WSO2's terms, a group is a gateway environment.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from typing import Literal

from holdfast.apis.errors import InvalidField
from holdfast.apis.text import check_prose, check_visible
from holdfast.apis.url import parse_url

DEFAULT_GROUP = "Default"  # exists in every installation
ON_DEFAULT = frozenset({DEFAULT_GROUP})
MAX_GROUPS = 100
MAX_DESCRIPTION = 1000  # characters
MAX_LISTEN = 8  # addresses of a listener
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,58}[A-Za-z0-9])?")
_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<v4>[0-9.]+)):(?P<port>[0-9]{1,5})")

Address = tuple[str, int]  # IP address and port


@dataclass(frozen=True, slots=True)
class Listener:
    """A listener that every gateway has: an environment, with or without TLS; *member* is its name in REST."""

    member: str
    environment: Literal["production", "sandbox"]
    tls: bool


LISTENERS = (
    Listener("production", "production", tls=False),
    Listener("productionTls", "production", tls=True),
    Listener("sandbox", "sandbox", tls=False),
    Listener("sandboxTls", "sandbox", tls=True),
)


@dataclass(frozen=True, slots=True)
class Group:
    """
    A group of gateways that serve the same APIs.

    *urls* are those that callers use, by the member of a listener; a listener without one isn't known. *listen* are
    the addresses on which its gateways listen, where they differ from the publisher's settings. If those that are
    stored can't be read, it *is_unreadable*, and its gateways listen nowhere new.
    """

    name: str
    created_at: datetime  # aware, UTC
    updated_at: datetime
    display_name: str = ""
    description: str = ""
    urls: Mapping[str, str] = field(default_factory=dict)
    listen: Mapping[str, tuple[Address, ...]] = field(default_factory=dict)
    is_unreadable: bool = False

    @property
    def title(self) -> str:
        """The name for people."""
        return self.display_name or self.name


def check_group_name(name: str) -> str:
    """Return *name* as stored. Raises InvalidField."""
    name = name.strip()
    if not _NAME.fullmatch(name):
        text = "Use 1-60 letters, digits, spaces, dots, hyphens or underscores, with a letter or digit at both ends."
        raise InvalidField("name", text)
    return name


def check_display_name(name: str) -> str:
    """Return the name for people as stored; empty: the same as the name. Raises InvalidField."""
    name = check_visible(name.strip(), "displayName", "The display name")
    if len(name) > 60:
        raise InvalidField("displayName", "The display name is longer than 60 characters.")
    return name


def check_group_description(text: str) -> str:
    """Return *text* as stored. Raises InvalidField."""
    text = text.strip()
    if len(text) > MAX_DESCRIPTION:
        raise InvalidField("description", f"The description is longer than {MAX_DESCRIPTION:,} characters.")
    return check_prose(text, "description", "The description")


def check_urls(urls: Mapping[str, str]) -> dict[str, str]:
    """Return the URLs for callers, by listener, without empty ones and trailing slashes. Raises InvalidField."""
    return {listener.member: url for listener in LISTENERS if (url := _check_url(listener, urls.get(listener.member)))}


def _check_url(listener: Listener, text: str | None) -> str:
    text = (text or "").strip()
    if not text:
        return ""
    name, scheme = f"urls.{listener.member}", "https" if listener.tls else "http"
    try:
        url = parse_url(text)
    except ValueError as error:
        raise InvalidField(name, str(error)) from error
    if url.scheme != scheme or url.query is not None:
        raise InvalidField(name, f"Use a URL that begins with {scheme}:// and has no query.")
    return text.rstrip("/")


def check_listen(listen: Mapping[str, Sequence[str]]) -> dict[str, tuple[Address, ...]]:
    """Read the addresses on which gateways listen, by listener, without empty ones. Raises InvalidField."""
    addresses_by_listener = {
        listener.member: addresses
        for listener in LISTENERS
        if (addresses := _read_addresses(f"listen.{listener.member}", listen.get(listener.member) or ()))
    }
    listeners_by_address: dict[Address, str] = {}
    for member, addresses in addresses_by_listener.items():
        for address in addresses:
            if address in listeners_by_address:
                raise InvalidField(f"listen.{member}", f"{write_address(address)} is listed twice. Use another port.")
            listeners_by_address[address] = member
    return addresses_by_listener


def _read_addresses(name: str, texts: Sequence[str]) -> tuple[Address, ...]:
    if len(texts) > MAX_LISTEN:
        raise InvalidField(name, f"A listener has at most {MAX_LISTEN} addresses.")
    return tuple(_read_address(name, text.strip()) for text in texts)


def _read_address(name: str, text: str) -> Address:
    parts = _ADDRESS.fullmatch(text)
    try:
        if parts and 0 < int(parts["port"]) < 65536:
            return str(ip_address(parts["v6"] or parts["v4"])), int(parts["port"])
    except ValueError:
        pass
    raise InvalidField(name, "Use IP:PORT, such as 0.0.0.0:8280 or [::]:8280.")


def write_address(address: Address) -> str:
    """Return *address* as text, such as [::1]:8280."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
