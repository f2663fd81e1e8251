"""Time is an argument: only the process and the commands read the clock."""

import ast

import pytest

from test_docs import SOURCE

CLOCKS = {"datetime": {"now", "utcnow", "today"}, "date": {"today"}, "time": {"time", "time_ns"}}
READS_IT = {"store/migrations/versions/v0016_gateway_groups.py"}  # for the rows that it adds
BELOW = ("certificates", "apis", "network", "work", "store", "gateway", "openid", "services", "rest", "web")


@pytest.mark.parametrize("package", BELOW)
def test_no_module_below_the_server_reads_the_clock(package):
    for path in (SOURCE / package).rglob("*.py"):
        name = path.relative_to(SOURCE).as_posix()
        if name in READS_IT:
            continue
        # References, not only calls: a clock can be the default of a parameter.
        clocks = [
            node.lineno
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.attr in CLOCKS.get(node.value.id, ())
        ]
        assert not clocks, f"{name} reads the clock in lines {clocks}. Take the time as an argument."
