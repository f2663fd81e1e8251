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
    if not draft.secret:
        return draft.security
    name = str(uuid.uuid4())
    sealed = sealing.seal(draft.secret.encode(), organization, name)
    digest = sealing.digest(f"endpoint security\n{organization}\n{draft.secret}")
    return replace(draft.security, secret=SealedSecret(name, sealed, digest))
