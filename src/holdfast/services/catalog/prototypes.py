"""
Prototypes: what gateways answer instead of a backend, kept in line with the API's definition.
"""

import json
from dataclasses import replace

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.description import Described, make_default_definition
from holdfast.apis.catalog.prototype import is_mocked, read_mocks
from holdfast.store.catalog import api_documents, apis


def save_definition(session: Session, described: Described, definition: str | None) -> Described:
    """
    Store the definition of an API, as JSON, or remove it; return the API as stored.

    Raises InvalidField: it is a prototype, and gateways can't answer with the examples.
    """
    api_documents.save_definition(session, described.api, definition)
    return replace(described, api=settle_mocks(session, described))


def settle_mocks(session: Session, described: Described) -> Api:
    """Save the responses that follow from an API's definition and members; return it as stored. Raises InvalidField."""
    api, mocks = described.api, None
    if is_mocked(described.members):
        stored = api_documents.definition_of(session, api.organization, api.id)
        mocks = read_mocks(json.loads(stored) if stored else make_default_definition(described, []))
    if mocks == api.mocks:
        return api
    settled = replace(api, mocks=mocks)
    apis.update(session, settled)
    return settled
