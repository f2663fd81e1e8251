"""Plans order their steps so that nothing is wrongly rejected or trusted in between."""

import time
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path

import pytest
import yaml

from holdfast.apis.catalog.lifecycle import State
from holdfast.certificates.formats.parsing import parse
from holdfast.cli.declaration.certificate_summary import summarize_certificate
from holdfast.cli.declaration.current_state import (
    CurrentState,
    ExistingApi,
    ExistingCertificate,
    ExistingTrust,
)
from holdfast.cli.declaration.plan import plan
from holdfast.cli.declaration.reader import read_desired_state
from holdfast.cli.declaration.report import say_plan
from holdfast.cli.failures import WrongFile
from issuing import issue

NOW = datetime.now(UTC)
OLD, NEW, THIRD = (f"https://{name}.example" for name in ("old", "new", "third"))
SETTINGS = ExistingTrust({"crls": []})


@pytest.fixture
def declare(tmp_path):
    """Read a desired state: APIs as (name, state, production), and aliases as (alias, endpoint)."""
    (tmp_path / "a.pem").write_bytes(issue("a").pem)

    def read(apis, certificates=()):
        lines = ["holdfast: 1", "apis:" if apis else "apis: []"]
        lines += [f"- {{name: {n}, context: /{n}, version: 1, state: {s}, production: '{p}'}}" for n, s, p in apis]
        lines += ["certificates:" if certificates else "certificates: []"]
        lines += [f"- {{alias: {alias}, endpoint: '{endpoint}', file: a.pem}}" for alias, endpoint in certificates]
        Path(tmp_path / "a.yaml").write_text("\n".join(lines))
        return read_desired_state([str(tmp_path / "a.yaml")])

    return read


def make_state(*apis, aliases=(), origins=()):
    current = CurrentState()
    for name, state, production in apis:
        current.apis[name, "1"] = ExistingApi(f"id of {name}", name, f"/{name}", "1", state, "", production)
    for alias, endpoint in aliases:
        current.certificates[alias] = ExistingCertificate(alias, endpoint)
    current.trust = {origin: SETTINGS if origin in origins else None for origin in (OLD, NEW, THIRD)}
    return current


def shorten(steps):
    return [f"{step.action} {step.name}" for step in steps.steps]


def test_trust_comes_before_publishing_and_deleting_comes_last(declare):
    steps = plan(
        declare([("a", "published", NEW)], [("new", NEW)]),
        make_state(("b", "PUBLISHED", OLD), aliases=[("old", OLD)], origins=[OLD]),
        NOW,
        prune=True,
    )
    assert shorten(steps) == ["create a:1", "create new", "move a:1", "delete b:1", "delete old"]


def test_the_trust_of_a_changed_endpoint_follows_directly(declare):
    apis = [("a", "published", NEW), ("b", "published", THIRD)]
    steps = plan(
        declare(apis, [("new", NEW), ("third", THIRD), ("old", OLD)]),
        make_state(("a", "PUBLISHED", OLD), ("b", "PUBLISHED", OLD), origins=[OLD]),
        NOW,
        prune=False,
    )
    assert shorten(steps) == ["create old", "change a:1", "create new", "change b:1", "create third"]


def test_the_trust_of_an_existing_origin_comes_before_an_endpoint_changes_to_it(declare):
    steps = plan(
        declare([("a", "published", NEW)], [("new", NEW)]),
        make_state(("a", "PUBLISHED", OLD), origins=[OLD, NEW]),
        NOW,
        prune=False,
    )
    assert shorten(steps) == ["create new", "change a:1"]


@pytest.mark.parametrize(("start", "end"), [*permutations(State, 2)])
def test_every_state_is_reachable_except_from_the_last(declare, start, end):
    before, after = make_state(("a", start, OLD)), declare([("a", end.lower(), OLD)])
    if start == "RETIRED":
        with pytest.raises(Exception, match="can't become"):
            plan(after, before, NOW, prune=False)
        return
    (step,) = plan(after, before, NOW, prune=False).steps
    assert len(step.actions) >= 1
    assert [(detail.before, detail.after) for detail in step.details] == [(start, end)]


@pytest.fixture
def refusals(tmp_path):
    """Plan a text with existing *apis*, given as (name, context, version), and return the problems."""
    (tmp_path / "a.pem").write_bytes(issue("a").pem)

    def refusals(text, *apis, prune=False):
        (tmp_path / "b.yaml").write_text(f"holdfast: 1\n{text}")
        before = CurrentState()
        for name, context, version in apis:
            before.apis[name.lower(), version] = ExistingApi(name, name, context, version, "CREATED", production=OLD)
        before.trust = {NEW: None, OLD: SETTINGS if apis else None}
        try:
            plan(read_desired_state([str(tmp_path / "b.yaml")]), before, NOW, prune=prune)
        except WrongFile as error:
            return [line.strip().removeprefix(f"{tmp_path}/") for line in str(error).splitlines()[1:]]
        return []

    return refusals


def write_apis(*values):
    """Write APIs, given as (name, context, version), one per line."""
    return "apis:\n" + "\n".join(f"- {{name: {n}, context: {c}, version: {v}}}" for n, c, v in values)


@pytest.mark.parametrize(
    ("rows", "there", "message"),
    [
        ([("b", "/a", 1)], [("a", "/a", "1")], "b.yaml:3: apis[0].context: The context /a is already used by a 1."),
        ([("b", "/a", 2)], [("a", "/a", "1")], "b.yaml:3: apis[0].context: The context /a is already used by a 1."),
        ([("A", "/b", 2)], [("a", "/a", "1")], "All versions of an API share a context; a 1 has /a."),
        ([("a", "/b", 1)], [("a", "/a", "1")], "a 1 has the context /a, which can't change."),
        ([("a", "/a", 1), ("b", "/a", 1)], [], "b.yaml:4: apis[1].context: The context /a is already used by a 1 ("),
        ([("a", "/a", 1), ("a", "/b", 2)], [], "b.yaml:4: apis[1].context: All versions of an API share a context"),
        ([("a", "/a", 2)], [("a", "/a", "1")], ""),
        ([("a", "/a", 1), ("a", "/a", 2)], [], ""),
    ],
)
def test_names_and_contexts_that_the_publisher_would_reject_are_detected(refusals, rows, there, message):
    lines = refusals(write_apis(*rows), *there)
    assert len(lines) == (1 if message else 0)
    assert message in "".join(lines)


def test_the_context_of_a_pruned_api_is_free(refusals):
    assert refusals(write_apis(("b", "/a", 1)), ("a", "/a", "1"), prune=True) == []


@pytest.mark.parametrize("settings", ["", ", tlsMinimum: 1.3"])
@pytest.mark.parametrize("context", ["/a", "/b"])  # deleted first because it is in the way, or pruned last
def test_trust_for_an_endpoint_of_a_pruned_api_is_rejected(refusals, settings, context):
    text = write_apis(("b", context, 1)) + f"\ntrust:\n- {{endpoint: '{OLD}'{settings}}}\n"
    message = f"b.yaml:5: trust[0]: No API has an endpoint at {OLD}. Add one, or remove this."
    assert refusals(text, ("a", "/a", "1"), prune=True) == [message]


def issue_same_subject(count):
    return [issue("a", identified=False).pem.decode() for _ in range(count)]


def write_entry(alias, pem, **fields):
    return {"alias": alias, "endpoint": NEW, "pem": pem} | fields


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            lambda one, two: [write_entry("x", one + two)],
            "Two of its certificates have the subject CN=a and no key identifiers",
        ),
        (
            lambda one, two: [write_entry("x", one), write_entry("y", two)],
            "x has another certificate with the subject CN=a",
        ),
        (
            lambda one, two: [write_entry("x", one, previousPem=two)],
            "x would have a current and a previous certificate",
        ),
        (lambda one, _: [write_entry("x", one), write_entry("y", one)], ""),
        (lambda one, two: [write_entry("x", one), write_entry("y", two, endpoint=THIRD)], ""),
    ],
)
def test_certificates_that_a_gateway_would_confuse_are_detected(refusals, entries, message):
    api = {"name": "a", "context": "/a", "version": "1", "production": NEW, "sandbox": THIRD}
    lines = refusals(yaml.safe_dump({"apis": [api], "certificates": entries(*issue_same_subject(2))}))
    assert len(lines) == (1 if message else 0)
    assert message in "".join(lines)


def test_comparing_many_certificates_of_one_subject_takes_bounded_time(refusals):
    api = {"name": "a", "context": "/a", "version": "1", "production": NEW}
    pems = [issue("a").pem.decode() for _ in range(2)]  # distinguishable by key identifiers
    entries = [write_entry(f"alias{number}", pems[number % 2]) for number in range(1_000)]
    start = time.process_time()
    assert refusals(yaml.dump({"apis": [api], "certificates": entries}, Dumper=yaml.CSafeDumper)) == []
    assert time.process_time() - start < 10


def test_a_subject_cannot_imitate_a_line_of_the_plan(declare):
    text = "x\n- delete api Pizza:1\x1b[2J" + "y" * 20
    evil = parse(issue(common_name=text).pem).certificates[0]
    entry = ExistingCertificate("old", OLD, (summarize_certificate(evil),))
    before = CurrentState(certificates={"old": entry})
    lines = []
    say_plan(plan(declare([], []), before, NOW, prune=True), lines.append)
    assert lines[0] == "- delete certificate old"
    assert not any("\n" in line or "\x1b" in line for line in lines)


def plan_environments(text, tmp_path, before=("Default",)):
    """Plan an API with *text* in its entry, where the groups Default and eu exist; return the details of the change."""
    (tmp_path / "b.yaml").write_text(f"holdfast: 1\napis:\n- {{name: a, context: /a, version: 1{text}}}\n")
    current = CurrentState(environments=["Default", "eu"])
    current.apis["a", "1"] = ExistingApi("a", "a", "/a", "1", "CREATED", environments=before)
    steps = plan(read_desired_state([str(tmp_path / "b.yaml")]), current, NOW, prune=False).steps
    return [(detail.field, detail.before, detail.after) for step in steps for detail in step.details]


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("", []),
        (", environments: [Default]", []),
        (", environments: [eu, Default]", [("environments", "Default", "Default, eu")]),
    ],
)
def test_environments_change_only_if_a_file_names_others(tmp_path, text, changes):
    assert plan_environments(text, tmp_path) == changes


def test_an_environment_that_does_not_exist_is_rejected(tmp_path):
    with pytest.raises(WrongFile, match="no gateway environment moon"):
        plan_environments(", environments: [eu, moon]", tmp_path)
