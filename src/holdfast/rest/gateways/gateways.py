"""
`/gateways`: enroll, list and revoke gateways, and join as one.
"""

from typing import Annotated, Any

from fastapi import Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from holdfast.apis.errors import InvalidField
from holdfast.apis.gateways.enrollment_key import is_enrollment_key
from holdfast.apis.gateways.join_token import MAX_LENGTH
from holdfast.certificates.gateway_certificates import DISCOVERY_NAME, MAX_REQUEST
from holdfast.network.addresses import EVERY_ADDRESS, Address
from holdfast.network.forwarded import get_address
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.gateways import responses
from holdfast.rest.gateways.descriptions import describe_gateway
from holdfast.rest.gateways.responses import (
    DiscoveryAddress,
    EnrolledGateway,
    GatewayMembership,
    Gateways,
)
from holdfast.rest.inputs import refuse_unknown_query
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, paginate
from holdfast.rest.prefixes import PREFIX
from holdfast.rest.router import Router
from holdfast.services.access.context import Context
from holdfast.services.access.failed_sign_ins import Way
from holdfast.services.errors import NoDiscovery
from holdfast.services.gateways import enrollment, statuses
from holdfast.services.gateways.joining import join, join_with_key
from holdfast.services.gateways.statuses import GatewayStatus
from holdfast.services.runtime import Runtime

PATH = f"{PREFIX}/gateways"
router = Router(prefix=PATH, tags=["Gateways"])
# Without a sign-in:
joining = Router(prefix=PATH, tags=["Gateways"], dependencies=[Depends(refuse_unknown_query)])
MAX_NAME = 63
_WITHOUT_SIGN_IN: dict[str, Any] = {"security": []}
_TOO_MANY: dict[int | str, dict[str, Any]] = {429: {"description": "Too many failed attempts."}}


class EnrollmentBody(BaseModel):
    """A gateway to enroll."""

    model_config = ConfigDict(extra="forbid")
    name: str
    group: str = ""
    labels: dict[str, str] = {}


class JoinBody(BaseModel):
    """A request to join as a gateway."""

    model_config = ConfigDict(extra="forbid")
    token: Annotated[str, Field(max_length=MAX_LENGTH)]
    csr: Annotated[str, Field(max_length=MAX_REQUEST)]
    name: Annotated[str, Field(max_length=MAX_NAME)] = ""  # only for enrollment keys; a join token has one


@router.get("")
def list_gateways(
    runtime: CurrentRuntime, context: RequestContext, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0
) -> Gateways:
    """
    List gateways.

    Returns the gateways on the publisher's machine, and those that were enrolled, ordered by name: their connection,
    what they have in force, and what they report. Only for admins of the organization `default`.
    """
    gateways = statuses.list_for_operator(context, runtime.gateway_sources)
    page = gateways[offset : offset + limit]
    return {
        "count": len(page),
        "list": [_describe(runtime, context, status) for status in page],
        "pagination": paginate(PATH, {}, offset, limit, len(gateways)),
    }


@router.post("", status_code=201)
def enroll_gateway(runtime: CurrentRuntime, context: RequestContext, body: EnrollmentBody) -> EnrolledGateway:
    """
    Enroll a gateway.

    Returns a join token, with which one machine can join as this gateway once, within an hour. If the gateway has
    joined before, its certificate stays valid until then. Only for admins of the organization `default`.
    """
    pins = runtime.publisher_pins()
    enrollee = enrollment.create_join_token(context, runtime.sealing, body.name, body.group, body.labels, pins)
    status = statuses.describe_enrolled(enrollee.gateway, context.now)
    discovery = _describe_discovery(runtime.discovery) if runtime.discovery else None
    return {**_describe(runtime, context, status), "token": enrollee.token, "discovery": discovery}


@router.get("/{gateway}")
def get_gateway(runtime: CurrentRuntime, context: RequestContext, gateway: str) -> responses.Gateway:
    """
    Get a gateway.

    Only for admins of the organization `default`.
    """
    status = statuses.get_for_operator(context, runtime.gateway_sources, gateway)
    return _describe(runtime, context, status)


@router.delete("/{gateway}", status_code=204)
def revoke_gateway(context: RequestContext, gateway: str) -> Response:
    """
    Revoke a gateway.

    Ends its connection immediately and rejects its certificate and its join token. Only for admins of the organization
    `default`.
    """
    enrollment.revoke_gateway(context, gateway)
    return Response(status_code=204)


@joining.post("/join", openapi_extra=_WITHOUT_SIGN_IN, responses=_TOO_MANY)
def join_as_gateway(request: Request, runtime: CurrentRuntime, body: JoinBody) -> GatewayMembership:
    """
    Join as a gateway.

    Exchanges a join token for a certificate for the key in `csr`. The token is the only credential. Instead, `token`
    can be an enrollment key, with which a gateway joins as `name`.
    """
    if runtime.discovery is None:
        raise NoDiscovery
    address = get_address(request)
    places, now = (runtime.store, runtime.sealing, runtime.accounts.attempts), runtime.now()
    with runtime.accounts.failures.watch(Way.JOINING_GATEWAY, address):
        if is_enrollment_key(body.token):
            keys = runtime.enrollment_keys()
            member = join_with_key(*places, keys, body.token, body.name, body.csr, address, now)
        elif body.name:
            raise InvalidField("name", "Send a name only with an enrollment key; a join token has one.")
        else:
            member = join(*places, body.token, body.csr, address, now)
    return {
        "name": member.gateway.name,
        "group": member.gateway.placement.group,
        "certificate": member.certificate,
        "ca": member.authority,
        "discovery": _describe_discovery(runtime.discovery),
        "controlPlanes": [{"host": host, "port": port} for host, port in runtime.discovery_addresses()],
    }


def _describe(runtime: Runtime, context: Context, status: GatewayStatus) -> responses.Gateway:
    return describe_gateway(status, runtime.enforcements.revision, context.now)


def _describe_discovery(address: Address) -> DiscoveryAddress:
    host, port = address
    return {"host": None if host in EVERY_ADDRESS else host, "port": port, "serverName": DISCOVERY_NAME}
