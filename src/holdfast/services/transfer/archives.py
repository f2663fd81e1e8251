"""
Exports APIs to archives, and imports archives of Holdfast or WSO2 API Manager.
"""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.description import Described
from holdfast.apis.catalog.endpoint import Endpoint, parse_endpoint
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.catalog.members import check_members, merge_members
from holdfast.apis.definitions.documents import write_json
from holdfast.apis.definitions.openapi import Definition
from holdfast.apis.errors import InvalidField
from holdfast.apis.identities.caller_certificate import check_tier, require_certificate
from holdfast.apis.transfer.archive import ArchivedCaller, ArchivedCertificate
from holdfast.apis.trust.endpoint_certificate import check_alias
from holdfast.apis.wso2_wording import ALREADY_EXISTS
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.formats.parsing import Upload
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog import definitions, lifecycle
from holdfast.services.catalog.apis import (
    ApiDraft,
    add_api,
    check_draft,
    find_described,
    get_described,
    save_described,
)
from holdfast.services.errors import Conflict
from holdfast.services.identities import caller_certificates
from holdfast.services.trust.endpoint_certificates import (
    add_certificate,
    certificates_of_api,
    read_upload,
)
from holdfast.store.audit import Action
from holdfast.store.catalog import api_documents, apis
from holdfast.store.identities import caller_certificates as callers_of
from holdfast.store.trust import endpoint_certificates

_GO_WITH_IT = {Permission.VIEW_APIS, Permission.VIEW_ENDPOINT_CERTIFICATES, Permission.VIEW_CALLER_CERTIFICATES}
# The actions that take a new API from Created to the state in its archive.
_WAYS = {
    State.PUBLISHED: ("Publish",),
    State.DEPRECATED: ("Publish", "Deprecate"),
    State.RETIRED: ("Publish", "Deprecate", "Retire"),
}


@dataclass(frozen=True, slots=True)
class Export:
    """The contents of an API's archive."""

    described: Described
    definition: dict[str, Any]
    certificates: tuple[ArchivedCertificate, ...]
    callers: tuple[ArchivedCaller, ...]


def export_api(context: Context, api_id: str, servers: list[str], *, keep_state: bool = True) -> Export:
    """
    Return an API with its definition, the endpoint certificates of its origins and its caller certificates.

    Raises:
        NotFound: The API doesn't exist.
    """
    context.user.require(Permission.VIEW_APIS, Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    context.user.require(Permission.VIEW_ENDPOINT_CERTIFICATES, Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    context.user.require(Permission.VIEW_CALLER_CERTIFICATES, Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    # As in WSO2, users who can export an API can read everything in its archive, but only there.
    context = replace(context, user=replace(context.user, permissions=context.user.permissions | _GO_WITH_IT))
    described = get_described(context, api_id)
    definition = definitions.get_definition(context, api_id, servers)
    entries = certificates_of_api(context, described.api)
    callers, _ = caller_certificates.list_certificates(context, api_id)
    if not keep_state:
        described = replace(described, api=replace(described.api, state=State.CREATED))
    return Export(
        described,
        definitions.load_definition(definition),
        tuple(
            ArchivedCertificate(e.alias, e.endpoint, "".join(c.pem for c in e.certificates).encode()) for e in entries
        ),
        tuple(ArchivedCaller(caller.alias, caller.tier, caller.certificate.pem.encode()) for caller in callers),
    )


def import_api(
    context: Context,
    draft: ApiDraft,
    state: str,
    definition: Definition | None,
    certificates: tuple[ArchivedCertificate, ...],
    callers: tuple[ArchivedCaller, ...] = (),
    *,
    overwrite: bool = False,
) -> Described:
    """
    Create an API with its certificates, or update the one with its name and version, in one transaction.

    A new API is moved to *state*; an existing one keeps its state. With *callers*, the API requires one of their
    certificates.

    Raises:
        NotPermitted: The user can't create APIs, or something else in the archive: certificates, a later state.
        InvalidField, InvalidFields: Some values are invalid.
        CertificateError, CertificateExpired: A certificate can't be used.
        Conflict: The API exists and *overwrite* isn't set, or an alias already has other certificates.
        MutualTlsMissing: It would require caller certificates, but no gateway requests them.
    """
    context.user.require(Permission.CHANGE_APIS)
    if certificates:
        context.user.require(Permission.ADD_ENDPOINT_CERTIFICATES)
    if state in _WAYS:
        context.user.require(Permission.PUBLISH_APIS)
    if callers:
        context.user.require(Permission.ADD_CALLER_CERTIFICATES)
        draft = replace(draft, members=require_certificate(draft.members))
    described = check_draft(context, draft)
    if definition:
        described = replace(
            described, members={"operations": definitions.write_operations(definition)} | dict(described.members)
        )
    # Before the write transaction, because it can take long.
    read = [_read(context, archived) for archived in certificates]
    calling = [_read_caller(context, archived) for archived in callers]
    text = write_json(definition.content) if definition else ""
    with context.write() as session:
        present = _find_present(session, context, described)
        if present and not overwrite:
            api = present.api
            raise Conflict("name", f"{api.name} {api.version} {ALREADY_EXISTS}. Set overwrite=true to update it.")
        if present:
            described = _overwrite(session, context, present, described)
        else:
            described = add_api(session, context, described, Action.IMPORT_API)
        if text:
            api_documents.save_definition(session, described.api, text)
        for alias, target, upload in read:
            _add_certificate(session, context, alias, target, upload)
        for alias, tier, certificate in calling:
            _add_caller(session, context, described.api, alias, tier, certificate)
        if not present:
            for action in _WAYS.get(State(state), ()) if state in set(State) else ():
                described = replace(described, api=lifecycle.move(session, context, described.api, action))
    return described


def _read(context: Context, certificate: ArchivedCertificate) -> tuple[str, Endpoint, Upload]:
    endpoint = certificate.endpoint if "://" in certificate.endpoint else f"https://{certificate.endpoint}"
    return (
        check_alias(certificate.alias),
        parse_endpoint(endpoint),
        read_upload(context, certificate.data),
    )


def _read_caller(context: Context, caller: ArchivedCaller) -> tuple[str, str, Certificate]:
    certificate = caller_certificates.read_caller(context, caller.data)
    return check_alias(caller.alias), check_tier(caller.tier), certificate


def _find_present(session: Session, context: Context, described: Described) -> Described | None:
    wanted = described.api
    for api in apis.sharing_name_or_context(session, context.user.organization, wanted.name, wanted.context):
        if (api.name, api.version) == (wanted.name, wanted.version):
            return find_described(session, context, api.id)
    return None


def _overwrite(
    session: Session,
    context: Context,
    before: Described,
    wanted: Described,
) -> Described:
    if wanted.api.context != before.api.context:
        raise InvalidField("context", f"The context of {before.api.name} is {before.api.context} and can't be changed.")
    api = replace(
        before.api,
        description=wanted.api.description,
        production=wanted.api.production,
        sandbox=wanted.api.sandbox,
        updated_at=context.now,
    )
    after = Described(api, check_members(merge_members(before.members, wanted.members)))
    return save_described(session, context, before, after)


def _add_certificate(session: Session, context: Context, alias: str, target: Endpoint, upload: Upload) -> None:
    present = endpoint_certificates.get(session, context.user.organization, alias)
    if present is None:
        add_certificate(session, context, alias, target, upload)
    elif (present.origin, _fingerprints(present.certificates)) != (
        str(target.origin),
        _fingerprints(upload.certificates),
    ):
        message = (
            f"The alias {alias} already has other certificates. Replace them there, or rename the alias in the archive."
        )
        raise Conflict("alias", message)


def _add_caller(session: Session, context: Context, api: Api, alias: str, tier: str, certificate: Certificate) -> None:
    present = callers_of.get(session, context.user.organization, api.id, alias)
    if present is None:
        caller_certificates.add_certificate(session, context, api, alias, tier, certificate)
    elif present.certificate != certificate:
        message = (
            f"The alias {alias} already has another certificate. Replace it there, or rename the alias in the archive."
        )
        raise Conflict("alias", message)


def _fingerprints(certificates: tuple[Certificate, ...]) -> set[str]:
    return {certificate.fingerprint for certificate in certificates}
