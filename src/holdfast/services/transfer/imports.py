"""
Imports archives of Holdfast or WSO2 API Manager.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.description import FullApi
from holdfast.apis.catalog.endpoint import Endpoint, Environment, parse_endpoint
from holdfast.apis.catalog.lifecycle import PROTOTYPE, State
from holdfast.apis.catalog.members import check_members, merge_members
from holdfast.apis.catalog.thumbnail import Thumbnail
from holdfast.apis.definitions.documents import write_json
from holdfast.apis.definitions.openapi import Definition
from holdfast.apis.definitions.servers import IneffectivePart
from holdfast.apis.errors import InvalidField
from holdfast.apis.identities.caller_certificate import check_environment, check_tier, require_certificate
from holdfast.apis.transfer.archive import Archive
from holdfast.apis.transfer.certificate_lists import ArchivedCaller, ArchivedCertificate
from holdfast.apis.transfer.documents import ArchivedDocument
from holdfast.apis.trust.endpoint_certificate import check_alias
from holdfast.apis.wso2_wording import ALREADY_EXISTS
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.formats.parsing import Upload
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog import definitions, lifecycle
from holdfast.services.catalog.apis import ApiDraft, check_draft, find_full_api
from holdfast.services.catalog.documents import save_document, save_thumbnail
from holdfast.services.catalog.endpoint_security import Securities, set_security
from holdfast.services.catalog.prototypes import save_definition
from holdfast.services.catalog.saving import add_api, save_full_api
from holdfast.services.errors import AlreadyExists, Conflict
from holdfast.services.identities import caller_certificates
from holdfast.services.revisions.releases import release_revision
from holdfast.services.trust.endpoint_certificates import add_certificate, read_upload
from holdfast.services.trust.endpoints import refuse_foreign
from holdfast.store.audit import Action
from holdfast.store.catalog import apis
from holdfast.store.identities import caller_certificates as stored_callers
from holdfast.store.trust import endpoint_certificates

_IMPORTED = "Imported from an archive"  # the description of a revision
# The actions that take a new API from Created to the state in its archive.
_ACTIONS = {
    State.PUBLISHED: ("Publish",),
    State.PROTOTYPED: (PROTOTYPE,),
    State.BLOCKED: ("Publish", "Block"),
    State.DEPRECATED: ("Publish", "Deprecate"),
    State.RETIRED: ("Publish", "Deprecate", "Retire"),
}


@dataclass(frozen=True, slots=True)
class ImportedArchive:
    """An API that was created or updated, and the parts of its archive that were not imported."""

    full_api: FullApi
    revision: str  # the ID of the new one; empty without deployments
    unused_parts: tuple[IneffectivePart, ...]


@dataclass(frozen=True, slots=True)
class _Contents:
    """The checked contents of an archive."""

    full_api: FullApi
    state: str
    definition: str  # as JSON; empty: none
    certificates: list[tuple[str, Endpoint, Upload]]
    callers: list[tuple[str, str, Certificate, Environment | None]]
    securities: Securities
    thumbnail: Thumbnail | None
    documents: tuple[ArchivedDocument, ...]
    deployments: Mapping[str, bool]
    unused_parts: tuple[IneffectivePart, ...]


class _DryRun(Exception):
    """Ends the transaction of an import that must not be saved."""

    def __init__(self, full_api: FullApi, revision: str) -> None:
        self.full_api, self.revision = full_api, revision
        super().__init__()


def import_api(
    context: Context,
    archive: Archive,
    draft: ApiDraft,
    definition: Definition | None,
    *,
    overwrite: bool = False,
    rotate: bool = False,
    dry_run: bool = False,
) -> ImportedArchive:
    """
    Create an API with its certificates, or update the one with its name and version, in one transaction.

    A new API is moved to the state in the archive; an existing one keeps its state. With caller certificates, the API
    requires one of them. If the archive has deployments, a revision is created and deployed; with *rotate*, one of too
    many others is deleted (`release_revision`). With *dry_run*, all of it is done except for saving.

    Raises:
        NotPermitted: The user can't create APIs, or something else in the archive: certificates, a later state.
        InvalidField, InvalidFields: Some values are invalid.
        CertificateError, CertificateExpired: A certificate can't be used.
        Conflict: The API exists and *overwrite* isn't set, or an alias already has other certificates.
        TooManyRevisions: It can't be deployed as a revision.
        OldControlPlanes: It has deployments or priorities, which a control plane of an earlier version would ignore.
        MutualTlsMissing: It would require caller certificates, but no gateway requests them.
    """
    contents = _check_contents(context, archive, draft, definition)
    try:
        with context.write() as session:
            full_api, revision = _save(session, context, contents, overwrite=overwrite, rotate=rotate)
            if dry_run:
                raise _DryRun(full_api, revision)
    except _DryRun as end:
        full_api, revision = end.full_api, end.revision
    return ImportedArchive(full_api, revision, contents.unused_parts)


def _check_contents(context: Context, archive: Archive, draft: ApiDraft, definition: Definition | None) -> _Contents:
    """Check what the user can import, and parse the certificates, which can take too long for a write transaction."""
    context.user.require(Permission.CHANGE_APIS)
    state = str(archive.description.get("lifeCycleStatus", ""))
    if archive.certificates:
        context.user.require(Permission.ADD_ENDPOINT_CERTIFICATES)
    if state in _ACTIONS:
        context.user.require(Permission.PUBLISH_APIS)
    if archive.callers:
        context.user.require(Permission.ADD_CALLER_CERTIFICATES)
        draft = replace(draft, members=require_certificate(draft.members))
    full_api = check_draft(context, draft)
    if definition:
        full_api = replace(
            full_api, members={"operations": definitions.write_operations(definition)} | dict(full_api.members)
        )
    entries = [_read_certificate(context, certificate) for certificate in archive.certificates]
    own_entries, foreign_entries = entries, list[tuple[str, Endpoint, Upload]]()
    if archive.has_replaced_endpoints:
        origins = {endpoint.origin for endpoint in full_api.api.endpoints}
        own_entries = [entry for entry in entries if entry[1].origin in origins]
        foreign_entries = [entry for entry in entries if entry[1].origin not in origins]
    return _Contents(
        full_api,
        state,
        write_json(definition.content) if definition else "",
        own_entries,
        [_read_caller(context, caller) for caller in archive.callers],
        draft.securities,
        archive.thumbnail,
        archive.documents,
        archive.deployments,
        (*archive.unused, *(_describe_omission(alias, target) for alias, target, _ in foreign_entries)),
    )


def _save(
    session: Session, context: Context, contents: _Contents, *, overwrite: bool, rotate: bool
) -> tuple[FullApi, str]:
    full_api = contents.full_api
    existing = _find_existing(session, context, full_api)
    if existing and not overwrite:
        api = existing.api
        raise AlreadyExists("name", f"{api.name} {api.version} {ALREADY_EXISTS}. Set overwrite=true to update it.")
    if existing:
        full_api = _overwrite(session, context, existing, full_api, contents.securities)
    else:
        full_api = add_api(session, context, full_api, Action.IMPORT_API)
    if contents.definition:
        full_api = save_definition(session, full_api, contents.definition)
    for alias, target, upload in contents.certificates:
        _add_certificate(session, context, alias, target, upload)
    for alias, tier, certificate, environment in contents.callers:
        _add_caller(session, context, full_api.api, alias, tier, certificate, environment)
    for document in contents.documents:
        save_document(session, context, full_api.api, document.draft, document.content, document.file_name)
    if contents.thumbnail:
        full_api = replace(full_api, api=save_thumbnail(session, context, full_api.api, contents.thumbnail))
    revision = ""
    if deployments := contents.deployments:
        api_id = full_api.api.id
        revision = release_revision(session, context, api_id, deployments, _IMPORTED, rotate=rotate).id
        full_api = find_full_api(session, context, api_id)
    if not existing:
        for action in _ACTIONS.get(State(contents.state), ()) if contents.state in set(State) else ():
            full_api = replace(full_api, api=lifecycle.move(session, context, full_api.api, action))
    return full_api, revision


def _describe_omission(alias: str, target: Endpoint) -> IneffectivePart:
    return IneffectivePart(
        f"certificate {alias}", f"With these parameters, the API has no endpoint at {target.origin}."
    )


def _read_certificate(context: Context, certificate: ArchivedCertificate) -> tuple[str, Endpoint, Upload]:
    endpoint = certificate.endpoint if "://" in certificate.endpoint else f"https://{certificate.endpoint}"
    return (
        check_alias(certificate.alias),
        parse_endpoint(endpoint),
        read_upload(context, certificate.data),
    )


def _read_caller(context: Context, caller: ArchivedCaller) -> tuple[str, str, Certificate, Environment | None]:
    certificate = caller_certificates.read_caller(context, caller.data)
    return check_alias(caller.alias), check_tier(caller.tier), certificate, check_environment(caller.environment)


def _find_existing(session: Session, context: Context, full_api: FullApi) -> FullApi | None:
    new_api = full_api.api
    for api in apis.list_sharing_name_or_context(session, context.user.organization, new_api.name, new_api.context):
        if (api.name, api.version) == (new_api.name, new_api.version):
            return find_full_api(session, context, api.id)
    return None


def _overwrite(
    session: Session,
    context: Context,
    before: FullApi,
    full_api: FullApi,
    securities: Securities,
) -> FullApi:
    if full_api.api.context != before.api.context:
        raise InvalidField("context", f"The context of {before.api.name} is {before.api.context} and can't be changed.")
    api = replace(
        before.api,
        description=full_api.api.description,
        production=full_api.api.production,
        sandbox=full_api.api.sandbox,
        production_group=full_api.api.production_group,
        sandbox_group=full_api.api.sandbox_group,
        updated_at=context.now,
    )
    api = set_security(api, before.api, securities)
    after = FullApi(api, check_members(merge_members(before.members, full_api.members)))
    return save_full_api(session, context, before, after)


def _add_certificate(session: Session, context: Context, alias: str, target: Endpoint, upload: Upload) -> None:
    existing = endpoint_certificates.get(session, context.user.organization, alias)
    if existing is None:
        refuse_foreign(session, context, target)
        add_certificate(session, context, alias, target, upload)
    elif (existing.origin, _list_fingerprints(existing.certificates)) != (
        str(target.origin),
        _list_fingerprints(upload.certificates),
    ):
        message = (
            f"The alias {alias} {ALREADY_EXISTS} with other certificates. Replace them, or rename the alias in the "
            "archive."
        )
        raise Conflict("alias", message)


def _add_caller(
    session: Session,
    context: Context,
    api: Api,
    alias: str,
    tier: str,
    certificate: Certificate,
    environment: Environment | None,
) -> None:
    existing = stored_callers.get(session, context.user.organization, api.id, alias)
    if existing is None:
        caller_certificates.add_certificate(session, context, api, alias, tier, certificate, environment)
    elif existing.certificate == certificate and existing.environment != environment:
        message = (
            f"The alias {alias} {ALREADY_EXISTS}, and is accepted in {existing.environment or 'both environments'}, "
            f"not in {environment or 'both'}. Change or delete it first."
        )
        raise Conflict("alias", message)
    elif existing.certificate != certificate:
        message = (
            f"The alias {alias} {ALREADY_EXISTS} with another certificate. Replace it, or rename the alias in the "
            "archive."
        )
        raise Conflict("alias", message)


def _list_fingerprints(certificates: tuple[Certificate, ...]) -> set[str]:
    return {certificate.fingerprint for certificate in certificates}
