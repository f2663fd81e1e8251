"""
`/apis/{apiId}/failures/{environment}/acknowledgement`: failing backends that someone knows about.
"""

from fastapi import Response

from holdfast.apis.catalog.endpoint import Environment
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.errors import PREFIX
from holdfast.rest.failures.failures import describe_acknowledgement
from holdfast.rest.failures.responses import Acknowledgement
from holdfast.rest.router import Router
from holdfast.services.failures import acknowledgements

router = Router(prefix=f"{PREFIX}/apis/{{api_id}}/failures/{{environment}}/acknowledgement", tags=["Failures"])


@router.put("")
def acknowledge_failures(
    runtime: CurrentRuntime, context: RequestContext, api_id: str, environment: Environment
) -> Acknowledgement:
    """
    Acknowledge failures.

    Acknowledges the failures of a backend at all gateways. They stay in the list, but `GET /attention` leaves them out
    until the backend fails in another way, for at most 7 days.
    """
    return describe_acknowledgement(acknowledgements.acknowledge(context, runtime.failures, api_id, environment))


@router.delete("", status_code=204)
def withdraw_acknowledgement(context: RequestContext, api_id: str, environment: Environment) -> Response:
    """
    Withdraw an acknowledgement.

    The failures of the backend need attention again. It isn't an error if they weren't acknowledged.
    """
    acknowledgements.withdraw(context, api_id, environment)
    return Response(status_code=204)
