"""
Server URLs: the only place that parses scheme, host and port, by a subset of RFC 3986.

Every accepted URL means the same to all parsers, including Envoy. URLs that two parsers could read as different hosts
are rejected.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

MAX_URL = 2048
DEFAULT_PORTS = {"http": 80, "https": 443}
WEB = {scheme: scheme for scheme in DEFAULT_PORTS}
# A websocket begins as a request, so these URLs mean the same host, port and TLS (RFC 6455, section 3).
BACKENDS = WEB | {"ws": "http", "wss": "https"}
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)"
    r"(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?P<fragment>#.*)?"
)
_BLANK = re.compile(r"[\x00-\x20\x7f]")
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:]*)(?::(?P<port>[0-9]*))?")
_PATH = re.compile(r"([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
_QUERY = re.compile(r"([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # inet_aton reads 127.1 and 0x7f000001 as addresses
_SEPARATORS = frozenset("\u3002\uff0e\uff61")  # dots in IDNA 2003, but rarely elsewhere
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Url:
    """An http or https URL without user information and fragment."""

    scheme: str  # lower case
    host: str  # as returned by `parse_host`
    port: int  # 1 to 65535; the scheme's default if the URL has none
    path: str  # empty, or with a leading slash; as written
    query: str | None


def parse_url(text: str, schemes: Mapping[str, str] = WEB) -> Url:
    """
    Parse a URL with one of *schemes*, each of which stands for http or https.

    Raises:
        ValueError: It isn't such a URL; the text is a sentence for users.
    """
    if not text:
        raise ValueError("The URL is missing.")
    if len(text) > MAX_URL:
        raise ValueError(f"The URL is longer than {MAX_URL} characters.")
    if _BLANK.search(text):
        raise ValueError("The URL contains a space or a control character.")
    parts = _URL.fullmatch(text)
    if parts is None or parts["scheme"].lower() not in schemes:
        raise ValueError("The URL must begin with https:// or http://.")
    if "@" in parts["authority"]:
        raise ValueError("The URL must not contain a user name or password.")
    if parts["fragment"] is not None:
        raise ValueError("The URL has a fragment. Remove everything from '#'.")
    if not _PATH.fullmatch(parts["path"]) or not _QUERY.fullmatch(parts["query"] or ""):
        raise ValueError("The URL's path or query contains characters that must be percent-encoded.")
    scheme = schemes[parts["scheme"].lower()]
    host, port = _parse_authority(parts["authority"])
    return Url(scheme, host, DEFAULT_PORTS[scheme] if port is None else port, parts["path"], parts["query"])


def parse_host(host: str) -> str:
    """Return a host name or an IP address (without brackets) in normal form. Raises ValueError."""
    try:
        address = ip_address(host)
    except ValueError:
        return _parse_name(host)
    if isinstance(address, IPv6Address) and address.scope_id:
        raise ValueError("IPv6 addresses with a zone aren't supported.")
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        raise ValueError(f"{host} is an IPv4-mapped address. Use {address.ipv4_mapped}.")
    return str(address)


def _parse_authority(authority: str) -> tuple[str, int | None]:
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise ValueError("The URL's host and port can't be read. Use HOST or HOST:PORT.")
    host_text = parts["host"]
    if not host_text:
        raise ValueError("The URL has no host.")
    port = int(parts["port"][-6:]) if parts["port"] else None
    if port is not None and (parts["port"] != str(port) or not 0 < port <= _MAX_PORT):
        raise ValueError(f"Port {parts['port'][:10]} doesn't exist. Ports are 1 to {_MAX_PORT}.")
    host = parse_host(host_text.removeprefix("[").removesuffix("]"))
    if (host_text[0] == "[") != (":" in host):
        raise ValueError("Put IPv6 addresses, and only these, in brackets.")
    return host, port


def _parse_name(host: str) -> str:
    name = (host if host.isascii() else _to_ascii(host)).lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(map(_is_label, labels)) or _NUMBER.fullmatch(labels[-1]):
        raise ValueError(f"{host!r} is neither a host name nor an IP address.")
    return name


def _to_ascii(host: str) -> str:
    """Apply IDNA. Raises ValueError unless IDNA 2003 (Python's codec) and IDNA 2008 (browsers) agree."""
    import idna  # most hosts are ASCII, and agents should stay small

    try:
        name = idna.encode(host.lower()).decode()
        is_same = name == host.encode("idna").decode().lower() and _SEPARATORS.isdisjoint(host)
    except ValueError:
        is_same = False
    if not is_same:
        raise ValueError(f"Clients disagree about the host {host!r}. Use its ASCII form, xn--...")
    return name


def _is_label(label: str) -> bool:
    if not _LABEL.fullmatch(label):
        return False
    try:
        return not label.startswith("xn--") or bool(label[4:].encode().decode("punycode"))
    except UnicodeError:
        return False
