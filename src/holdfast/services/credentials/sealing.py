"""
Sealing of the secrets of endpoint security as they are entered.
"""

import uuid
from collections.abc import Mapping
from dataclasses import replace

from holdfast.apis.catalog.endpoint import Environment
from holdfast.apis.catalog.endpoint_security import EndpointSecurity, SealedSecret, SecurityDraft
from holdfast.services.access.context import Context
from holdfast.services.catalog.endpoint_security import Securities
from holdfast.store.sealing import Sealing

Drafts = Mapping[Environment, SecurityDraft | None]


def seal_drafts(context: Context, sealing: Sealing, drafts: Drafts) -> Securities:
    """Return *drafts* with sealed secrets; where none was entered, without. Raises UnusableSealingKey."""
    organization = context.user.organization
    return {name: _seal(sealing, organization, draft) if draft else None for name, draft in drafts.items()}


def _seal(sealing: Sealing, organization: str, draft: SecurityDraft) -> EndpointSecurity:
    secret, password = (_seal_secret(sealing, organization, secret) for secret in (draft.secret, draft.password))
    return replace(draft.security, secret=secret, password=password)


def _seal_secret(sealing: Sealing, organization: str, secret: str) -> SealedSecret | None:
    if not secret:
        return None
    name = str(uuid.uuid4())
    value = sealing.seal(secret.encode(), organization, name)
    return SealedSecret(name, value, sealing.digest(f"endpoint security\n{organization}\n{secret}"))
