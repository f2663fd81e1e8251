"""
Which gateway is at the other end of a stream.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc.aio

from holdfast.apis.gateways.group import DEFAULT_GROUP


@dataclass(frozen=True, slots=True)
class Peer:
    """
    A gateway as its transport identifies it: by a certificate, or by a unix socket that only its user can open.

    Nothing that a gateway says about itself counts, such as `node.id`.
    """

    name: str
    group: str = DEFAULT_GROUP
    is_on_this_machine: bool = False  # otherwise, it gets no private key of this machine


Identify = Callable[["grpc.aio.ServicerContext[Any, Any]"], Peer | None]
"""Returns the gateway at the other end of a stream, or None if the stream must be rejected."""
