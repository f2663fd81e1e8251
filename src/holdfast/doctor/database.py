"""
The database: whole, of this version, writable; and what in it needs somebody to look.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from cryptography import x509
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from holdfast.certificates.validity import EXPIRING_WITHIN
from holdfast.doctor.check import Check, CheckResult, some
from holdfast.network.sockets import CannotStart
from holdfast.server.directories import database_in
from holdfast.server.sealing_keys import open_sealing
from holdfast.server.settings import Settings
from holdfast.store import inspection, upgrade
from holdfast.store.errors import (
    StoreDamaged,
    StoreFailure,
    StoreForeign,
    StoreTooNew,
    StoreUnreadable,
)
from holdfast.store.recovery.integrity import find_damage, find_dangling
from holdfast.store.recovery.replacement import is_unfinished
from holdfast.store.recovery.write_ahead_log import check_log
from holdfast.store.revisions import is_foreign, known_revisions, newest_revision, revision_of
from holdfast.store.sealing import CannotUnseal, UnusableSealingKey
from holdfast.store.sqlite import explain, open_to_read


def check_database(settings: Settings, data: Path, now: datetime) -> Iterator[Check]:
    """Look at all that is kept."""
    path = database_in(data)
    try:
        if is_unfinished(path):
            text = f"A restore of {path} was interrupted."
            yield Check.warning("database", text, "The next `holdfast up` finishes it; nothing else is needed.")
            return
        check_log(path)
        if not path.exists():
            yield Check.ok("database", f"There is none at {path} yet; `holdfast up` makes it.")
            return
        yield _writable(path)
        with open_to_read(path) as connection:
            if damage := find_damage(connection):
                yield _failed(StoreDamaged(path, some(damage)))
                return
            if is_foreign(connection):
                raise StoreForeign(path)
            yield Check.ok("database", f"{path} is whole.")
            yield _references(connection)
            level = _level(connection)
            yield level
            if level.outcome is not CheckResult.FAILED:
                yield from _upgrade(connection)
        if not level.advice:
            with inspection.open_to_inspect(path) as session:
                yield from _content(session, settings, data, now)
    except DatabaseError as error:
        known = explain(error.orig, path) if isinstance(error.orig, sqlite3.Error) else None
        yield _failed(known or StoreUnreadable(path, str(error.orig)))
    except StoreFailure as failure:
        yield _failed(failure)
    except OSError as error:
        yield _failed(StoreUnreadable(path, str(error)))


def _failed(failure: StoreFailure) -> Check:
    return Check.failed("database", failure.text, failure.advice)


def _content(session: Session, settings: Settings, data: Path, now: datetime) -> Iterator[Check]:
    yield _keys(session, settings, data)
    trusted, presented = inspection.trusted_certificates(session), inspection.presented_certificates(session)
    yield _lifetimes("endpoint certificates", trusted, now, "Replace them (`holdfast certificate replace`).")
    yield _lifetimes("client certificates", presented, now, "Make a request for new ones, or import them.")
    calling = inspection.calling_certificates(session)
    yield _lifetimes("certificates of callers", calling, now, "Ask the callers for new ones, and upload them beside.")
    yield _callers(session, now)
    on = [f"{origin} of {organization}" for organization, origin in inspection.exceptions(session, now)]
    if on:
        text = f"Verification is switched off for {some(on)}."
        yield Check.warning("exceptions", text, "`holdfast trust verify URL` switches it on before the exception ends.")
    else:
        yield Check.ok("exceptions", "Every backend is verified.")


def _callers(session: Session, now: datetime) -> Check:
    closed = [f"{api} of {organization}" for organization, api in inspection.without_callers(session, now)]
    if closed:
        advice = "Upload a certificate of a caller, or take mutualssl out of securityScheme."
        return Check.warning("callers", f"Nobody can call {some(closed)}: no client certificate is accepted.", advice)
    return Check.ok("callers", "Every API that requires client certificates accepts one.")


def _references(connection: sqlite3.Connection) -> Check:
    if tables := find_dangling(connection):
        text = f"Rows refer to missing rows, in {some(tables)}."
        return Check.warning("references", text, "Were they deleted by another program? Look for what is missing.")
    return Check.ok("references", "No row refers to another that isn't there.")


def _writable(path: Path) -> Check:
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK):
        return Check.ok("writing", f"{path} can be written.")
    return Check.failed("writing", f"{path} or its directory cannot be written.", "Run this as the user of Holdfast.")


def _level(connection: sqlite3.Connection) -> Check:
    current, newest = revision_of(connection), newest_revision()
    if current is None:
        return Check.warning("tables", "There are none yet.", "`holdfast up` makes them.")
    if current and current not in known_revisions():
        failure = StoreTooNew(current)
        return Check.failed("tables", failure.text, failure.advice)
    if current != newest:
        text = f"The tables are of revision {current}, this version has {newest}."
        return Check.warning("tables", text, "The next `holdfast up` brings them up to date; make a backup before.")
    return Check.ok("tables", f"The tables are of revision {current}, as this version's.")


def _upgrade(connection: sqlite3.Connection) -> Iterator[Check]:
    """Say what this version changes about APIs that an earlier one stored."""
    revision = revision_of(connection)
    if revision is None:
        return
    closed = [str(api) for api in upgrade.apis_to_be_closed(connection, revision)]
    if closed:
        text = f"The next `holdfast up` enforces mutualssl in securityScheme, so nobody can call {some(closed)}."
        advice = "Before that, take mutualssl out of securityScheme, or plan to upload the callers' certificates."
        yield Check.warning("upgrade", text, advice)
    elif revision != newest_revision():
        yield Check.ok("upgrade", "It closes no API.")
    broken = [str(api) for api in upgrade.apis_without_endpoint(connection)]
    if broken:
        text = f"This version doesn't accept the URL of an endpoint of {some(broken)}, so nothing is sent there."
        yield Check.warning("endpoints", text, "Save the API with a URL that is accepted.")
    else:
        yield Check.ok("endpoints", "The URLs of all endpoints are accepted.")


def _keys(session: Session, settings: Settings, data: Path) -> Check:
    opened, lost = 0, []
    try:
        sealing = open_sealing(settings, data)
        for organization, row, origin, sealed in inspection.sealed_keys(session):
            try:
                sealing.open(sealed, organization, row)
                opened += 1
            except CannotUnseal:
                lost.append(f"{origin} of {organization}")
    except (CannotStart, UnusableSealingKey) as error:
        return Check.failed("sealing key", str(error), "Put back the sealing key that was there.")
    if lost:
        advice = "Put back the sealing key that was there, or import these client certificates again."
        return Check.failed("sealing key", f"It does not open the private keys for {some(lost)}.", advice)
    return Check.ok("sealing key", f"It opens all {opened} private keys." if opened else "There is nothing to open.")


def _lifetimes(name: str, certificates: Iterable[tuple[str, str, bytes]], now: datetime, advice: str) -> Check:
    """Judge by the certificate that works longest where there are several under one name, as pages do."""
    ends: dict[str, datetime] = {}
    for organization, subject, der in certificates:
        end = x509.load_der_x509_certificate(der).not_valid_after_utc
        where = f"{subject} of {organization}"
        ends[where] = max(end, ends.get(where, end))
    expired = [where for where, end in ends.items() if end < now]
    soon = [where for where, end in ends.items() if now <= end <= now + EXPIRING_WITHIN]
    sentences = []
    if expired:
        sentences.append(f"{len(expired)} expired: {some(expired)}.")
    if soon:
        sentences.append(f"{len(soon)} will expire within {EXPIRING_WITHIN.days} days: {some(soon)}.")
    return (
        Check.warning(name, " ".join(sentences), advice)
        if sentences
        else Check.ok(name, f"None of {len(ends)} expires soon.")
    )
