"""
Whether an API requires caller certificates, according to its description.
"""

from dataclasses import replace

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.description import FullApi
from holdfast.apis.errors import InvalidField
from holdfast.apis.identities.caller_certificate import MUTUAL_TLS, requires_certificate
from holdfast.services.access.context import Context
from holdfast.services.errors import MutualTlsMissing
from holdfast.store.identities import caller_certificates


def apply_requirements(session: Session, context: Context, before: FullApi | None, after: FullApi) -> FullApi:
    """
    Return *after* with `requires_certificate` set from the members of its description.

    An API that didn't require caller certificates *before* can start to only if gateways request them.

    Raises:
        MutualTlsMissing: It would require caller certificates, but no gateway requests them.
        InvalidField: It would stop requiring them, but has certificates that would still seem to protect it.
    """
    was_required = before is not None and before.api.requires_certificate
    is_required = requires_certificate(after.members)
    if is_required and not was_required and not context.asks_callers:
        raise MutualTlsMissing
    if was_required and not is_required and before:
        _, count = caller_certificates.find(session, before.api.organization, before.api.id, limit=0)
        if count:
            raise InvalidField(
                "securityScheme",
                f"Without {MUTUAL_TLS}, anyone could call this API, and its client certificates ({count}) would not "
                f"protect it. Delete them first, or keep {MUTUAL_TLS} in securityScheme.",
            )
    return FullApi(replace(after.api, requires_certificate=is_required), after.members)


def concerns_callers(before: Api, after: Api) -> bool:
    """Return whether a change is about who can call the API, how, and who answers, which publishers can't decide."""
    old, new = ((api.requires_certificate, api.is_default, api.rules, api.mocks) for api in (before, after))
    return old != new
