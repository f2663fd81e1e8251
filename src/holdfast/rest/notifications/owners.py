"""
`/apis/{api_id}/owners` and `/endpoint-certificates/{alias}/owners`: who is notified.
"""

from pydantic import BaseModel, ConfigDict, Field

from holdfast.rest.authentication import RequestContext
from holdfast.rest.notifications.responses import Owners
from holdfast.rest.prefixes import PREFIX
from holdfast.rest.router import Router
from holdfast.services.notifications import owners

router = Router(prefix=PREFIX, tags=["Notifications"])


class OwnersBody(BaseModel):
    """All owners, which replace the current ones."""

    model_config = ConfigDict(extra="forbid")
    owners: list[str] = Field(description="E-mail addresses, `user:NAME` and `channel:NAME`.")


@router.get("/apis/{api_id}/owners")
def get_api_owners(context: RequestContext, api_id: str) -> Owners:
    """
    Get the owners of an API.

    They are also notified about the certificates of its endpoints that have no other owners.
    """
    return {"owners": list(owners.list_owners(context, "api", api_id))}


@router.put("/apis/{api_id}/owners")
def put_api_owners(context: RequestContext, api_id: str, body: OwnersBody) -> Owners:
    """Replace the owners of an API."""
    return {"owners": list(owners.change_owners(context, "api", api_id, body.owners))}


@router.get("/endpoint-certificates/{alias}/owners")
def get_certificate_owners(context: RequestContext, alias: str) -> Owners:
    """Get the owners of an endpoint certificate."""
    return {"owners": list(owners.list_owners(context, "certificate", alias))}


@router.put("/endpoint-certificates/{alias}/owners")
def put_certificate_owners(context: RequestContext, alias: str, body: OwnersBody) -> Owners:
    """Replace the owners of an endpoint certificate."""
    return {"owners": list(owners.change_owners(context, "certificate", alias, body.owners))}
