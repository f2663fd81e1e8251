"""
Queries for trust settings.
"""

from collections.abc import Collection
from datetime import datetime
from functools import partial

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from holdfast.apis.label import LabeledKind
from holdfast.apis.trust.trust_settings import (
    AnchorMode,
    TrustException,
    TrustSettings,
    UnreadableSettings,
    check_names,
    check_pins,
    check_sni,
)
from holdfast.certificates.revocation import read_revocation_list
from holdfast.certificates.trust import TlsVersion
from holdfast.store import labels
from holdfast.store.parameters import ORGANIZATION, VALUES, bind
from holdfast.store.stored_values import read_stored
from holdfast.store.tables import RevocationListRow, TrustSettingsRow
from holdfast.store.tables.columns import UNREADABLE_TIME

_OF_ORIGINS = select(TrustSettingsRow).where(
    TrustSettingsRow.organization_id == ORGANIZATION, TrustSettingsRow.origin.in_(VALUES)
)


def save(session: Session, settings: TrustSettings) -> None:
    """Insert or update the trust settings of an origin. Raises UnreadableData instead of replacing unknown values."""
    settings.require_readable()
    session.merge(_write_row(settings))
    session.flush()


def list_by_origin(session: Session, organization: str, origins: Collection[str]) -> dict[str, TrustSettings]:
    """Return the trust settings of these origins, by origin, without origins that have the defaults."""
    rows = (row for parameters in bind(organization, origins) for row in session.scalars(_OF_ORIGINS, parameters))
    return {row.origin: read_settings(row) for row in rows}


def remove(session: Session, organization: str, origin: str) -> None:
    """Delete the trust settings of an origin."""
    table = TrustSettingsRow
    session.execute(delete(table).where(table.organization_id == organization, table.origin == origin))
    labels.remove(session, organization, LabeledKind.TRUST, origin)


def list_with_exception(session: Session, organization: str, now: datetime) -> list[TrustSettings]:
    """Return the trust settings with an unexpired exception, the first to expire first."""
    table = TrustSettingsRow
    query = select(table).where(table.organization_id == organization, table.exception_ends_at > now)
    rows = session.scalars(query.order_by(table.exception_ends_at, table.origin))
    return [
        settings for settings in map(read_settings, rows) if settings.exception and settings.exception.ends_at > now
    ]


def list_with_ended_exception(session: Session, organization: str, now: datetime) -> list[TrustSettings]:
    """Return the trust settings whose exception has expired but is still stored."""
    table = TrustSettingsRow
    query = select(table).where(table.organization_id == organization, table.exception_ends_at <= now)
    return [read_settings(row) for row in session.scalars(query)]


def clear_exception(session: Session, settings: TrustSettings) -> None:
    """Delete the exception of *settings*, whatever else is stored for the origin."""
    table = TrustSettingsRow
    this = (table.organization_id == settings.organization, table.origin == settings.origin)
    nothing = {"exception_reason": None, "exception_owner": None, "exception_ends_at": None}
    session.execute(update(table).where(*this).values(nothing))


def get_next_end(session: Session) -> datetime | None:
    """Return when the first exception of any organization expires; None if there is none, or it can't be read."""
    end = session.scalar(select(func.min(TrustSettingsRow.exception_ends_at)))
    return None if end == UNREADABLE_TIME else end


def _write_row(settings: TrustSettings) -> TrustSettingsRow:
    exception = settings.exception
    return TrustSettingsRow(
        organization_id=settings.organization,
        origin=settings.origin,
        anchors=settings.anchors.value,
        names=list(settings.names),
        any_name=settings.any_name,
        sni=settings.sni,
        certificate_pins=list(settings.certificate_pins),
        spki_pins=list(settings.spki_pins),
        revocation_of_path=settings.revocation_of_path,
        tls_minimum=settings.tls_minimum.value,
        tls_maximum=settings.tls_maximum.value,
        exception_reason=exception.reason if exception else None,
        exception_owner=exception.owner if exception else None,
        exception_ends_at=exception.ends_at if exception else None,
        revocation_lists=[
            RevocationListRow(
                organization_id=settings.organization, origin=settings.origin, position=position, der=crl.der
            )
            for position, crl in enumerate(settings.revocation)
        ],
    )


def read_settings(row: TrustSettingsRow) -> TrustSettings:
    """Return the trust settings in *row*, or UnreadableSettings."""
    settings = read_stored(partial(_read_values, row), "trust settings", row.organization_id, origin=row.origin)
    return settings or UnreadableSettings(row.organization_id, row.origin)


def _read_values(row: TrustSettingsRow) -> TrustSettings:
    """Return the settings in *row*. Raises ValueError or TypeError for values that could never have been saved."""
    if row.any_name and not row.certificate_pins:
        raise ValueError("neither a name nor a certificate is checked")
    return TrustSettings(
        organization=row.organization_id,
        origin=row.origin,
        anchors=AnchorMode(row.anchors),
        names=check_names(row.names),
        any_name=row.any_name,
        sni=check_sni(row.sni),
        certificate_pins=check_pins(row.certificate_pins, "certificatePins"),
        spki_pins=check_pins(row.spki_pins, "spkiPins"),
        revocation=tuple(read_revocation_list(crl.der) for crl in row.revocation_lists),
        revocation_of_path=row.revocation_of_path,
        tls_minimum=TlsVersion(row.tls_minimum),
        tls_maximum=TlsVersion(row.tls_maximum),
        exception=_read_exception(row),
    )


def _read_exception(row: TrustSettingsRow) -> TrustException | None:
    if row.exception_ends_at is None:
        return None
    return TrustException(row.exception_reason or "", row.exception_owner or "", row.exception_ends_at)
