"""
Searches of endpoint certificates by endpoint. A wss URL is the same place as an https URL.
"""

from sqlalchemy import ColumnElement, and_, false, or_
from sqlalchemy.orm import InstrumentedAttribute

from holdfast.apis.url import BACKENDS, DEFAULT_PORTS, parse_host, parse_url


def is_at(origin: InstrumentedAttribute[str], endpoint: str) -> ColumnElement[bool]:
    """
    Return the condition that *origin* is where *endpoint* leads: its scheme, host and port; a path has no effect.

    Without a port, any port matches; without a scheme, any scheme. Nothing matches what isn't a URL or a host.
    """
    scheme, separator, rest = endpoint.strip().rpartition("://")
    authority = rest.partition("/")[0].partition("?")[0]
    schemes = [BACKENDS.get(scheme.lower(), scheme.lower())] if separator else list(DEFAULT_PORTS)
    if _has_port(authority):
        try:
            urls = [parse_url(f"{name}://{authority}") for name in schemes]
        except ValueError:
            return false()
        return origin.in_([_write(url.scheme, url.host, url.port) for url in urls])
    try:
        host = parse_host(authority.removeprefix("[").removesuffix("]"))
    except ValueError:
        return false()
    return or_(*(_begins_with(origin, _write(name, host, None)) for name in schemes))


def spell_schemes(text: str) -> list[str]:
    """Return *text*, or if it begins with the scheme of a backend, the texts with all schemes that mean the same."""
    scheme, separator, rest = text.partition("://")
    schemes = [name for name, meaning in BACKENDS.items() if separator and meaning == BACKENDS.get(scheme)]
    return [f"{name}://{rest}" for name in schemes] or [text]


def _begins_with(origin: InstrumentedAttribute[str], exact: str) -> ColumnElement[bool]:
    """Return the condition that *origin* is *exact*, or *exact* with a port."""
    # As a range of an index, which LIKE isn't for SQLite; ";" follows ":". The first part is only there for that.
    return and_(origin >= exact, origin < f"{exact};", or_(origin == exact, origin >= f"{exact}:"))


def _has_port(authority: str) -> bool:
    """Return whether *authority* ends with a port; an address without brackets has none."""
    host, colon, port = authority.rpartition(":")
    return bool(colon) and port.isdigit() and (":" not in host or host.endswith("]"))


def _write(scheme: str, host: str, port: int | None) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}" if port in {None, DEFAULT_PORTS.get(scheme)} else f"{scheme}://{name}:{port}"
