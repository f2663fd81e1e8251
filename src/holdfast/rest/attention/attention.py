"""
`/attention`: what needs attention, as on Home.
"""

from holdfast.rest.attention import responses
from holdfast.rest.attention.responses import Attention
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.prefixes import PREFIX
from holdfast.rest.router import Router
from holdfast.services.attention.attention import list_items
from holdfast.services.attention.item import Item

router = Router(prefix=f"{PREFIX}/attention", tags=["Attention"])


@router.get("")
def list_attention(runtime: CurrentRuntime, context: RequestContext) -> Attention:
    """
    List what needs attention.

    Returns at most one item of each kind, most urgent first. An empty list means that nothing needs your attention.
    """
    items = [_describe(item) for item in list_items(context, runtime.attention_sources)]
    return {"count": len(items), "list": items}


def _describe(item: Item) -> responses.AttentionItem:
    return {
        "kind": item.kind,
        "urgency": item.urgency,
        "count": item.count,
        "message": item.sentence,
        "example": item.example,
        "event": item.event or None,
        "time": item.at.isoformat() if item.at else None,
        "page": item.path,
        "action": item.action,
    }
