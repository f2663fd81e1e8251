"""
New versions of APIs, made of old ones.
"""

import uuid
from dataclasses import replace
from datetime import datetime

from holdfast.apis.catalog import api as rules
from holdfast.apis.catalog.description import Described
from holdfast.apis.catalog.lifecycle import State
from holdfast.services.access.permissions import Permission
from holdfast.services.access.principal import Principal
from holdfast.services.catalog import apis
from holdfast.store.catalog import api_documents
from holdfast.store.database import Store
from holdfast.store.identities import caller_certificates


def copy_api(
    store: Store, who: Principal, api_id: str, version: str, now: datetime, *, is_default: bool = False
) -> Described:
    """
    Create a new version of an API, in the state Created, with all that the old one has.

    Raises:
        InvalidField: The version cannot be used.
        Conflict: There is that version already.
        NotFound: There is no such API.
    """
    who.require(Permission.CHANGE_APIS)
    version = rules.check_version(version)
    with store.write() as session:
        before = apis.find_described(session, who, api_id)
        api = replace(
            before.api,
            id=str(uuid.uuid4()),
            version=version,
            provider=who.user,
            state=State.CREATED,
            created_at=now,
            updated_at=now,
        )
        copy, protected = Described(api, {**before.members, "isDefaultVersion": is_default}), api.requires_certificate
        made = apis.add_api(session, who, copy, now, "copy API", may_require_certificate=protected)
        caller_certificates.copy(session, before.api, made.api)
        definition = api_documents.definition_of(session, who.organization, api_id)
        api_documents.save_definition(session, api, definition)
    return made
