"""The limits on connections that follow from the limit on open files."""

import resource

import pytest

from holdfast.server.machine.limits import (
    ConnectionLimits,
    compute_connection_limits,
    find_allowed_files,
    raise_file_limit,
)


@pytest.mark.parametrize(
    ("files", "limits"),
    [
        (256, ConnectionLimits(publisher=128, publisher_share=32, gateway=1)),
        (1024, ConnectionLimits(publisher=512, publisher_share=128, gateway=384)),
        (20_000, ConnectionLimits(publisher=1024, publisher_share=256, gateway=9_872)),
        (1_048_576, ConnectionLimits(publisher=1024, publisher_share=256, gateway=50_000)),
    ],
)
def test_the_connections_fit_into_the_files(files, limits):
    assert compute_connection_limits(files) == limits


def test_the_soft_limit_is_raised_to_the_hard_one():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
        limit = find_allowed_files()
        assert raise_file_limit() == limit > 200
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (limit, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
