"""Contexts: several publishers, each with its own token."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from cli.answering import answering
from holdfast.cli.requests.contexts import (
    Contexts,
    PublisherContext,
    credentials_file,
    keep_context,
    name_from_url,
    read_contexts,
)
from holdfast.cli.requests.publisher import Credentials, Publisher

LATER = datetime.now(UTC) + timedelta(days=30)
BODY = {"scopes": [], "list": [], "expiresTime": LATER.isoformat(), "name": "holdfast login, here", "roles": []}


def body(told="hfp_new", **more):
    return json.dumps(BODY | {"token": told, "organization": "default"} | more).encode()


def sign_in(command, server, *words, **environment):
    arguments = ("login", server.url, "--user", "berta", "--password-stdin", *words)
    return command.done(*arguments, stdin="secret\n", **environment)


def asked(server):
    """Return the last request and its token."""
    last = server.asked[-1]
    return last.method, last.path.rpartition("/v4")[2].partition("?")[0], last.headers["Authorization"]


def ended(*servers):
    return [each.headers["Authorization"] for server in servers for each in server.asked if each.method == "DELETE"]


@pytest.fixture
def servers():
    with answering(body=body("hfp_a")) as first, answering(body=body("hfp_b")) as second:
        yield first, second


@pytest.fixture
def both(guest, servers):
    """The command of a user who is signed in to two publishers, `a` and `b`; the last is current."""
    sign_in(guest, servers[0], "--context", "a")
    sign_in(guest, servers[1], "--context", "b")
    return guest


def test_a_login_to_another_publisher_keeps_the_token_of_the_first(both, servers):
    assert ended(*servers) == []
    for words, server, token in (
        (("api", "list"), servers[1], "hfp_b"),
        (("api", "list", "--context", "a"), servers[0], "hfp_a"),
        (("--context", "a", "api", "list"), servers[0], "hfp_a"),
        (("--context=a", "api", "list"), servers[0], "hfp_a"),
        (("api", "list"), servers[1], "hfp_b"),
    ):
        both.done(*words)
        assert asked(server) == ("GET", "/apis", f"Bearer {token}")


def test_an_option_takes_precedence_over_the_environment(both, servers):
    both.done("api", "list", HOLDFAST_CONTEXT="a")
    assert asked(servers[0])[2] == "Bearer hfp_a"
    before = len(servers[0].asked)
    both.done("api", "list", "--context", "b", HOLDFAST_CONTEXT="a")
    both.done("api", "list", "--context", "b", HOLDFAST_URL=servers[0].url, HOLDFAST_TOKEN="other")
    assert len(servers[0].asked) == before
    assert asked(servers[1])[2] == "Bearer hfp_b"
    both.done("api", "list", HOLDFAST_URL=servers[0].url)
    assert asked(servers[0])[2] == "Bearer hfp_a"
    for variables in ({}, {"HOLDFAST_TOKEN": "other"}):
        said = both.refused("api", "list", code=2, HOLDFAST_CONTEXT="b", HOLDFAST_URL=servers[0].url, **variables)
        assert "Unset one of them." in said


def test_contexts_are_listed_chosen_and_deleted(both, servers):
    lines = [line.split() for line in both.done("context", "list").output.splitlines()]
    until = f"{LATER:%Y-%m-%d}"
    assert lines[1:] == [["a", servers[0].url, "berta", until], ["*", "b", servers[1].url, "berta", until]]
    assert both.done("context", "use", "a").output == "Switched to context a.\n"
    found = both.done("context", "list", "--json").json
    assert [(each["name"], each["current"]) for each in found["list"]] == [("a", True), ("b", False)]
    assert "hfp_" not in json.dumps(found)
    assert both.done("whoami", "--json").json["context"] == "a"
    assert both.done("context", "delete", "b").output == f"Signed out of {servers[1].url} and revoked the token.\n"
    assert ended(*servers) == ["Bearer hfp_b"]
    both.done("api", "list")
    for words in (("context", "use", "b"), ("context", "delete", "b"), ("api", "list", "--context", "b")):
        assert both.refused(*words).startswith("holdfast: Context b not found (contexts: a).")


def test_logout_ends_one_context_and_lists_the_others(both, servers):
    said = both("logout")
    assert (said.code, said.output) == (0, f"Signed out of {servers[1].url} and revoked the token.\n")
    assert "Other contexts: a." in said.errors
    assert "No current context. Run `holdfast context use NAME` with one of: a." in both.refused("api", "list", code=4)
    both.done("logout", "--context", "a")
    assert ended(*servers) == ["Bearer hfp_a", "Bearer hfp_b"]
    assert not credentials_file(both.environment).exists()
    assert both.done("context", "list").output == "No contexts. Run `holdfast login URL` to add one.\n"


def test_a_new_login_revokes_only_the_token_of_its_context(both, servers):
    servers[0].body = body("hfp_second")
    sign_in(both, servers[0])  # the context that is for this publisher already
    assert ended(*servers) == ["Bearer hfp_a"]
    assert [each["name"] for each in both.done("context", "list", "--json").json["list"]] == ["a", "b"]
    servers[0].body = body("hfp_other")
    sign_in(both, servers[0], "--context", "c")  # another user of the same publisher, for instance
    assert ended(*servers) == ["Bearer hfp_a"]
    said = both.refused("login", servers[1].url, "--context", "a", "--token-stdin", code=2, stdin="x\n")
    assert f"Context a is for {servers[0].url}." in said


def test_a_pasted_token_is_never_revoked(guest, servers):
    for command in (("logout",), ("context", "delete", "a")):
        guest.done("login", servers[0].url, "--context", "a", "--token-stdin", stdin="hfp_mine\n")
        assert "it stays valid until" in guest.done(*command).output
    guest.done("login", servers[0].url, "--token-stdin", stdin="hfp_mine\n")
    sign_in(guest, servers[0])
    assert ended(*servers) == []


def test_a_login_lists_other_exposed_tokens(both, servers):
    credentials_file(both.environment).chmod(0o644)
    assert "Other users can read" in both.refused("api", "list")
    ended = sign_in(both, servers[0])
    assert ended.errors == "Other users could also read the tokens of b. Log in to each again to revoke its token.\n"


@pytest.mark.parametrize(("name", "ends"), [("holdfast login, here", True), ("mine", False)])
def test_a_file_from_before_contexts_is_read_and_its_token_revoked_if_login_created_it(guest, servers, name, ends):
    servers[0].body = body(name=name)
    file = credentials_file(guest.environment)
    file.parent.mkdir(parents=True)
    file.touch(mode=0o600)
    url, expires = servers[0].url, LATER.isoformat()
    file.write_text(f'url = "{url}"\nuser = "berta"\ntoken = "hfp_old"\nexpires = "{expires}"\n')
    guest.done("api", "list")
    assert asked(servers[0])[2] == "Bearer hfp_old"
    context = name_from_url(url)
    assert [each["name"] for each in guest.done("context", "list", "--json").json["list"]] == [context]
    sign_in(guest, servers[1], "--context", "b")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    guest.done("logout", "--context", context)
    assert ended(*servers) == (["Bearer hfp_old"] if ends else [])


def test_concurrent_logins_are_all_stored(guest):
    names = [f"c{number}" for number in range(12)]
    who = Credentials("berta", token="hfp_x", expires_at=LATER, by_login=True)

    def keep(name):
        keep_context(name, PublisherContext(Publisher(f"https://{name}.example"), who), guest.environment)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(keep, names))
    assert sorted(read_contexts(guest.environment).by_name) == sorted(names)


@pytest.mark.parametrize("name", ["", "-a", "a b", "a/b", "ä", "a" * 64, "a\nb"])
def test_an_invalid_context_name_is_wrong_usage(guest, name):
    said = guest.refused("login", "https://a.example", "--context", name or " ", "--token-stdin", code=2, stdin="x\n")
    assert "isn't a valid context name." in said


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://publisher.example", "publisher.example"),
        ("https://publisher.example:443/base", "publisher.example"),
        ("http://127.0.0.1:9080", "127.0.0.1-9080"),
        ("https://[2001:db8::1]:8443", "2001-db8-1-8443"),
    ],
)
def test_a_context_is_named_after_its_host(url, name):
    assert name_from_url(url) == name


def test_a_context_of_a_publisher_is_found_by_its_url():
    a, b = (PublisherContext(Publisher(f"https://{name}"), Credentials(name)) for name in "ab")
    contexts = Contexts({"1": a, "2": a, "3": b}, current="2")
    assert [contexts.named_for(f"https://{name}") for name in "abc"] == ["2", "3", ""]
