"""
`/apis/validate`: whether a name or context is taken.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from holdfast.apis.errors import InvalidField
from holdfast.rest.authentication import Caller, Running
from holdfast.rest.errors import PREFIX
from holdfast.rest.queries import read_question
from holdfast.services import catalog
from holdfast.services.errors import NotFound

router = APIRouter(prefix=f"{PREFIX}/apis", tags=["Validation"])
Question = Annotated[str, Query(description="A name, or name:, context: and version: with all of the value.")]


@router.post("/validate", response_class=Response)
@router.head("/validate", response_class=Response)
def validate_api(running: Running, caller: Caller, query: Question) -> Response:
    """Answer 200 when there is such an API, 404 when there is none."""
    wanted = read_question(query)
    if not (wanted.name or wanted.context or wanted.version):
        raise InvalidField("query", "The question is empty. Ask for name:, context: or version: with a value.")
    _, total = catalog.list_apis(running.store, caller, wanted, 0, 1)
    if not total:
        raise NotFound("API", query)
    return Response()
