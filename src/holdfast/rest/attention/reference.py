"""
Texts of `/openapi.json` about the members of what needs attention.
"""

ATTENTION_MEMBERS = {
    "AttentionItem.action": "The text of the link to the page.",
    "AttentionItem.count": "How many objects of this kind need attention.",
    "AttentionItem.event": "What `time` is, such as `expires`; null if there is none.",
    "example": "The most urgent object.",
    "AttentionItem.kind": "What needs attention, a stable name to test for.",
    "AttentionItem.message": "What needs attention, with the number of objects.",
    "page": "The path of the page where to act.",
    "AttentionItem.time": "A time of the example; null if there is none.",
    "urgency": "How soon to act: `now`, `soon` (within 30 days) or `later`.",
}
