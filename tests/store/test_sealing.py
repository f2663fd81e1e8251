"""A sealed secret opens only with its key, and only in its place."""

import base64
import os

import pytest

from holdfast.files.sealing_keys import KeyFile, UnusableSealingKey, make_key, read_keys
from holdfast.network.sockets import CannotStart
from holdfast.server.sealing.keys import KEY_FILE, open_sealing, rotate_key
from holdfast.server.settings import Settings
from holdfast.store.recovery import contents
from holdfast.store.sealing import CannotUnseal, Sealing
from holdfast.store.tables import Table

SECRET = b"the private key"


def make_sealing(*keys: bytes) -> Sealing:
    return Sealing(lambda: keys)


def write_keys(*keys: bytes) -> str:
    return ",".join(base64.b64encode(key).decode() for key in keys)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HOLDFAST_")]:
        monkeypatch.delenv(name)


def test_a_sealed_secret_opens_and_never_looks_the_same_twice():
    own = make_sealing(make_key())
    one, two = own.seal(SECRET, "default", "row"), own.seal(SECRET, "default", "row")
    assert own.open(one, "default", "row") == own.open(two, "default", "row") == SECRET
    assert one[:9] == two[:9]
    assert one[9:21] != two[9:21]
    assert SECRET not in one


def test_backups_know_each_column_of_sealed_secrets():
    columns = [(table.name, column.name) for table in Table.metadata.sorted_tables for column in table.columns]
    sealed_columns = {column for column in columns if "sealed" in column[1]}
    without_secret = {("sealed_value", "sealed")}  # shows only which key sealed it
    short_lived = {("message", "sealed")}  # between control planes that run
    assert sealed_columns == set(contents.COLUMNS) | without_secret | short_lived


@pytest.mark.parametrize(("organization", "row"), [("other", "row"), ("default", "other"), ("default\0", "row")])
def test_a_secret_moved_to_another_row_or_organization_does_not_open(organization: str, row: str):
    own = make_sealing(make_key())
    with pytest.raises(CannotUnseal, match="it was modified, or copied from elsewhere"):
        own.open(own.seal(SECRET, "default", "row"), organization, row)


def test_a_modified_secret_does_not_open():
    own = make_sealing(make_key())
    sealed_secret = own.seal(SECRET, "default", "row")
    for at in range(len(sealed_secret)):
        modified_secret = sealed_secret[:at] + bytes([sealed_secret[at] ^ 1]) + sealed_secret[at + 1 :]
        with pytest.raises(CannotUnseal):
            own.open(modified_secret, "default", "row")
    for size in range(len(sealed_secret)):
        with pytest.raises(CannotUnseal):
            own.open(sealed_secret[:size], "default", "row")


def test_another_key_does_not_open_a_secret():
    with pytest.raises(CannotUnseal, match="sealed with is missing"):
        make_sealing(make_key()).open(make_sealing(make_key()).seal(SECRET, "default", "row"), "default", "row")


def test_the_first_key_seals_and_all_open():
    old, new = make_key(), make_key()
    before = make_sealing(old).seal(SECRET, "default", "row")
    all_keys = make_sealing(new, old)
    assert all_keys.open(before, "default", "row") == SECRET
    assert make_sealing(new).open(all_keys.seal(SECRET, "default", "row"), "default", "row") == SECRET


@pytest.mark.parametrize("text", ["", " ", "geheim", base64.b64encode(b"short").decode(), "ä" * 44, "A" * 44])
def test_a_text_that_is_not_a_key_is_rejected_without_being_shown(text: str):
    with pytest.raises(UnusableSealingKey) as refusal:
        read_keys(text, "HOLDFAST_SEALING_KEY")
    assert "HOLDFAST_SEALING_KEY" in str(refusal.value)
    assert not text.strip() or text not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_the_key_is_created_in_the_data_directory_when_first_needed(tmp_path):
    own = open_sealing(Settings(), tmp_path)
    assert list(tmp_path.iterdir()) == []
    sealed_secret = own.seal(SECRET, "default", "row")
    assert [file.name for file in tmp_path.iterdir()] == [KEY_FILE]
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert open_sealing(Settings(), tmp_path).open(sealed_secret, "default", "row") == SECRET


def test_opening_a_secret_does_not_create_a_missing_key(tmp_path):
    sealed_secret = open_sealing(Settings(), tmp_path).seal(SECRET, "default", "row")
    moved_file = (tmp_path / KEY_FILE).rename(tmp_path / "kept")
    later = open_sealing(Settings(), tmp_path)
    with pytest.raises(CannotUnseal, match="sealed with is missing"):
        later.open(sealed_secret, "default", "row")
    assert not (tmp_path / KEY_FILE).exists()
    moved_file.rename(tmp_path / KEY_FILE)
    assert later.open(sealed_secret, "default", "row") == SECRET


def test_the_key_can_come_from_a_variable_or_a_file_but_not_both(tmp_path):
    key = make_key()
    sealed_secret = make_sealing(key).seal(SECRET, "default", "row")
    file = tmp_path / "elsewhere"
    KeyFile(file).write([key])
    for settings in (Settings(sealing_key=write_keys(key)), Settings(sealing_key_file=file)):
        assert open_sealing(settings, tmp_path).open(sealed_secret, "default", "row") == SECRET
        assert not (tmp_path / KEY_FILE).exists()
        assert write_keys(key) not in repr(settings)
    with pytest.raises(CannotStart, match="Unset one"):
        open_sealing(Settings(sealing_key=write_keys(key), sealing_key_file=file), tmp_path)


def test_a_missing_or_damaged_key_file_is_reported_at_the_start(tmp_path):
    with pytest.raises(CannotStart, match="Can't read "):
        open_sealing(Settings(sealing_key_file=tmp_path / "nothing"), tmp_path)
    (tmp_path / KEY_FILE).write_text("damaged")
    with pytest.raises(CannotStart, match="is not a sealing key"):
        open_sealing(Settings(), tmp_path)


def test_a_rotation_keeps_both_keys_until_it_is_complete(tmp_path):
    file = KeyFile(tmp_path / KEY_FILE)
    (old,) = file.read_or_make()
    with rotate_key(Settings(), tmp_path):
        new, previous = file.read()
        assert previous == old
    assert file.read() == (new,)


def test_an_interrupted_rotation_leaves_both_keys_and_the_next_one_completes(tmp_path):
    file = KeyFile(tmp_path / KEY_FILE)
    (old,) = file.read_or_make()
    with pytest.raises(RuntimeError), rotate_key(Settings(), tmp_path):
        raise RuntimeError
    assert len(file.read()) == 2
    with rotate_key(Settings(), tmp_path) as own:
        assert len(file.read()) == 3
        assert own.open(make_sealing(old).seal(SECRET, "default", "row"), "default", "row") == SECRET
    assert len(file.read()) == 1


def test_a_key_in_a_variable_is_rotated_by_putting_the_new_one_before_the_old(tmp_path):
    old, new = make_key(), make_key()
    with (
        pytest.raises(CannotStart, match="Set it to NEW,OLD"),
        rotate_key(Settings(sealing_key=write_keys(old)), tmp_path),
    ):
        pass
    with rotate_key(Settings(sealing_key=write_keys(new, old)), tmp_path) as own:
        anew = own.seal(own.open(make_sealing(old).seal(SECRET, "o", "r"), "o", "r"), "o", "r")
    assert make_sealing(new).open(anew, "o", "r") == SECRET
    assert list(tmp_path.iterdir()) == []
