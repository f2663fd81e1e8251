"""
The password of the first user: from a variable, or generated and kept in a file of the data directory.
"""

import secrets
from pathlib import Path

from holdfast.apis.api import DEFAULT_ORGANIZATION
from holdfast.directories import replace_file
from holdfast.machine import CannotStart
from holdfast.services.accounts import ADMIN, Accounts
from holdfast.services.runtime import utc_now
from holdfast.settings import Settings

PASSWORD_FILE = "admin-password"  # noqa: S105 - the name of the file


def ensure_admin(accounts: Accounts, settings: Settings, data: Path) -> str | None:
    """
    Make the user admin if there is nobody yet; give the password if it was generated for that.

    Raises:
        CannotStart: The variable or the file holds no password.
        OSError: The file can't be read or written.
    """
    given = settings.admin_password.get_secret_value() if settings.admin_password else None
    if given is not None and not given:
        raise CannotStart("HOLDFAST_ADMIN_PASSWORD is empty. Give it a password or unset it.")
    file = data / PASSWORD_FILE
    # Kept before the user is, so that a password is never lost between the two.
    password = given or _kept(file) or _generate(file)
    new = accounts.ensure_user(DEFAULT_ORGANIZATION, ADMIN, password, utc_now(), reset=given is not None)
    if given is not None:
        file.unlink(missing_ok=True)
    return password if new and given is None else None


def _kept(file: Path) -> str:
    """Read the password; empty if there is none, as when the process was killed while it wrote the file."""
    try:
        return file.read_text("utf-8").strip()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise CannotStart(f"{file} holds no password. Remove it, or set HOLDFAST_ADMIN_PASSWORD.") from None


def _generate(file: Path) -> str:
    password = secrets.token_urlsafe(15)
    replace_file(file, f"{password}\n".encode())
    return password
