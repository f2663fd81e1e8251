"""
Members of an API's description that Holdfast doesn't use, but stores and returns unchanged.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from holdfast.apis.catalog.additional_properties import PROPERTIES, keep_display, store_properties
from holdfast.apis.definitions.documents import check_values, write_json
from holdfast.apis.errors import InvalidField, UnreadableDocument
from holdfast.apis.text import check_prose, check_visible
from holdfast.certificates.formats.keys import has_mark_of_key

MAX_MEMBERS = 256 * 1024  # bytes, as JSON
MAX_DEPTH = 32
# Members that Holdfast sets itself; values sent for them are ignored.
OWN = frozenset(
    {"id", "name", "description", "context", "version", "provider", "lifeCycleStatus", "workflowStatus"}
    | {"createdTime", "updatedTime", "lastUpdatedTime", "hasThumbnail", "wsdlInfo", "wsdlUrl", "testKey"}
    | {"isRevision", "revisionId", "revisionedApiId", "workingCopyEnvironments"}
    | {"monetization", "unusedTrust", "deletedTrust", "unusedInDefinition", "notImported", "revision"}
    | {"lastUpdatedTimestamp", "membersWithoutEffect"}
)
# Members whose texts are read as names, such as tags and owners.
_NAMES = frozenset({"tags", "categories", "labels", "policies", "displayName", "businessInformation", "visibleRoles"})
_SECURITY = ("endpointSecurity", "endpoint_security")
_SECRETS = frozenset({"password", "clientsecret", "secret", "apikeyvalue", "secretkey", "accesstoken", "refreshtoken"})


def check_members(members: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return *members* as stored: without those that Holdfast sets itself, and without secrets of backends.

    Raises:
        InvalidField: They are too large, too deep, not text, or contain a private key.
    """
    stored_members = {
        name: _limit_depth(name, value, secret=False) for name, value in members.items() if name not in OWN
    }
    stored_members = store_properties(stored_members)
    try:
        check_values(stored_members, MAX_DEPTH)
    except UnreadableDocument as error:
        raise InvalidField("body", f"The description can't be stored. {error}") from error
    for name, value in stored_members.items():
        check = check_visible if name in _NAMES else check_prose
        for text in _list_texts(value):
            check(text, name, f"'{name}'")
    content = write_json(stored_members).encode()
    if len(content) > MAX_MEMBERS:
        raise InvalidField("body", f"The description is larger than {MAX_MEMBERS // 1024} KiB. Shorten it.")
    if has_mark_of_key(content):
        raise InvalidField("body", "The description contains a private key. Nothing was stored. Remove the key.")
    return stored_members


def merge_members(before: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return *before* updated with *change*; a member set to None is reset to its default."""
    members = {**before, **change}
    if PROPERTIES in before and PROPERTIES in change:
        members[PROPERTIES] = keep_display(before[PROPERTIES], change[PROPERTIES])
    return {name: value for name, value in members.items() if value is not None}


def _list_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in (*value.keys(), *value.values()) if isinstance(value, dict) else value:
            yield from _list_texts(part)


def _drop_secrets(value: Any, *, secret: bool) -> Any:
    # Those of endpoint security are stored apart, encrypted (`services/credentials`).
    if isinstance(value, dict):
        return {
            name: ""
            if secret and name.lower() in _SECRETS and isinstance(part, str)
            else _limit_depth(name, part, secret=secret)
            for name, part in value.items()
        }
    return [_drop_secrets(part, secret=secret) for part in value] if isinstance(value, list) else value


def _limit_depth(name: str, part: Any, *, secret: bool) -> Any:
    return _drop_secrets(part, secret=secret or name in _SECURITY)
