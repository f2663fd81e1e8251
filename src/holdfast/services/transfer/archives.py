"""
Export APIs to archives and import them, from Holdfast or from WSO2 API Manager.
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.description import Described, full
from holdfast.apis.catalog.endpoint import Endpoint, parse_endpoint
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.catalog.members import check_members, merge_members
from holdfast.apis.definitions.documents import write_json
from holdfast.apis.definitions.openapi import Definition
from holdfast.apis.errors import InvalidField
from holdfast.apis.identities.caller_certificate import check_tier, require_certificate
from holdfast.apis.transfer.archive import Archive, ArchivedCaller, ArchivedCertificate
from holdfast.apis.trust.endpoint_certificate import check_alias
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.formats.parsing import Upload
from holdfast.services.access.permissions import Permission
from holdfast.services.access.principal import Principal
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
from holdfast.store.catalog import api_documents, apis
from holdfast.store.database import Store
from holdfast.store.identities import caller_certificates as callers_of
from holdfast.store.trust import endpoint_certificates

_GO_WITH_IT = {Permission.VIEW_APIS, Permission.VIEW_ENDPOINT_CERTIFICATES, Permission.VIEW_CALLER_CERTIFICATES}
# A new API is Created; what leads from there to the state that its archive says.
_WAYS = {
    State.PUBLISHED: ("Publish",),
    State.DEPRECATED: ("Publish", "Deprecate"),
    State.RETIRED: ("Publish", "Deprecate", "Retire"),
}


def export_api(store: Store, who: Principal, api_id: str, servers: list[str], *, keep_state: bool = True) -> Archive:
    """
    Give an API with its definition, the endpoint certificates of its origins and those of its callers.

    Raises:
        NotFound: There is no such API.
    """
    who.require(Permission.VIEW_APIS, Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    who.require(Permission.VIEW_ENDPOINT_CERTIFICATES, Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    who.require(Permission.VIEW_CALLER_CERTIFICATES, Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    # As in WSO2, who may take an API along may read what goes with it, here and nowhere else.
    who = replace(who, permissions=who.permissions | _GO_WITH_IT)
    described = get_described(store, who, api_id)
    definition = definitions.get_definition(store, who, api_id, servers)
    entries = certificates_of_api(store, who, described.api)
    callers, _ = caller_certificates.list_certificates(store, who, api_id)
    state = {} if keep_state else {"lifeCycleStatus": State.CREATED.value}
    return Archive(
        full(described) | state,
        definitions.definition_value(definition),
        tuple(
            ArchivedCertificate(e.alias, e.endpoint, "".join(c.pem for c in e.certificates).encode()) for e in entries
        ),
        tuple(ArchivedCaller(each.alias, each.tier, each.certificate.pem.encode()) for each in callers),
    )


def import_api(
    store: Store,
    who: Principal,
    draft: ApiDraft,
    state: str,
    definition: Definition | None,
    certificates: tuple[ArchivedCertificate, ...],
    now: datetime,
    callers: tuple[ArchivedCaller, ...] = (),
    *,
    overwrite: bool = False,
    may_require_certificate: bool = False,
) -> Described:
    """
    Create an API with its certificates, or give the one of its name and version what the archive says: all or nothing.

    A new API goes to *state*, one that there is stays in its own. With *callers*, nobody else calls it.

    Raises:
        NotPermitted: The user may not create APIs, or not what is in the archive: certificates, a later state.
        InvalidField, InvalidFields: Some values cannot be used.
        CertificateError, CertificateExpired: A certificate cannot be used.
        Conflict: There is such an API and it is not to be overwritten, or an alias has other certificates already.
        MutualTlsMissing: It would require certificates of its callers, and no gateway asks for them.
    """
    who.require(Permission.CHANGE_APIS)
    if certificates:
        who.require(Permission.ADD_ENDPOINT_CERTIFICATES)
    if state in _WAYS:
        who.require(Permission.PUBLISH_APIS)
    if callers:
        who.require(Permission.ADD_CALLER_CERTIFICATES)
        draft = replace(draft, members=require_certificate(draft.members))
    described = check_draft(draft, who, now)
    if definition:
        described = replace(
            described, members={"operations": definitions.operations_of(definition)} | dict(described.members)
        )
    read = [_read(who, each, now) for each in certificates]  # before the lock: some are work
    calling = [_read_caller(who, each, now) for each in callers]
    text = write_json(definition.content) if definition else ""
    with store.write() as session:
        present = _present(session, who, described)
        if present and not overwrite:
            api = present.api
            raise Conflict("name", f"There is {api.name} {api.version} already. Say overwrite=true to change it.")
        may = may_require_certificate
        if present:
            made = _overwritten(session, who, present, described, now, may_require_certificate=may)
        else:
            made = add_api(session, who, described, now, "import API", may_require_certificate=may)
        if text:
            api_documents.save_definition(session, made.api, text)
        for alias, target, upload in read:
            _add_certificate(session, who, alias, target, upload, now)
        for alias, tier, certificate in calling:
            _add_caller(session, who, made.api, alias, tier, certificate, now)
        if not present:
            for action in _WAYS.get(State(state), ()) if state in set(State) else ():
                made = replace(made, api=lifecycle.move(session, who, made.api, action, now))
    return made


def _read(who: Principal, certificate: ArchivedCertificate, now: datetime) -> tuple[str, Endpoint, Upload]:
    endpoint = certificate.endpoint if "://" in certificate.endpoint else f"https://{certificate.endpoint}"
    return (
        check_alias(certificate.alias),
        parse_endpoint(endpoint),
        read_upload(who, certificate.data, now),
    )


def _read_caller(who: Principal, caller: ArchivedCaller, now: datetime) -> tuple[str, str, Certificate]:
    certificate = caller_certificates.read_caller(who, caller.data, now)
    return check_alias(caller.alias), check_tier(caller.tier), certificate


def _present(session: Session, who: Principal, described: Described) -> Described | None:
    wanted = described.api
    for api in apis.sharing_name_or_context(session, who.organization, wanted.name, wanted.context):
        if (api.name, api.version) == (wanted.name, wanted.version):
            return find_described(session, who, api.id)
    return None


def _overwritten(
    session: Session,
    who: Principal,
    before: Described,
    wanted: Described,
    now: datetime,
    *,
    may_require_certificate: bool,
) -> Described:
    if wanted.api.context != before.api.context:
        raise InvalidField("context", f"The context of {before.api.name} is {before.api.context} and cannot change.")
    api = replace(
        before.api,
        description=wanted.api.description,
        production=wanted.api.production,
        sandbox=wanted.api.sandbox,
        updated_at=now,
    )
    after = Described(api, check_members(merge_members(before.members, wanted.members)))
    return save_described(session, who, before, after, now, may_require_certificate=may_require_certificate)


def _add_certificate(
    session: Session, who: Principal, alias: str, target: Endpoint, upload: Upload, now: datetime
) -> None:
    present = endpoint_certificates.get(session, who.organization, alias)
    if present is None:
        add_certificate(session, who, alias, target, upload, now)
    elif (present.origin, _prints(present.certificates)) != (str(target.origin), _prints(upload.certificates)):
        message = f"The alias {alias} has other certificates already. Replace them there, or rename it in the archive."
        raise Conflict("alias", message)


def _add_caller(
    session: Session, who: Principal, api: Api, alias: str, tier: str, certificate: Certificate, now: datetime
) -> None:
    present = callers_of.get(session, who.organization, api.id, alias)
    if present is None:
        caller_certificates.add_certificate(session, who, api, alias, tier, certificate, now)
    elif present.certificate != certificate:
        message = f"The alias {alias} has another certificate already. Replace it there, or rename it in the archive."
        raise Conflict("alias", message)


def _prints(certificates: tuple[Certificate, ...]) -> set[str]:
    return {certificate.fingerprint for certificate in certificates}
