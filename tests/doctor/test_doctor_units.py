"""Numbers of bytes in the output of `holdfast doctor`, and its check of the limit on open files."""

import resource
from types import SimpleNamespace

import pytest

from holdfast.doctor import files, network
from holdfast.network.sockets import CannotStart
from holdfast.server.machine.limits import FEWEST_FILES, raise_file_limit


@pytest.mark.parametrize(
    ("free", "size"),
    [
        (0, "0 bytes"),
        (900, "900 bytes"),
        (2048, "2.0 KiB"),
        (37 * 1024**2, "37.0 MiB"),
        (1023 * 1024**2, "1023.0 MiB"),
        (5 * 1024**3 // 2, "2.5 GiB"),
    ],
)
def test_free_space_is_written_in_a_unit_that_shows_it(tmp_path, monkeypatch, free, size):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert files.check_disk_space(tmp_path).text == f"{tmp_path} has {size} of free space."


def test_too_few_files_prevent_the_start_and_fail_the_check(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (30, 30))
    with pytest.raises(
        CannotStart, match=f"^This process can open only 30 files, and .* at least {FEWEST_FILES}. Raise"
    ):
        raise_file_limit()
    check = network.check_connections()
    assert (check.outcome, check.text) == (
        "failed",
        f"A process can open only 30 files, and Holdfast needs at least {FEWEST_FILES}.",
    )
