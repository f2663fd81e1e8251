"""
Where verification is off now, and which APIs that concerns.
"""

from dataclasses import dataclass

from holdfast.apis.catalog.api import Api
from holdfast.apis.trust.trust_settings import TrustException
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.store.catalog import apis
from holdfast.store.trust import trust_settings


@dataclass(frozen=True, slots=True)
class ActiveException:
    """An exception for *origin*, and the APIs with an endpoint there."""

    origin: str
    exception: TrustException
    apis: tuple[Api, ...]


def list_active(context: Context) -> list[ActiveException]:
    """List the exceptions of the organization, the first to expire first. Raises NotPermitted."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        organization = context.user.organization
        active = trust_settings.list_with_exception(session, organization, context.now)
        using = (
            apis.list_using_origins(session, organization, {settings.origin for settings in active}) if active else []
        )
    return [
        ActiveException(
            settings.origin,
            settings.exception,
            tuple(api for api in using if any(str(endpoint.origin) == settings.origin for endpoint in api.endpoints)),
        )
        for settings in active
        if settings.exception
    ]
