"""
New versions of APIs, copied from existing ones.
"""

import uuid
from dataclasses import replace

from holdfast.apis.catalog import api as rules
from holdfast.apis.catalog.description import FullApi
from holdfast.apis.catalog.lifecycle import State
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog import apis
from holdfast.services.catalog.prototypes import save_definition
from holdfast.services.catalog.saving import add_api
from holdfast.store.audit import Action
from holdfast.store.catalog import api_documents, documents
from holdfast.store.identities import caller_certificates


def copy_api(context: Context, api_id: str, version: str, *, is_default: bool = False) -> FullApi:
    """
    Create a new version of an API, in the state Created, as a copy with definition, documents and caller certificates.

    Raises:
        InvalidField: The version is invalid.
        Conflict: The version exists.
        NotFound: The API doesn't exist.
    """
    context.user.require(Permission.CHANGE_APIS)
    version = rules.check_version(version)
    with context.write() as session:
        before = apis.find_full_api(session, context, api_id)
        api = replace(
            before.api,
            id=str(uuid.uuid4()),
            version=version,
            provider=context.user.name,
            state=State.CREATED,
            is_default=False,
            has_short_path=False,
            created_at=context.now,
            updated_at=context.now,
            pinned=frozenset(),  # revisions belong to the original
        )
        copy = FullApi(api, {**before.members, "isDefaultVersion": is_default})
        copy = add_api(session, context, copy, Action.COPY_API, original=before)
        caller_certificates.copy(session, before.api, copy.api)
        definition = api_documents.get_definition(session, context.user.organization, api_id)
        copy = save_definition(session, copy, definition)
        documents.copy(session, before.api, copy.api)
    return copy
