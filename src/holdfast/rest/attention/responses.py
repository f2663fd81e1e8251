"""
Responses of operations on what needs attention.
"""

from typing_extensions import TypedDict

from holdfast.rest.responses import Timestamp
from holdfast.services.attention.item import Kind, Urgency


class AttentionItem(TypedDict):
    """All objects of a kind that need attention: how many there are, and the most urgent one as an example."""

    kind: Kind
    urgency: Urgency
    count: int
    message: str
    example: str
    event: str | None
    time: Timestamp | None
    page: str
    action: str


class Attention(TypedDict):
    """The items that need attention, most urgent first."""

    count: int
    list: list[AttentionItem]
