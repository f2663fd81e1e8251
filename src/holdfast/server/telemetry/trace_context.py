"""
The trace that a request belongs to (W3C Trace Context).
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 1
_random = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class TraceContext:
    """The span of a request; *parent_id* is empty if it begins the trace."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    is_sampled: bool


def continue_trace(headers: Sequence[tuple[bytes, bytes]], sample: float) -> TraceContext:
    """
    Return the context of a request with these headers; of those that begin a trace, the share *sample* is sampled.

    A caller's `traceparent` that isn't valid is ignored (3.2.2 and 4.3 of the recommendation).
    """
    values = [value.strip() for name, value in headers if name == b"traceparent"]
    parent = _TRACEPARENT.fullmatch(values[0]) if len(values) == 1 else None
    span_id = _random.randbytes(8)
    if parent and _is_valid(*parent.groups()):
        trace_id, parent_id = (bytes.fromhex(parent[number].decode()) for number in (2, 3))
        return TraceContext(trace_id, span_id, parent_id, bool(int(parent[4], 16) & _SAMPLED))
    return TraceContext(_random.randbytes(16), span_id, b"", random.random() < sample)  # noqa: S311 - no secret


def _is_valid(version: bytes, trace: bytes, span: bytes, flags: bytes, more: bytes | None) -> bool:
    del flags
    return version != b"ff" and (version != b"00" or not more) and trace.strip(b"0") != b"" and span.strip(b"0") != b""
