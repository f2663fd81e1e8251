"""
The password of the first user: from a variable, or generated and stored in a file in the data directory.
"""

import secrets
from pathlib import Path

import structlog

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.apis.errors import InvalidField
from holdfast.files.replacement import replace_file
from holdfast.network.sockets import CannotStart
from holdfast.server.clock import utc_now
from holdfast.server.settings import Settings
from holdfast.services.access.accounts import ADMIN, Accounts
from holdfast.services.access.passwords import check_password

log = structlog.get_logger()
PASSWORD_FILE = "admin-password"  # noqa: S105 - the name of the file
MAX_FILE = 10_000  # characters


def ensure_admin(accounts: Accounts, settings: Settings, data: Path) -> str | None:
    """
    Create the user admin if there are no users, and return its password if it was generated.

    Removes a file whose password is out of date. A file is written only if admin is created.

    Raises:
        CannotStart: The variable or the file has no password, or one that the password rules reject.
        OSError: The file can't be read or written.
    """
    password, file = find_given_password(settings), data / PASSWORD_FILE
    if password is not None:
        accounts.ensure_user(DEFAULT_ORGANIZATION, ADMIN, password, utc_now(), reset=True)
        file.unlink(missing_ok=True)
        return None
    if not accounts.lacks_first_user(DEFAULT_ORGANIZATION, ADMIN):
        _remove_outdated(file, accounts)
        return None
    # Written before the user is created, so that a crash in between doesn't lose the password.
    password = _read_file(file) or _generate(file)
    if accounts.ensure_user(DEFAULT_ORGANIZATION, ADMIN, password, utc_now(), reset=False):
        return password
    _remove_outdated(file, accounts)  # another control plane was faster
    return None


def find_given_password(settings: Settings) -> str | None:
    """Return the password in HOLDFAST_ADMIN_PASSWORD or its file, None if neither is set. Raises CannotStart."""
    secret, file = settings.admin_password, settings.admin_password_file
    if secret is None and file is None:
        return None
    if secret is not None and file is not None:
        raise CannotStart("HOLDFAST_ADMIN_PASSWORD and HOLDFAST_ADMIN_PASSWORD_FILE are both set. Unset one of them.")
    name = "HOLDFAST_ADMIN_PASSWORD_FILE" if file else "HOLDFAST_ADMIN_PASSWORD"
    password = _read(file) if file else secret.get_secret_value() if secret else ""
    if not password:
        raise CannotStart(f"{name} is empty. Set it to a password, or unset it.")
    return _check(password, f"{name} can't be used.")


def _read(file: Path) -> str:
    try:
        with file.expanduser().open(encoding="utf-8") as source:
            return source.read(MAX_FILE).strip()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it isn't text"
        raise CannotStart(f"HOLDFAST_ADMIN_PASSWORD_FILE: can't read {file}: {why}.") from error


def _check(password: str, refusal: str) -> str:
    try:
        return check_password(password, ADMIN)
    except InvalidField as error:
        raise CannotStart(f"{refusal} {error}") from None


def _read_file(file: Path) -> str:
    """Return the password in the file, empty if there is none, as after a kill while the file was written."""
    try:
        password = file.read_text("utf-8").strip()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise CannotStart(f"{file} doesn't contain a password. Remove it, or set HOLDFAST_ADMIN_PASSWORD.") from None
    return password and _check(password, f"The password in {file} can't be used.")


def _remove_outdated(file: Path, accounts: Accounts) -> None:
    """Remove the file if its password no longer is admin's, because it was changed or admin was deleted."""
    if not file.is_file():
        return
    if not accounts.is_password(ADMIN, file.read_text("utf-8", "replace").strip()):
        file.unlink()
        log.warning("file with an outdated admin password removed", file=str(file))


def _generate(file: Path) -> str:
    password = secrets.token_urlsafe(15)
    replace_file(file, f"{password}\n".encode())
    return password
