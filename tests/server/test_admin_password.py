"""The generated password of the first user: stored completely before the user is created, and never empty."""

import pytest

from acting import context_of
from databases import write_new_database
from disk_space import largest_file
from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.network.sockets import CannotStart
from holdfast.server.access.admin_password import PASSWORD_FILE, ensure_admin
from holdfast.server.clock import utc_now
from holdfast.server.settings import Settings
from holdfast.services.access.accounts import ADMIN, Accounts
from holdfast.services.access.permissions import Role, list_permissions
from holdfast.services.access.principal import Principal
from holdfast.services.access.users import set_password
from holdfast.services.errors import SignInRefused
from holdfast.store.access import accounts as accounts_rows
from holdfast.store.database import Store
from holdfast.store.sealing import Sealing
from running import Holdfast


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.delenv("HOLDFAST_ADMIN_PASSWORD", raising=False)
    database = tmp_path / "holdfast.sqlite"
    write_new_database(database)
    store = Store(database, utc_now())
    yield store
    store.close()


@pytest.fixture
def accounts(store):
    return Accounts(store, Sealing(lambda: ()))


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_file_of_a_killed_process_is_not_a_password(accounts, tmp_path, content):
    file = tmp_path / PASSWORD_FILE
    file.write_text(content)
    password = ensure_admin(accounts, Settings(), tmp_path)
    assert password == file.read_text().strip()
    assert accounts.authenticate(ADMIN, password, "192.0.2.1", utc_now()).name == ADMIN
    with pytest.raises(SignInRefused):
        accounts.authenticate(ADMIN, "", "192.0.2.1", utc_now())


def test_a_full_disk_leaves_no_partial_password(accounts, tmp_path):
    with largest_file(4), pytest.raises(OSError, match="File too large"):
        ensure_admin(accounts, Settings(), tmp_path)
    assert not (tmp_path / PASSWORD_FILE).exists()


def test_a_file_that_is_not_text_is_rejected(accounts, tmp_path):
    (tmp_path / PASSWORD_FILE).write_bytes(b"\xff")
    with pytest.raises(CannotStart, match=r"doesn't contain a password\. Remove it, or set HOLDFAST_ADMIN_PASSWORD\.$"):
        ensure_admin(accounts, Settings(), tmp_path)


GIVEN, GENERATED, CHANGED = "several words of a variable", "several words of a file", "words that a user chose"


def start(accounts, directory, variable: str | None = None):
    """Handle passwords like a start; *variable* is HOLDFAST_ADMIN_PASSWORD."""
    return ensure_admin(accounts, Settings(admin_password=variable), directory)


def opens(accounts, password):
    return accounts.is_password(ADMIN, password)


def change(store, accounts, _directory):
    who = Principal(DEFAULT_ORGANIZATION, ADMIN, list_permissions([Role.ADMIN]))
    set_password(context_of(store, who, utc_now()), accounts.passwords, ADMIN, CHANGED)


def delete(store, _accounts, _directory):
    with store.write() as session:
        accounts_rows.remove_user(session, accounts_rows.get_user_by_name(session, ADMIN))


def with_variable(_store, accounts, directory):
    assert start(accounts, directory, GIVEN) is None


def without(_store, accounts, directory):
    start(accounts, directory)


def forge(_store, _accounts, directory):
    (directory / PASSWORD_FILE).write_text(f"{GENERATED}\n")


def lose(_store, _accounts, directory):
    (directory / PASSWORD_FILE).unlink()


def spoil(_store, _accounts, directory):
    (directory / PASSWORD_FILE).write_bytes(b"\xff")


# A sequence of events, then whether a file is left, and the password that must work; None: no password works.
SEQUENCES = {
    "without": ([without], True),
    "without, twice": ([without, without], True),
    "with": ([with_variable], False),
    "with, without": ([with_variable, without], False),
    "without, with": ([without, with_variable], False),
    "without, with, without": ([without, with_variable, without], False),
    "with, without, with": ([with_variable, without, with_variable], False),
    "changed on a page": ([without, change, without], False),
    "changed on a page, with": ([without, change, with_variable], False),
    "file deleted": ([without, lose, without], False),
    "file deleted, with, without": ([without, lose, with_variable, without], False),
    "with, killed before the file went": ([without, with_variable, forge, without], False),
    "file provided": ([forge, without], True),
    "file spoiled later": ([without, spoil, without], False),
    "admin deleted": ([without, delete, with_variable, without], False),
}


@pytest.mark.parametrize(("steps", "kept"), SEQUENCES.values(), ids=SEQUENCES)
def test_the_file_exists_only_while_its_password_is_that_of_admin(store, accounts, tmp_path, steps, kept):
    for step in steps:
        step(store, accounts, tmp_path)
    file = tmp_path / PASSWORD_FILE
    assert file.exists() == kept
    assert not kept or opens(accounts, file.read_text().strip())
    if with_variable in steps:
        assert opens(accounts, GIVEN)
    elif change in steps:
        assert opens(accounts, CHANGED)


def test_only_the_start_that_generates_a_password_returns_it(accounts, tmp_path):
    assert start(accounts, tmp_path) == (tmp_path / PASSWORD_FILE).read_text().strip()
    assert start(accounts, tmp_path) is None


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "is empty. Set it to a password, or unset it."),
        ("admin", "can't be used. Use at least 12 characters. A passphrase of several words works well."),
        (
            "            ",
            "can't be used. This repeats a short pattern, which is easy to guess. Use several different words.",
        ),
        ("x" * 1025, "can't be used. Use at most 1024 characters."),
    ],
)
def test_a_variable_that_breaks_the_rules_for_passwords_is_refused(accounts, tmp_path, password, reason):
    with pytest.raises(CannotStart) as refusal:
        start(accounts, tmp_path, password)
    assert str(refusal.value) == f"HOLDFAST_ADMIN_PASSWORD {reason}"
    assert accounts.lacks_first_user(DEFAULT_ORGANIZATION, ADMIN)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (f"{GIVEN}\n", ""),
        ("\n", "HOLDFAST_ADMIN_PASSWORD_FILE is empty. Set it to a password, or unset it."),
        ("short", "HOLDFAST_ADMIN_PASSWORD_FILE can't be used. Use at least 12 characters. A passphrase"),
        ("\udcff", "HOLDFAST_ADMIN_PASSWORD_FILE: can't read /"),
        (None, "HOLDFAST_ADMIN_PASSWORD_FILE: can't read /"),
    ],
)
def test_a_secret_of_an_orchestrator_is_a_file_and_follows_the_same_rules(accounts, tmp_path, content, reason):
    secret = tmp_path / "secret"
    if content is not None:
        secret.write_text(content, errors="surrogateescape")
    settings = Settings(admin_password_file=secret)
    if reason:
        with pytest.raises(CannotStart) as refusal:
            ensure_admin(accounts, settings, tmp_path)
        assert str(refusal.value).startswith(reason)
    else:
        assert ensure_admin(accounts, settings, tmp_path) is None
        assert opens(accounts, GIVEN)
    with pytest.raises(CannotStart, match="are both set"):
        ensure_admin(accounts, Settings(admin_password=GIVEN, admin_password_file=secret), tmp_path)


def test_a_provided_file_follows_the_same_rules(accounts, tmp_path):
    file = tmp_path / PASSWORD_FILE
    file.write_text("short\n")
    with pytest.raises(CannotStart) as refusal:
        start(accounts, tmp_path)
    assert str(refusal.value).startswith(f"The password in {file} can't be used. Use at least 12 characters.")


def test_a_file_that_cannot_be_read_ends_the_command_with_a_sentence(tmp_path):
    holdfast = Holdfast(tmp_path)
    del holdfast.environment["HOLDFAST_ADMIN_PASSWORD"]
    file = holdfast.data / PASSWORD_FILE
    file.mkdir(mode=0o700, parents=True)
    holdfast.data.chmod(0o700)
    assert holdfast.refuse_to_start() == (
        f"holdfast: Can't use {file}: Is a directory. Holdfast's user needs read and write permission."
    )
