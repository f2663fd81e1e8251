"""
The password of the first user: from a variable, or generated and kept in a file of the data directory.
"""

import secrets
from pathlib import Path

import structlog

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.apis.errors import InvalidField
from holdfast.network.sockets import CannotStart
from holdfast.server.clock import utc_now
from holdfast.server.directories import replace_file
from holdfast.server.settings import Settings
from holdfast.services.access.accounts import ADMIN, Accounts
from holdfast.services.access.passwords import check_password

log = structlog.get_logger()
PASSWORD_FILE = "admin-password"  # noqa: S105 - the name of the file


def ensure_admin(accounts: Accounts, settings: Settings, data: Path) -> str | None:
    """
    Make the user admin if there is nobody yet; give the password if it was generated for that.

    A file whose password opens nothing any more is removed, and none is written where admin isn't made.

    Raises:
        CannotStart: The variable or the file holds no password, or one that can't be chosen.
        OSError: The file can't be read or written.
    """
    password, file = given_password(settings), data / PASSWORD_FILE
    if password is not None:
        accounts.ensure_user(DEFAULT_ORGANIZATION, ADMIN, password, utc_now(), reset=True)
        file.unlink(missing_ok=True)
        return None
    if not accounts.lacks_first_user(DEFAULT_ORGANIZATION, ADMIN):
        _remove_false(file, accounts)
        return None
    # Kept before the user is, so that a password is never lost between the two.
    password = _kept(file) or _generate(file)
    return password if accounts.ensure_user(DEFAULT_ORGANIZATION, ADMIN, password, utc_now(), reset=False) else None


def given_password(settings: Settings) -> str | None:
    """Return the password that HOLDFAST_ADMIN_PASSWORD gives admin, None if it isn't set. Raises CannotStart."""
    if settings.admin_password is None:
        return None
    password = settings.admin_password.get_secret_value()
    if not password:
        raise CannotStart("HOLDFAST_ADMIN_PASSWORD is empty. Set it to a password, or unset it.")
    return _checked(password, "HOLDFAST_ADMIN_PASSWORD can't be used.")


def _checked(password: str, refusal: str) -> str:
    try:
        return check_password(password, ADMIN)
    except InvalidField as error:
        raise CannotStart(f"{refusal} {error}") from None


def _kept(file: Path) -> str:
    """Read the password; empty if there is none, as when the process was killed while it wrote the file."""
    try:
        password = file.read_text("utf-8").strip()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise CannotStart(f"{file} holds no password. Remove it, or set HOLDFAST_ADMIN_PASSWORD.") from None
    return password and _checked(password, f"The password in {file} can't be used.")


def _remove_false(file: Path, accounts: Accounts) -> None:
    """Remove the file if its password isn't that of admin: it was changed since, or admin was deleted."""
    if not file.is_file():
        return
    if not accounts.is_password(ADMIN, file.read_text("utf-8", "replace").strip()):
        file.unlink()
        log.warning("file with an old password of admin removed", file=str(file))


def _generate(file: Path) -> str:
    password = secrets.token_urlsafe(15)
    replace_file(file, f"{password}\n".encode())
    return password
