"""
Exports APIs to archives.
"""

from dataclasses import dataclass, replace
from typing import Any

from holdfast.apis.catalog.description import FullApi, make_default_definition
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.catalog.thumbnail import Thumbnail
from holdfast.apis.definitions.documents import write_json
from holdfast.apis.transfer.certificate_lists import ArchivedCaller, ArchivedCertificate
from holdfast.apis.transfer.documents import ArchivedDocument
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog import definitions, documents
from holdfast.services.catalog.apis import get_full_api
from holdfast.services.catalog.prototypes import load_definition
from holdfast.services.identities import caller_certificates
from holdfast.services.revisions.deployments import read_revision
from holdfast.services.trust.endpoint_certificates import list_certificates_of_api

_GO_WITH_IT = {Permission.VIEW_APIS, Permission.VIEW_ENDPOINT_CERTIFICATES, Permission.VIEW_CALLER_CERTIFICATES}


@dataclass(frozen=True, slots=True)
class Export:
    """The contents of an API's archive."""

    full_api: FullApi
    definition: dict[str, Any]
    certificates: tuple[ArchivedCertificate, ...]
    callers: tuple[ArchivedCaller, ...]
    thumbnail: Thumbnail | None
    documents: tuple[ArchivedDocument, ...]
    deployments: dict[str, bool]  # of the revision, by group: whether WSO2's developer portal should show it


def export_api(
    context: Context,
    api_id: str,
    servers: list[str],
    *,
    keep_state: bool = True,
    number: int | None = None,
    latest: bool = False,
) -> Export:
    """
    Return an API with its definition, documents, caller certificates and the endpoint certificates of its origins.

    With *number* or *latest*, description, endpoints and definition are those of a revision.

    Raises:
        NotFound: The API doesn't exist, or has no such revision.
    """
    context.user.require(Permission.VIEW_APIS, Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    context.user.require(Permission.VIEW_ENDPOINT_CERTIFICATES, Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    context.user.require(Permission.VIEW_CALLER_CERTIFICATES, Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    # As in WSO2, users who can export an API can read everything in its archive, but only there.
    context = replace(context, user=replace(context.user, permissions=context.user.permissions | _GO_WITH_IT))
    deployments: dict[str, bool] = {}
    if number is None and not latest:
        full_api = get_full_api(context, api_id)
        definition = definitions.get_definition(context, api_id, servers)
    else:
        full_api, stored_definition, deployments = read_revision(context, api_id, number)
        definition = stored_definition or write_json(make_default_definition(full_api, servers))
    entries = list_certificates_of_api(context, full_api.api)
    for entry in entries:
        entry.require_readable()
    callers, _ = caller_certificates.list_certificates(context, api_id)
    if not keep_state:
        full_api = replace(full_api, api=replace(full_api.api, state=State.CREATED))
    return Export(
        full_api,
        load_definition(definition),
        tuple(
            ArchivedCertificate(
                entry.alias, entry.endpoint, "".join(certificate.pem for certificate in entry.certificates).encode()
            )
            for entry in entries
        ),
        tuple(
            ArchivedCaller(caller.alias, caller.tier, caller.require_readable().pem.encode(), caller.environment or "")
            for caller in callers
        ),
        documents.get_thumbnail(context, api_id) if full_api.api.has_thumbnail else None,
        tuple(
            ArchivedDocument(content.document.draft, content.data, content.document.file_name)
            for content in documents.read_documents(context, api_id)
        ),
        deployments,
    )
