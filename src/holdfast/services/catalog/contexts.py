"""
Conflicts with names and contexts of other APIs.
"""

from dataclasses import replace

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.suggestions import number_context
from holdfast.apis.wso2_wording import ALREADY_EXISTS
from holdfast.services.errors import AlreadyExists
from holdfast.store.catalog import apis


def choose_free_context(session: Session, api: Api) -> Api:
    """
    Return *api* with the context of its other versions, or with its own, numbered if another API uses it.

    Raises:
        Conflict: This version of the API exists.
    """
    others = apis.list_sharing_name_or_context(session, api.organization, api.name, api.context)
    if versions := [other for other in others if other.name.lower() == api.name.lower()]:
        if any(other.version == api.version for other in versions):
            raise AlreadyExists("name", f"{api.name} {api.version} {ALREADY_EXISTS}. Choose another name or version.")
        return replace(api, context=versions[0].context)
    for context in number_context(api.context):
        if not apis.list_sharing_name_or_context(session, api.organization, api.name, context):
            return replace(api, context=context)
    return api


def refuse_conflict(session: Session, api: Api) -> None:
    """Raise Conflict if another API uses the name or the context of *api*."""
    for other in apis.list_sharing_name_or_context(session, api.organization, api.name, api.context):
        same_name = other.name.lower() == api.name.lower()
        if other.context == api.context and (not same_name or other.version == api.version):
            raise AlreadyExists(
                "context", f"The context {api.context} {ALREADY_EXISTS}: {other.name} {other.version} uses it."
            )
        if same_name and (other.context != api.context or other.version == api.version):
            raise AlreadyExists("name", f"An API named {other.name} with the context {other.context} {ALREADY_EXISTS}.")
