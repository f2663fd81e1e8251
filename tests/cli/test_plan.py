"""In which order things are changed, so that nothing is refused or believed between."""

from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path

import pytest

from holdfast.apis.lifecycle import State
from holdfast.cli.declaration.existing import Existing, ExistingApi, ExistingCertificate
from holdfast.cli.declaration.plan import plan
from holdfast.cli.declaration.wanted import read_wanted
from issuing import issue

NOW = datetime.now(UTC)
OLD, NEW, THIRD = (f"https://{name}.example" for name in ("old", "new", "third"))
SETTINGS = {"crls": []}


@pytest.fixture
def wanted(tmp_path):
    """Read what is wanted: lines of APIs as (name, state, production), and aliases as (alias, endpoint)."""
    (tmp_path / "a.pem").write_bytes(issue("a").pem)

    def read(apis, certificates=()):
        lines = ["holdfast: 1", "apis:" if apis else "apis: []"]
        lines += [f"- {{name: {n}, context: /{n}, version: 1, state: {s}, production: '{p}'}}" for n, s, p in apis]
        lines += ["certificates:" if certificates else "certificates: []"]
        lines += [f"- {{alias: {alias}, endpoint: '{endpoint}', file: a.pem}}" for alias, endpoint in certificates]
        Path(tmp_path / "a.yaml").write_text("\n".join(lines))
        return read_wanted([str(tmp_path / "a.yaml")])

    return read


def existing(*apis, aliases=(), origins=()):
    found = Existing()
    for name, state, production in apis:
        found.apis[name, "1"] = ExistingApi(f"id of {name}", name, f"/{name}", "1", state, "", production)
    for alias, endpoint in aliases:
        found.certificates[alias] = ExistingCertificate(alias, endpoint, frozenset({"other"}))
    found.trust = {origin: SETTINGS if origin in origins else None for origin in (OLD, NEW, THIRD)}
    return found


def in_short(steps):
    return [f"{step.action} {step.name}" for step in steps]


def test_trust_comes_before_publishing_and_deleting_comes_last(wanted):
    steps = plan(
        wanted([("a", "published", NEW)], [("new", NEW)]),
        existing(("b", "PUBLISHED", OLD), aliases=[("old", OLD)], origins=[OLD]),
        NOW,
        prune=True,
    )
    assert in_short(steps) == ["create a:1", "create new", "move a:1", "delete b:1", "delete old"]


def test_the_trust_of_an_endpoint_that_moves_comes_directly_after_it(wanted):
    apis = [("a", "published", NEW), ("b", "published", THIRD)]
    steps = plan(
        wanted(apis, [("new", NEW), ("third", THIRD), ("old", OLD)]),
        existing(("a", "PUBLISHED", OLD), ("b", "PUBLISHED", OLD), origins=[OLD]),
        NOW,
        prune=False,
    )
    assert in_short(steps) == ["create old", "change a:1", "create new", "change b:1", "create third"]


def test_the_trust_of_an_endpoint_that_others_have_already_comes_before_it_moves(wanted):
    steps = plan(
        wanted([("a", "published", NEW)], [("new", NEW)]),
        existing(("a", "PUBLISHED", OLD), origins=[OLD, NEW]),
        NOW,
        prune=False,
    )
    assert in_short(steps) == ["create new", "change a:1"]


@pytest.mark.parametrize(("start", "end"), [*permutations(State, 2)])
def test_every_state_is_reached_but_from_the_last(wanted, start, end):
    before, after = existing(("a", start, OLD)), wanted([("a", end.lower(), OLD)])
    if start == "RETIRED":
        with pytest.raises(Exception, match="nothing leads from there"):
            plan(after, before, NOW, prune=False)
        return
    (step,) = plan(after, before, NOW, prune=False)
    assert len(step.actions) >= 1
    assert [(each.before, each.after) for each in step.details] == [(start, end)]
