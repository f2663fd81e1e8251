"""
`/gateways`: enroll, list and revoke gateways, and join as one.
"""

from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from holdfast.certificates.gateway_certificates import DISCOVERY_NAME, MAX_REQUEST
from holdfast.network.addresses import Address
from holdfast.network.forwarded import address_of
from holdfast.rest.access.authentication import CurrentRuntime, RequestContext
from holdfast.rest.gateways import responses
from holdfast.rest.gateways.descriptions import describe_gateway
from holdfast.rest.gateways.responses import (
    DiscoveryAddress,
    EnrolledGateway,
    GatewayMembership,
    Gateways,
)
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, pagination
from holdfast.rest.prefixes import PREFIX
from holdfast.rest.router import Router
from holdfast.services.access.context import Context
from holdfast.services.access.failed_sign_ins import Way
from holdfast.services.errors import NoDiscovery
from holdfast.services.gateways import enrollment, statuses
from holdfast.services.gateways.joining import join
from holdfast.services.gateways.statuses import GatewayStatus
from holdfast.services.runtime import Runtime

PATH = f"{PREFIX}/gateways"
router = Router(prefix=PATH, tags=["Gateways"])
joining = Router(prefix=PATH, tags=["Gateways"])  # without signing in
MAX_TOKEN = 200  # characters; a join token has at most 90
_EVERY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104 - compared, not listened on
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
    token: Annotated[str, Field(max_length=MAX_TOKEN)]
    csr: Annotated[str, Field(max_length=MAX_REQUEST)]


@router.get("")
def list_gateways(
    runtime: CurrentRuntime, context: RequestContext, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0
) -> Gateways:
    """
    List gateways.

    Returns the gateways on the publisher's machine, and those that were enrolled, ordered by name: their connection,
    what they have in force, and what they report. Only for admins of the organization `default`.
    """
    every = statuses.list_for_operator(context, runtime.groups, runtime.gateway_states)
    page = every[offset : offset + limit]
    return {
        "count": len(page),
        "list": [_describe(runtime, context, status) for status in page],
        "pagination": pagination(PATH, {}, offset, limit, len(every)),
    }


@router.post("", status_code=201)
def enroll_gateway(runtime: CurrentRuntime, context: RequestContext, body: EnrollmentBody) -> EnrolledGateway:
    """
    Enroll a gateway.

    Returns a join token, with which one machine can join as this gateway once, within an hour. If the gateway has
    joined before, its certificate stays valid until then. Only for admins of the organization `default`.
    """
    pin = runtime.publisher_pin()
    enrolled = enrollment.create_join_token(context, runtime.sealing, body.name, body.group, body.labels, pin)
    status = statuses.describe_enrolled(enrolled.gateway, context.now)
    discovery = _describe_discovery(runtime.discovery) if runtime.discovery else None
    return {**_describe(runtime, context, status), "token": enrolled.token, "discovery": discovery}


@router.get("/{gateway}")
def get_gateway(runtime: CurrentRuntime, context: RequestContext, gateway: str) -> responses.Gateway:
    """
    Get a gateway.

    Only for admins of the organization `default`.
    """
    status = statuses.get_for_operator(context, runtime.groups, runtime.gateway_states, gateway)
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

    Exchanges a join token for a certificate for the key in `csr`. The token is the only credential.
    """
    if runtime.discovery is None:
        raise NoDiscovery
    address = address_of(request)
    with runtime.accounts.failures.watch(Way.JOINING_GATEWAY, address):
        member = join(
            runtime.store,
            runtime.sealing,
            runtime.accounts.attempts,
            body.token,
            body.csr,
            address,
            runtime.now(),
        )
    return {
        "name": member.gateway.name,
        "group": member.gateway.placement.group,
        "certificate": member.certificate,
        "ca": member.authority,
        "discovery": _describe_discovery(runtime.discovery),
    }


def _describe(runtime: Runtime, context: Context, status: GatewayStatus) -> responses.Gateway:
    return describe_gateway(status, runtime.enforcements.revision, context.now)


def _describe_discovery(address: Address) -> DiscoveryAddress:
    host, port = address
    return {"host": None if host in _EVERY_ADDRESS else host, "port": port, "serverName": DISCOVERY_NAME}
