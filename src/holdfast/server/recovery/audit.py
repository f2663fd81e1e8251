"""
Audit events of backups and restores, in the log of each organization whose data was copied.
"""

import os
from datetime import datetime
from pathlib import Path

from holdfast.files.private_directories import name_user
from holdfast.services.access.audit import write_down
from holdfast.services.access.principal import Principal
from holdfast.store.access import accounts
from holdfast.store.audit import Action, BackupOf
from holdfast.store.database import Store
from holdfast.store.errors import StoreFailure
from holdfast.store.location import Location
from holdfast.store.recovery.copies import remove_copy
from holdfast.store.revisions import get_newest_revision


def record_backup(location: Location, revision: str, name: str, now: datetime, *, with_sealing_key: bool) -> str:
    """Write that the database was copied to the file *name*; return why that failed, or an empty text."""
    if revision != get_newest_revision():
        # Opening it would upgrade its tables.
        return f"Its tables have revision {revision}, and this version needs {get_newest_revision()}."
    try:
        _write(location, Action.BACK_UP, name, now, with_sealing_key=with_sealing_key)
    except StoreFailure as error:
        return str(error)
    return ""


def upgrade_and_record_restore(database: Path, name: str, now: datetime, *, with_sealing_key: bool) -> None:
    """Bring the copy *database* of a backup up to date, and write that *name* was restored. Raises StoreFailure."""
    _write(database, Action.RESTORE_BACKUP, name, now, with_sealing_key=with_sealing_key)
    for copy in list(database.parent.iterdir()):
        if copy.name.startswith(f"{database.name}.before-"):
            remove_copy(copy)  # the backup itself is a copy from before


def _write(location: Location, action: Action, name: str, now: datetime, *, with_sealing_key: bool) -> None:
    user = f"{name_user(os.geteuid())} (command line)"  # no user of Holdfast has such a name
    subject = os.fsencode(name).decode("utf-8", "replace")
    store = Store(location, now)
    try:
        with store.write() as session:
            for organization in accounts.list_organizations(session):
                details = BackupOf(with_sealing_key=with_sealing_key)
                write_down(session, Principal(organization, user), now, action, subject, details)
    finally:
        store.close()
