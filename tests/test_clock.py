"""Time is an argument: only the process and the commands read the clock."""

import ast

import pytest

from test_docs import SOURCE

CLOCKS = {"now", "utcnow", "today"}
# For the name of the copy that is written before an upgrade, and for the rows that an upgrade adds.
READS_IT = {"store/opening.py", "store/migrations/versions/v0016_gateway_groups.py"}
BELOW = ("certificates", "apis", "network", "work", "store", "gateway", "openid", "services", "rest", "web")


@pytest.mark.parametrize("package", BELOW)
def test_no_module_below_the_server_reads_the_clock(package):
    for path in (SOURCE / package).rglob("*.py"):
        name = path.relative_to(SOURCE).as_posix()
        if name in READS_IT:
            continue
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        clocks = [
            call
            for call in calls
            if isinstance(call, ast.Attribute)
            and call.attr in CLOCKS
            and isinstance(call.value, ast.Name)
            and call.value.id in {"datetime", "date"}
        ]
        assert not clocks, f"{name} reads the clock. Take the time as an argument."
