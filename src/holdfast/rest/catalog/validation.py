"""
`/apis/validate`: whether a name or context is used; `/apis/validate-endpoint`: how a backend responds.
"""

from typing import Annotated

from fastapi import Query, Response
from starlette.concurrency import run_in_threadpool

from holdfast.apis.errors import InvalidField
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.catalog.apis import ApiId
from holdfast.rest.catalog.responses import EndpointValidation
from holdfast.rest.catalog.searches import read_question
from holdfast.rest.errors import PREFIX
from holdfast.rest.router import Router
from holdfast.services.catalog import api_names
from holdfast.services.catalog.http1_fallback import find_connection
from holdfast.services.errors import NotFound
from holdfast.services.probing.outcomes import CheckOutcome
from holdfast.services.probing.terms import find_terms_to_call

router = Router(prefix=f"{PREFIX}/apis", tags=["Validation"])
Question = Annotated[str, Query(description="A name, or `name:`, `context:` and `version:` with the whole value.")]


@router.post("/validate", response_class=Response)
@router.head("/validate", response_class=Response)
def validate_api(context: RequestContext, query: Question) -> Response:
    """
    Check whether an API exists.

    Responds 200 if an API with this name, context or version exists, otherwise 404.
    """
    criteria = read_question(query)
    if not (criteria.name or criteria.context or criteria.version):
        raise InvalidField("query", "The query is empty. Search for name:, context: or version: with a value.")
    if not api_names.is_there(context, criteria):
        raise NotFound("API", query)
    return Response()


@router.post("/validate-endpoint")
async def validate_endpoint(
    runtime: CurrentRuntime,
    context: RequestContext,
    endpoint: Annotated[
        str, Query(alias="endpointUrl", description="An http or https URL. It needn't be an endpoint of an API.")
    ],
    api_id: ApiId = "",
    gateway: Annotated[
        str, Query(description="The name of a connected gateway. Default: the one on the publisher's machine.")
    ] = "",
) -> EndpointValidation:
    """
    Check an endpoint.

    The gateway sends one HEAD request to the endpoint. Returns the status of the response, or why there is none.
    """
    try:
        terms = await run_in_threadpool(find_terms_to_call, context, runtime.sealing, endpoint)
        if api_id:
            await run_in_threadpool(api_names.resolve_id, context, api_id)
        connection = await run_in_threadpool(find_connection, context, endpoint)
        context.release()
        outcome = await runtime.probes.check(context.user, endpoint, terms, connection, gateway)
    except InvalidField as error:
        if error.field == "gateway":
            raise
        raise InvalidField("endpointUrl", str(error)) from error
    return _write_answer(outcome)


def _write_answer(outcome: CheckOutcome) -> EndpointValidation:
    if outcome.refusal is None:
        return {"statusCode": outcome.status, "statusMessage": outcome.phrase, "error": ""}
    code, why = outcome.refusal.cause or "no_gateway", outcome.refusal.explanation
    return {"statusCode": 0, "statusMessage": "", "error": f"{code}: {why.sentence} {why.remedy}".strip()}
