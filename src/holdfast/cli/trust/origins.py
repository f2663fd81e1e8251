"""
The origins of endpoint URLs, to compare them however they are written.
"""

from collections.abc import Iterable
from contextlib import suppress

from holdfast.apis.catalog.endpoint import Origin, parse_endpoint
from holdfast.apis.errors import InvalidField
from holdfast.cli.failures import InvalidUsage


def find_origin(url: str) -> Origin:
    """Return the origin of a backend's URL (RFC 6454): scheme, host and effective port. Raises InvalidUsage."""
    try:
        return parse_endpoint(url).origin
    except InvalidField as error:
        raise InvalidUsage(f"{url!r} isn't an endpoint URL. {error}") from error


def find_origins(urls: Iterable[str | None]) -> set[Origin]:
    """Return the origins of the valid *urls*; earlier versions could store invalid ones."""
    origins = set()
    for url in urls:
        if url:
            with suppress(InvalidField):
                origins.add(parse_endpoint(url).origin)
    return origins
