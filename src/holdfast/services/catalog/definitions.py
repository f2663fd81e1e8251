"""
OpenAPI definitions of APIs: read, generate, replace and import them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from holdfast.apis.catalog.description import FullApi, make_default_definition
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, parse_endpoint
from holdfast.apis.catalog.members import check_members
from holdfast.apis.catalog.suggestions import suggest_context, suggest_description, suggest_version
from holdfast.apis.definitions.documents import write_json
from holdfast.apis.definitions.openapi import (
    Definition,
    read_definition,
)
from holdfast.apis.definitions.servers import MAX_UNUSED, IneffectivePart, Servers, list_unused
from holdfast.apis.errors import InvalidField
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog import apis
from holdfast.services.catalog.apis import ApiDraft
from holdfast.services.catalog.contexts import choose_free_context
from holdfast.services.catalog.prototypes import save_definition
from holdfast.services.catalog.saving import add_api, save_full_api
from holdfast.services.versions import Expected, check_expected, make_text_tag
from holdfast.store.audit import Action
from holdfast.store.catalog import api_documents

NOTHING_UNUSED: tuple[IneffectivePart, ...] = ()
UNUSED = "x-holdfast-unused"  # added to a definition in responses, never stored
_NO_NAME = re.compile(r"[^\w .-]+")


@dataclass(frozen=True, slots=True)
class SavedDefinition:
    """A stored definition, as JSON, and its servers that have no effect."""

    text: str
    unused_servers: tuple[IneffectivePart, ...]


@dataclass(frozen=True, slots=True)
class ImportedApi:
    """An API created from a definition, and the servers of the definition that have no effect."""

    full_api: FullApi
    unused_servers: tuple[IneffectivePart, ...]


def get_definition(context: Context, api_id: str, servers: list[str]) -> str:
    """
    Return the definition of an API, as JSON: the stored one, or one generated from its operations for *servers*.

    Raises:
        NotFound: The API doesn't exist.
    """
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        full_api = apis.find_full_api(session, context, api_id)
        definition = api_documents.get_definition(session, context.user.organization, api_id)
    return definition or write_json(make_default_definition(full_api, servers))


def put_definition(
    context: Context, api_id: str, data: bytes, servers: list[str], expected: Expected = None
) -> SavedDefinition:
    """
    Store a definition for an API, and take the operations of its description from it; its endpoints stay.

    Servers in the definition that are neither these endpoints nor the API's own URLs, at *servers*, have no effect.

    Raises:
        InvalidDefinition: It can't be read or is invalid.
        NotFound: The API doesn't exist.
        ContentChanged: The definition isn't as *expected*.
    """
    context.user.require(Permission.CHANGE_APIS)
    definition = read_definition(data)  # before the write transaction, because it can take long
    text = write_json({name: value for name, value in definition.content.items() if name != UNUSED})
    with context.write() as session:
        before = apis.find_full_api(session, context, api_id)
        stored_text = api_documents.get_definition(session, context.user.organization, api_id)
        current_text = stored_text or write_json(make_default_definition(before, servers))
        check_expected(expected, make_text_tag(current_text))
        members = {**before.members, "operations": write_operations(definition, before)}
        after = FullApi(replace(before.api, updated_at=context.now), check_members(members))
        save_full_api(session, context, before, after)
        save_definition(session, after, text)
    own = [endpoint.url for environment in ENVIRONMENTS if (endpoint := after.api.find_endpoint(environment))]
    addresses = [f"{server}{after.api.path}" for server in servers]
    return SavedDefinition(text, list_unused(definition.servers, [*own, *addresses]))


def list_unused_servers(definition: Definition) -> tuple[IneffectivePart, ...]:
    """List the servers that would have no effect if an API were created from *definition*."""
    return _choose_endpoints(definition.servers)[2]


def import_definition(
    context: Context,
    definition: Definition,
    draft: ApiDraft,
) -> ImportedApi:
    """
    Create an API from a definition; what *draft* leaves empty is taken from there, adapted to what is allowed.

    Raises:
        InvalidFields: Some values are invalid.
        Conflict: The context or the name is taken.
        MutualTlsMissing: It requires caller certificates, but no gateway requests them.
    """
    context.user.require(Permission.CHANGE_APIS)
    full_draft, unused_servers = fill_draft(definition, draft)
    full_api = apis.check_draft(context, full_draft)
    text = write_json(definition.content)
    with context.write() as session:
        if not draft.context:
            full_api = replace(full_api, api=choose_free_context(session, full_api.api))
        full_api = add_api(session, context, full_api, Action.IMPORT_DEFINITION)
        full_api = save_definition(session, full_api, text)
    return ImportedApi(full_api, unused_servers)


def fill_draft(definition: Definition, draft: ApiDraft) -> tuple[ApiDraft, tuple[IneffectivePart, ...]]:
    """Fill what *draft* leaves empty from *definition*, adapted to what is allowed; return the unused servers, too."""
    name = draft.name or " ".join(_NO_NAME.sub(" ", definition.name).split())[:60]
    if draft.production or draft.sandbox:
        production, sandbox, unused_servers = draft.production, draft.sandbox, NOTHING_UNUSED
    else:
        production, sandbox, unused_servers = _choose_endpoints(definition.servers)
    full_draft = replace(
        draft,
        name=name,
        context=draft.context or suggest_context(definition.context, name),
        version=draft.version or suggest_version(definition.version),
        production=production,
        sandbox=sandbox,
        description=draft.description or suggest_description(definition.description),
        members={"operations": write_operations(definition)} | dict(draft.members),
    )
    return full_draft, unused_servers


def _choose_endpoints(servers: Servers) -> tuple[str | None, str | None, tuple[IneffectivePart, ...]]:
    """Return the first usable server for production and for the sandbox, and those that aren't used."""
    production, unused_production = _find_first_usable(servers.production)
    sandbox, unused_sandbox = _find_first_usable(servers.sandbox)
    return production, sandbox, (*unused_production, *unused_sandbox, *servers.unused)[:MAX_UNUSED]


def _find_first_usable(urls: Sequence[str]) -> tuple[str | None, list[IneffectivePart]]:
    unusable = []
    for url in urls:
        try:
            parse_endpoint(url)
        except InvalidField as error:
            unusable.append(IneffectivePart(url, str(error)))
        else:
            return url, unusable
    return None, unusable


def write_operations(definition: Definition, before: FullApi | None = None) -> list[dict[str, Any]]:
    """Return the operations of a definition as members of a description; known ones are kept as they were *before*."""
    present: list[dict[str, Any]] = before.members.get("operations") or [] if before else []
    stored_operations = {(operation.get("target"), operation.get("verb")): operation for operation in present}
    return [
        stored_operations.get((operation.target, operation.verb))
        or {"target": operation.target, "verb": operation.verb}
        for operation in definition.operations
    ]
