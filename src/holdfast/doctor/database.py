"""
Checks of the database: integrity, version, permissions, and content that needs attention.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from holdfast.certificates.validity import EXPIRING_WITHIN
from holdfast.doctor.check import Check, CheckResult, some
from holdfast.files.sealing_keys import UnusableSealingKey
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
from holdfast.store.sealing import CannotUnseal
from holdfast.store.sqlite import explain, open_to_read

RENEWED_BEFORE = timedelta(days=7)  # gateways renew their certificates when 10 days are left


def check_database(settings: Settings, data: Path, now: datetime) -> Iterator[Check]:
    """Yield the checks of the database and its content."""
    path = database_in(data)
    try:
        if is_unfinished(path):
            text = f"A restore of {path} was interrupted."
            yield Check.warning("database", text, "The next `holdfast up` finishes it. You don't need to do anything.")
            return
        check_log(path)
        if not path.exists():
            yield Check.ok("database", f"{path} doesn't exist yet. `holdfast up` creates it.")
            return
        yield _writable(path)
        with open_to_read(path) as connection:
            if damage := find_damage(connection):
                yield _failed(StoreDamaged(path, some(damage)))
                return
            if is_foreign(connection):
                raise StoreForeign(path)
            yield Check.ok("database", f"{path} is intact.")
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
    yield _lifetimes("client certificates", presented, now, "Import new ones, or create signing requests for them.")
    calling = inspection.calling_certificates(session)
    yield _lifetimes("certificates of callers", calling, now, "Ask the callers for new ones and upload those, too.")
    yield _callers(session, now)
    yield _gateways(session, now)
    on = [f"{origin} of {organization}" for organization, origin in inspection.exceptions(session, now)]
    if on:
        text = f"Verification is turned off for {some(on)}."
        yield Check.warning(
            "exceptions", text, "`holdfast trust verify URL` turns it back on before the exception expires."
        )
    else:
        yield Check.ok("exceptions", "Verification is on for every backend.")


def _callers(session: Session, now: datetime) -> Check:
    closed = [f"{api} of {organization}" for organization, api in inspection.without_callers(session, now)]
    if closed:
        advice = "Upload a caller certificate, or remove mutualssl from securityScheme."
        return Check.warning("callers", f"Nobody can call {some(closed)}: it has no caller certificates.", advice)
    return Check.ok("callers", "Every API that requires client certificates has a caller certificate.")


def _gateways(session: Session, now: datetime) -> Check:
    """Check whether gateways renew their certificates, which they do ten days before they expire."""
    ends = inspection.expiries_of_gateways(session)
    expired = [name for name, end in ends.items() if end <= now]
    late = [name for name, end in ends.items() if now < end <= now + RENEWED_BEFORE]
    sentences = []
    if expired:
        sentences.append(f"Their certificates have expired: {some(expired)}.")
    if late:
        sentences.append(f"They should have renewed their certificates: {some(late)}.")
    if sentences:
        advice = "Check that they run and reach the publisher. Enroll those again whose certificate has expired."
        return Check.warning("gateways", " ".join(sentences), advice)
    text = f"{len(ends)} gateways have a valid certificate." if ends else "No gateway on another machine has joined."
    return Check.ok("gateways", text)


def _references(connection: sqlite3.Connection) -> Check:
    if tables := find_dangling(connection):
        text = f"Rows refer to missing rows in {some(tables)}."
        return Check.warning("references", text, "Another program may have deleted rows. Compare with a backup.")
    return Check.ok("references", "All references between rows are intact.")


def _writable(path: Path) -> Check:
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK):
        return Check.ok("writing", f"{path} is writable.")
    return Check.failed(
        "writing", f"{path} or its directory isn't writable.", "Run this command as the user that runs Holdfast."
    )


def _level(connection: sqlite3.Connection) -> Check:
    current, newest = revision_of(connection), newest_revision()
    if current is None:
        return Check.warning("tables", "There are no tables yet.", "`holdfast up` creates them.")
    if current and current not in known_revisions():
        failure = StoreTooNew(current)
        return Check.failed("tables", failure.text, failure.advice)
    if current != newest:
        text = f"The tables have revision {current}; this version of Holdfast needs {newest}."
        return Check.warning("tables", text, "The next `holdfast up` upgrades them. Make a backup first.")
    return Check.ok("tables", f"The tables have revision {current}, the current one.")


def _upgrade(connection: sqlite3.Connection) -> Iterator[Check]:
    """Yield checks of APIs that an earlier version stored and that this version treats differently."""
    revision = revision_of(connection)
    if revision is None:
        return
    closed = [str(api) for api in upgrade.apis_to_be_closed(connection, revision)]
    if closed:
        text = f"The next `holdfast up` enforces mutualssl in securityScheme. Then nobody can call {some(closed)}."
        advice = "First remove mutualssl from securityScheme, or plan to upload caller certificates."
        yield Check.warning("upgrade", text, advice)
    elif revision != newest_revision():
        yield Check.ok("upgrade", "The upgrade doesn't affect any API.")
    broken = [str(api) for api in upgrade.apis_without_endpoint(connection)]
    if broken:
        text = f"This version rejects the URL of an endpoint of {some(broken)}, so gateways don't send requests to it."
        yield Check.warning("endpoints", text, "Change the endpoint's URL.")
    else:
        yield Check.ok("endpoints", "All endpoint URLs are valid.")


def _keys(session: Session, settings: Settings, data: Path) -> Check:
    opened, lost, ca_lost = 0, [], False
    try:
        sealing = open_sealing(settings, data)
        for organization, row, origin, sealed in inspection.sealed_keys(session):
            try:
                sealing.open(sealed, organization, row)
                opened += 1
            except CannotUnseal:
                lost.append(f"{origin} of {organization}")
                ca_lost = ca_lost or origin == inspection.GATEWAY_CA
    except (CannotStart, UnusableSealingKey) as error:
        return Check.failed("sealing key", str(error), "Restore the previous sealing key.")
    if lost:
        advice = "Restore the previous sealing key, or import these client certificates again."
        if ca_lost:
            advice += " For the gateway CA, revoke all gateways and enroll them again."
        return Check.failed("sealing key", f"It can't decrypt the private keys for {some(lost)}.", advice)
    text = f"It decrypts all {opened} private keys." if opened else "There are no private keys to decrypt."
    return Check.ok("sealing key", text)


def _lifetimes(name: str, certificates: Iterable[tuple[str, str, bytes]], now: datetime, advice: str) -> Check:
    """Check when certificates expire. Of several with one name, the last to expire counts, as on pages."""
    ends: dict[str, datetime] = {}
    for organization, subject, der in certificates:
        end = x509.load_der_x509_certificate(der).not_valid_after_utc
        where = f"{subject} of {organization}"
        ends[where] = max(end, ends.get(where, end))
    expired = [where for where, end in ends.items() if end < now]
    soon = [where for where, end in ends.items() if now <= end <= now + EXPIRING_WITHIN]
    sentences = []
    if expired:
        sentences.append(f"Expired ({len(expired)}): {some(expired)}.")
    if soon:
        sentences.append(f"Expiring within {EXPIRING_WITHIN.days} days ({len(soon)}): {some(soon)}.")
    return (
        Check.warning(name, " ".join(sentences), advice)
        if sentences
        else Check.ok(
            name,
            f"{len(ends)} checked; none expires within {EXPIRING_WITHIN.days} days." if ends else "There are none.",
        )
    )
