"""
The hash of an audit event, which includes the hash of the event before.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NO_HASH = "0" * 64  # what precedes the first event
HASH = "hash"  # the member of an event that isn't part of the hash


@dataclass(frozen=True, slots=True)
class Link:
    """A place in the chain: the number of an event and its hash (SHA-256, in hex)."""

    number: int
    hash: str


START = Link(0, NO_HASH)


def hash_event(event: Mapping[str, Any]) -> str:
    """
    Return the SHA-256 of an event with its number and `previousHash`, in hex.

    It covers the event as JSON in ASCII, with sorted names, without spaces and without its own hash.
    """
    members = {name: value for name, value in event.items() if name != HASH}
    return hashlib.sha256(json.dumps(members, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
