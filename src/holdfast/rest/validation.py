"""
`/apis/validate`: whether a name or context is taken.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from holdfast.rest.authentication import Caller, Running
from holdfast.rest.errors import PREFIX
from holdfast.rest.queries import read_question
from holdfast.services import catalog
from holdfast.services.errors import NotFound

router = APIRouter(prefix=f"{PREFIX}/apis", tags=["Validation"])
Question = Annotated[str, Query(description="A name, or name:, context: and version: with all of the value.")]


@router.post("/validate")
@router.head("/validate")
def validate_api(running: Running, caller: Caller, query: Question) -> Response:
    """Answer 200 when there is such an API, 404 when there is none."""
    _, total = catalog.list_apis(running.store, caller, read_question(query), 0, 1)
    if not total:
        raise NotFound("API", query)
    return Response()
