"""
Endpoints of a Holdfast as the command compares them: by origin, however their URLs are written.
"""

from collections.abc import Iterable
from contextlib import suppress

from holdfast.apis.catalog.endpoint import Origin, parse_endpoint
from holdfast.apis.errors import InvalidField
from holdfast.cli.failures import Misused


def origin_of(url: str) -> Origin:
    """Give the origin of a backend's URL (RFC 6454): scheme, host and effective port. Raises Misused."""
    try:
        return parse_endpoint(url).origin
    except InvalidField as error:
        raise Misused(f"{url!r} is not the URL of an endpoint. {error}") from error


def origins_of(urls: Iterable[str | None]) -> set[Origin]:
    """Give the origins of those of *urls* that can be read; an earlier version may have stored others."""
    origins = set()
    for url in urls:
        if url:
            with suppress(InvalidField):
                origins.add(parse_endpoint(url).origin)
    return origins
