"""
The search for APIs by words anywhere in their names, contexts, versions and endpoints.
"""

from sqlalchemy import case, func, literal, select
from sqlalchemy.orm import Session

from holdfast.store.catalog.apis import ApiNames
from holdfast.store.folding import folded
from holdfast.store.substring import instr
from holdfast.store.tables import ApiRow

_NAME = ApiRow.name + " " + ApiRow.version
# One text per API: each word needs one comparison, and the text is lowered once.
_TEXT = (
    _NAME
    + " "
    + ApiRow.context
    + " "
    + func.coalesce(ApiRow.production_url, "")
    + " "
    + func.coalesce(ApiRow.sandbox_url, "")
)


def search(session: Session, organization: str, words: list[str], limit: int) -> list[ApiNames]:
    """Return APIs with all of *words* (lower case), those first whose name begins with the first word."""
    columns = (ApiRow.id, ApiRow.name, ApiRow.version, ApiRow.production_url, ApiRow.sandbox_url)
    everywhere = [instr(folded(_TEXT), literal(word)) > 0 for word in words if "\0" not in word]
    if len(everywhere) < len(words):
        return []
    place = instr(folded(ApiRow.name), literal(words[0])) if words else literal(1)
    rank = case((place == 1, 0), (place > 1, 1), else_=2)
    query = select(*columns).where(ApiRow.organization_id == organization, *everywhere)
    rows = session.execute(query.order_by(rank, folded(ApiRow.name), ApiRow.version).limit(limit))
    return [ApiNames(*row) for row in rows]
