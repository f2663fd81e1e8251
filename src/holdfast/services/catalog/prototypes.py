"""
Prototypes: what gateways answer instead of a backend, kept in line with the API's definition.
"""

import json
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.description import FullApi, make_default_definition
from holdfast.apis.catalog.prototype import is_mocked, read_mocks
from holdfast.apis.errors import UnreadableData
from holdfast.store.catalog import api_documents, apis


def save_definition(session: Session, full_api: FullApi, definition: str | None) -> FullApi:
    """
    Store the definition of an API, as JSON, or remove it; return the API as stored.

    Raises InvalidField: it is a prototype, and gateways can't answer with the examples.
    """
    api_documents.save_definition(session, full_api.api, definition)
    return replace(full_api, api=settle_mocks(session, full_api))


def settle_mocks(session: Session, full_api: FullApi) -> Api:
    """Save the responses that follow from an API's definition and members; return it as stored. Raises InvalidField."""
    api, mocks = full_api.api, None
    if is_mocked(full_api.members):
        text = api_documents.get_definition(session, api.organization, api.id)
        mocks = read_mocks(load_definition(text) if text else make_default_definition(full_api, []))
    if mocks == api.mocks:
        return api
    api = replace(api, mocks=mocks)
    apis.update(session, api)
    return api


def load_definition(text: str) -> dict[str, Any]:
    """Parse a stored definition. Raises UnreadableData."""
    try:
        value: dict[str, Any] = json.loads(text)
    except ValueError:
        raise UnreadableData("The definition of this API", "Upload it again.") from None
    return value
