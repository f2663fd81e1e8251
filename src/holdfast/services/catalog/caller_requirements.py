"""
Who may call an API: what its description says of that is applied, or refused.
"""

from dataclasses import replace

from sqlalchemy.orm import Session

from holdfast.apis.catalog.description import Described
from holdfast.apis.errors import InvalidField
from holdfast.apis.identities.caller_certificate import MUTUAL_TLS, requires_certificate
from holdfast.services.access.context import Context
from holdfast.services.errors import MutualTlsMissing
from holdfast.store.identities import caller_certificates


def apply_requirements(session: Session, context: Context, before: Described | None, after: Described) -> Described:
    """
    Give *after* as it will be applied: whether it requires a certificate of its callers, its members say.

    An API that did not require one *before* may do so only where gateways ask for it.

    Raises:
        MutualTlsMissing: It would require a certificate, and no gateway asks for any.
        InvalidField: It would no longer, and certificates are there that look as if they protected it.
    """
    required = before is not None and before.api.requires_certificate
    requires = requires_certificate(after.members)
    if requires and not required and not context.asks_callers:
        raise MutualTlsMissing
    if required and not requires and before:
        _, count = caller_certificates.find(session, before.api.organization, before.api.id, limit=0)
        if count:
            raise InvalidField(
                "securityScheme",
                f"Without {MUTUAL_TLS} everybody could call this API, and its client certificates ({count}) would "
                f"protect nothing. Delete them first, or leave {MUTUAL_TLS} in securityScheme.",
            )
    return Described(replace(after.api, requires_certificate=requires), after.members)
