"""
Changes of resources, and the bytes in which the agent stores them.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from holdfast.gateway.discovery.cache import ResourceKey
from holdfast.gateway.resources.resource import Resource

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TIME = struct.Struct("!q")  # microseconds since _EPOCH
# Whether it is there (otherwise, it is removed), the time at which it expires (0: never), and the lengths of what
# follows: type URL, name, version and body.
_RESOURCE = struct.Struct("!?qIIII")


@dataclass(frozen=True, slots=True)
class Changes:
    """Resources that are removed, and then resources that are added or replaced, in one step."""

    upserts: tuple[Resource, ...] = ()
    removals: tuple[ResourceKey, ...] = ()


def encode(saved_at: datetime, steps: Iterable[Changes]) -> bytes:
    """Return the bytes of *steps*, one after the other, and of the time (aware) at which they are saved."""
    parts = [_TIME.pack(_write_time(saved_at))]
    for step in steps:
        for type_url, name in step.removals:
            parts += _encode(type_url, name)
        for resource in step.upserts:
            parts += _encode(resource.type_url, resource.name, resource)
    return b"".join(parts)


def _encode(type_url: str, name: str, resource: Resource | None = None) -> Iterator[bytes]:
    texts = type_url.encode(), name.encode(), resource.version.encode() if resource else b""
    body = resource.body if resource else b""
    expires_at = resource.expires_at if resource else None
    expiry = _write_time(expires_at) if expires_at else 0
    yield _RESOURCE.pack(resource is not None, expiry, *map(len, texts), len(body))
    yield from texts
    yield body


def decode(content: bytes) -> tuple[datetime, Iterator[tuple[ResourceKey, Resource | None]]]:
    """Return what `encode` was given: the time, and each resource in order, None if it is removed."""
    (time,) = _TIME.unpack_from(content)
    return _read_time(time), _decode(content)


def _decode(content: bytes) -> Iterator[tuple[ResourceKey, Resource | None]]:
    at = _TIME.size
    types: dict[str, str] = {}  # one string for each type, instead of one for each resource
    while at < len(content):
        present, expiry, *lengths = _RESOURCE.unpack_from(content, at)
        at += _RESOURCE.size
        texts = []
        for length in lengths[:3]:
            texts.append(content[at : at + length].decode())
            at += length
        body = content[at : at + lengths[3]]
        at += lengths[3]
        type_url, name, version = types.setdefault(texts[0], texts[0]), texts[1], texts[2]
        expires_at = _read_time(expiry) if expiry else None
        yield (type_url, name), Resource(type_url, name, version, body, expires_at) if present else None


def _write_time(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND


def _read_time(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _MICROSECOND
