"""The generated password of the first user: kept whole before the user is made, and never empty."""

import pytest

from disk_space import largest_file
from holdfast.admin_password import PASSWORD_FILE, ensure_admin
from holdfast.machine import CannotStart
from holdfast.services.accounts import ADMIN, Accounts
from holdfast.services.errors import SignInRefused
from holdfast.services.runtime import utc_now
from holdfast.settings import Settings
from holdfast.store.database import Store
from running import Holdfast


@pytest.fixture
def accounts(tmp_path, monkeypatch):
    monkeypatch.delenv("HOLDFAST_ADMIN_PASSWORD", raising=False)
    store = Store(tmp_path / "holdfast.sqlite")
    yield Accounts(store)
    store.close()


@pytest.mark.parametrize("left", ["", "\n"])
def test_a_file_that_a_killed_process_left_empty_is_no_password(accounts, tmp_path, left):
    file = tmp_path / PASSWORD_FILE
    file.write_text(left)
    password = ensure_admin(accounts, Settings(), tmp_path)
    assert password == file.read_text().strip()
    assert accounts.authenticate(ADMIN, password, "192.0.2.1", utc_now()).name == ADMIN
    with pytest.raises(SignInRefused):
        accounts.authenticate(ADMIN, "", "192.0.2.1", utc_now())


def test_a_disk_without_space_leaves_no_part_of_a_password(accounts, tmp_path):
    with largest_file(4), pytest.raises(OSError, match="File too large"):
        ensure_admin(accounts, Settings(), tmp_path)
    assert not (tmp_path / PASSWORD_FILE).exists()


def test_a_file_that_is_no_text_is_refused(accounts, tmp_path):
    (tmp_path / PASSWORD_FILE).write_bytes(b"\xff")
    with pytest.raises(CannotStart, match=r"holds no password\. Remove it, or set HOLDFAST_ADMIN_PASSWORD\.$"):
        ensure_admin(accounts, Settings(), tmp_path)


def test_a_file_that_cannot_be_read_ends_the_command_with_a_sentence(tmp_path):
    holdfast = Holdfast(tmp_path)
    del holdfast.environment["HOLDFAST_ADMIN_PASSWORD"]
    file = holdfast.data / PASSWORD_FILE
    file.mkdir(mode=0o700, parents=True)
    holdfast.data.chmod(0o700)
    assert holdfast.refuse_to_start() == (
        f"holdfast: {file} can't be used (Is a directory). Let the user of Holdfast read and write it."
    )
