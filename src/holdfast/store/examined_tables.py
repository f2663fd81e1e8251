"""
The tables that are examined for damage: how people call their objects, how rows are read, and what to do.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from holdfast.apis.notifications.event import EventKind
from holdfast.certificates.certificate import read_certificate
from holdfast.store.access import accounts, tokens
from holdfast.store.audit_chain import read_details
from holdfast.store.catalog.api_rows import read_api
from holdfast.store.catalog.deployments import NOWHERE
from holdfast.store.catalog.documents import read_document
from holdfast.store.control_planes.control_planes import read_control_plane
from holdfast.store.gateways import groups
from holdfast.store.identities import caller_certificates, gateway_identities
from holdfast.store.notifications import channels, conditions, history, owners
from holdfast.store.stored_values import read_members, read_stored, read_text_members, read_texts
from holdfast.store.tables import (
    ApiDocumentRow,
    ApiRevisionRow,
    ApiRow,
    ApplicationRow,
    AuditChainRow,
    AuditEventRow,
    CallerCertificateRow,
    ChangeRow,
    ConditionRow,
    ControlPlaneRow,
    DocumentRow,
    EndpointCertificateRow,
    FailedAttemptRow,
    FailureRow,
    GatewayAuthorityRow,
    GatewayGroupRow,
    GatewayIdentityRow,
    GatewayRow,
    IdentityChainRow,
    JoinTokenRow,
    NotificationChannelRow,
    NotificationMessageRow,
    NotificationRow,
    OwnerRow,
    PresentedChainRow,
    RemovedCertificateRow,
    RevocationListRow,
    SessionRow,
    SilenceRow,
    Table,
    ThumbnailRow,
    TokenRow,
    TrafficCauseRow,
    TrafficCoverageRow,
    TrafficRow,
    TrustedCertificateRow,
    TrustSettingsRow,
    UserRow,
)
from holdfast.store.traffic.measures import read_measures
from holdfast.store.trust import endpoint_certificates, removed_certificates, trust_settings
from holdfast.store.watch import presented_chains

_SAVE = "Save it again"
_REPLACE = "Replace or delete it"
_NOTHING = "Nothing needs to be done"
_RESTORE = "Restore a backup, if you need it"


@dataclass(frozen=True, slots=True)
class ExaminedTable:
    """
    A table: what people call an object in it, the columns that name it, and what to do if it is damaged.

    *read* reads a row as Holdfast does. Of *records*, there can be millions; their *noun* is a plural.
    """

    row: type[Table]
    noun: str
    names: tuple[str, ...] = ()
    remedy: str = _RESTORE
    read: Callable[[Any], object] = bool
    records: bool = False
    parts: str = ""  # the relationship to rows that are parts of the object

    def list_parts(self, row: Any) -> list[Any]:
        """Return *row*, and the rows that are parts of its object."""
        return [row, *getattr(row, self.parts)] if self.parts else [row]


def list_examined_tables() -> Iterator[ExaminedTable]:
    """Yield all tables, first those whose objects people work with."""
    yield from _TABLES
    listed_rows = {table.row for table in _TABLES} | _PARTS | {ThumbnailRow}  # a thumbnail is only sent
    for mapper in sorted(Table.registry.mappers, key=lambda mapper: str(mapper.local_table)):
        if mapper.class_ not in listed_rows:
            noun = str(mapper.class_.__tablename__).replace("_", " ")
            yield ExaminedTable(mapper.class_, noun, tuple(str(column.key) for column in mapper.primary_key))


def _read_description(row: ApiDocumentRow) -> None:
    read_stored(partial(read_members, row.members), "description", row.organization_id)
    if row.definition is not None:
        read_stored(partial(json.loads, row.definition), "definition", row.organization_id)


def _read_revision(row: ApiRevisionRow) -> None:
    read_stored(partial(read_members, row.settings), "settings", row.organization_id)
    read_stored(partial(read_members, row.members), "description", row.organization_id)
    if row.definition is not None:
        read_stored(partial(json.loads, row.definition), "definition", row.organization_id)


def _read_endpoint_certificate(row: EndpointCertificateRow) -> None:
    has_fingerprints = row.described_at == row.updated_at
    if row.observed or not (
        has_fingerprints and all(_is_stored(part.der, part.fingerprint) for part in row.certificates)
    ):
        endpoint_certificates.read_entry(row)


def _read_caller_certificate(row: CallerCertificateRow) -> None:
    if not _is_stored(row.der, row.fingerprint):
        caller_certificates.read_entry(row)


def _is_stored(der: bytes, fingerprint: str | None) -> bool:
    """Return whether *der* is what was stored, and so can be read: hashing it takes far less time than reading it."""
    return hashlib.sha256(der).hexdigest() == fingerprint


def _read_kind(row: SilenceRow) -> None:
    if row.kind is not None:
        read_stored(partial(EventKind, row.kind), "kind", row.organization_id)


def _read_grants(row: ApplicationRow) -> None:
    read_stored(partial(read_texts, row.grants), "grants", row.organization_id)


def _read_labels(row: GatewayRow) -> None:
    read_stored(partial(read_text_members, row.labels), "labels", row.organization_id)


def _read_authority(row: GatewayAuthorityRow) -> None:
    read_stored(partial(read_certificate, row.der), "certificate", row.organization_id)


_PARTS = {TrustedCertificateRow, RevocationListRow, IdentityChainRow}
_TABLES = (
    ExaminedTable(ApiRow, "the API", ("name", "version"), _SAVE, lambda row: read_api(row, NOWHERE)),
    ExaminedTable(ApiDocumentRow, "the description", (), _SAVE, _read_description),
    ExaminedTable(ApiRevisionRow, "revision", ("number",), "Deploy another one, and delete it", _read_revision),
    ExaminedTable(DocumentRow, "the document", ("name",), _SAVE, read_document),
    ExaminedTable(
        EndpointCertificateRow,
        "the certificate",
        ("alias",),
        _REPLACE,
        _read_endpoint_certificate,
        parts="certificates",
    ),
    ExaminedTable(
        TrustSettingsRow,
        "the trust settings of",
        ("origin",),
        _SAVE,
        trust_settings.read_settings,
        parts="revocation_lists",
    ),
    ExaminedTable(
        RemovedCertificateRow,
        "the removed certificate",
        ("alias",),
        "Import it again, if you need it",
        removed_certificates.read_removed,
    ),
    ExaminedTable(
        GatewayIdentityRow,
        "the client certificate for",
        ("origin",),
        "Import it again",
        gateway_identities.read_entry,
        parts="chain",
    ),
    ExaminedTable(CallerCertificateRow, "the caller certificate", ("alias",), _REPLACE, _read_caller_certificate),
    ExaminedTable(UserRow, "the user", ("name",), "Change the user's roles", accounts.read_user),
    ExaminedTable(TokenRow, "the token", ("name", "id"), "Revoke it, and create another one", tokens.read_token),
    ExaminedTable(ApplicationRow, "the application", ("name", "id"), "Register it again", _read_grants),
    ExaminedTable(SessionRow, "the session of the user", ("user.name",), "Sign in again"),
    ExaminedTable(JoinTokenRow, "the join token of the gateway", ("gateway_id",), "Create another one"),
    ExaminedTable(FailedAttemptRow, "failed sign-ins", (), "They are counted again"),
    ExaminedTable(GatewayGroupRow, "the gateway group", ("name",), _SAVE, groups.read_group),
    ExaminedTable(GatewayRow, "the gateway", ("name",), "Enroll it again", _read_labels),
    ExaminedTable(
        GatewayAuthorityRow, "the CA of gateways", (), "Restore a backup, or enroll all gateways again", _read_authority
    ),
    ExaminedTable(
        NotificationChannelRow, "the notification channel", ("name",), "Change or delete it", channels.read_channel
    ),
    ExaminedTable(SilenceRow, "the silence", ("reason",), "Create it again", _read_kind),
    ExaminedTable(OwnerRow, "the owners of", ("object",), _SAVE, owners.read_owners),
    ExaminedTable(ConditionRow, "the condition", ("key",), "It begins again", conditions.read_course),
    ExaminedTable(
        PresentedChainRow, "the presented chain", ("chain",), "It is recorded again", presented_chains.read_chain
    ),
    ExaminedTable(ControlPlaneRow, "the control plane", ("name",), "Restart it", read_control_plane),
    ExaminedTable(
        AuditEventRow,
        "audit events",
        remedy="Find them with `holdfast audit verify`",
        read=read_details,
        records=True,
    ),
    ExaminedTable(
        AuditChainRow,
        "the hash chain of audit events",
        remedy="Compare the newest hash in the log (`holdfast audit verify --expect`)",
    ),
    ExaminedTable(
        TrafficRow,
        "rows of traffic",
        remedy=_NOTHING,
        read=lambda row: read_measures(row.organization_id, row.api_id, row.measures),
        records=True,
    ),
    ExaminedTable(TrafficCauseRow, "rows of failures by cause", remedy=_NOTHING, records=True),
    ExaminedTable(TrafficCoverageRow, "rows of reported seconds", remedy=_NOTHING, records=True),
    ExaminedTable(NotificationRow, "notifications", remedy=_NOTHING, read=history.read_notification, records=True),
    ExaminedTable(NotificationMessageRow, "messages to channels", remedy=_NOTHING, records=True),
    ExaminedTable(ChangeRow, "changes for gateways", remedy=_NOTHING, records=True),
    ExaminedTable(FailureRow, "failures of backends", remedy=_NOTHING, records=True),
)
