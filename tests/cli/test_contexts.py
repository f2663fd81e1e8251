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
    keep_context,
    locate_credentials_file,
    name_from_url,
    read_contexts,
)
from holdfast.cli.requests.publisher import Credentials, Publisher

LATER = datetime.now(UTC) + timedelta(days=30)
BODY = {"scopes": [], "list": [], "expiresTime": LATER.isoformat(), "name": "holdfast login, here", "roles": []}


def write_body(text="hfp_new", **more):
    return json.dumps(BODY | {"token": text, "organization": "default"} | more).encode()


def sign_in(command, server, *words, **environment):
    arguments = ("login", server.url, "--user", "berta", "--password-stdin", *words)
    return command.run(*arguments, stdin="secret\n", **environment)


def read_request(server):
    """Return the last request and its token."""
    last = server.requests[-1]
    return last.method, last.path.rpartition("/v4")[2].partition("?")[0], last.headers["Authorization"]


def list_revoked_tokens(*servers):
    requests = [request for server in servers for request in server.requests]
    return [request.headers["Authorization"] for request in requests if request.method == "DELETE"]


@pytest.fixture
def servers():
    with answering(body=write_body("hfp_a")) as first, answering(body=write_body("hfp_b")) as second:
        yield first, second


@pytest.fixture
def user(guest, servers):
    """The command of a user who is signed in to two publishers, `a` and `b`; the last is current."""
    sign_in(guest, servers[0], "--context", "a")
    sign_in(guest, servers[1], "--context", "b")
    return guest


def test_a_login_to_another_publisher_keeps_the_token_of_the_first(user, servers):
    assert list_revoked_tokens(*servers) == []
    for words, server, token in (
        (("api", "list"), servers[1], "hfp_b"),
        (("api", "list", "--context", "a"), servers[0], "hfp_a"),
        (("--context", "a", "api", "list"), servers[0], "hfp_a"),
        (("--context=a", "api", "list"), servers[0], "hfp_a"),
        (("api", "list"), servers[1], "hfp_b"),
    ):
        user.run(*words)
        assert read_request(server) == ("GET", "/apis", f"Bearer {token}")


def test_an_option_takes_precedence_over_the_environment(user, servers):
    user.run("api", "list", HOLDFAST_CONTEXT="a")
    assert read_request(servers[0])[2] == "Bearer hfp_a"
    before = len(servers[0].requests)
    user.run("api", "list", "--context", "b", HOLDFAST_CONTEXT="a")
    user.run("api", "list", "--context", "b", HOLDFAST_URL=servers[0].url, HOLDFAST_TOKEN="other")
    assert len(servers[0].requests) == before
    assert read_request(servers[1])[2] == "Bearer hfp_b"
    user.run("api", "list", HOLDFAST_URL=servers[0].url)
    assert read_request(servers[0])[2] == "Bearer hfp_a"
    for variables in ({}, {"HOLDFAST_TOKEN": "other"}):
        message = user.fail("api", "list", code=2, HOLDFAST_CONTEXT="b", HOLDFAST_URL=servers[0].url, **variables)
        assert "Unset one of them." in message


def test_contexts_are_listed_chosen_and_deleted(user, servers):
    lines = [line.split() for line in user.run("context", "list").output.splitlines()]
    until = f"{LATER:%Y-%m-%d}"
    assert lines[1:] == [["a", servers[0].url, "berta", until], ["*", "b", servers[1].url, "berta", until]]
    assert user.run("context", "use", "a").output == "Switched to context a.\n"
    body = user.run("context", "list", "--json").json
    assert [(context["name"], context["current"]) for context in body["list"]] == [("a", True), ("b", False)]
    assert "hfp_" not in json.dumps(body)
    assert user.run("whoami", "--json").json["context"] == "a"
    assert user.run("context", "delete", "b").output == f"Signed out of {servers[1].url} and revoked the token.\n"
    assert list_revoked_tokens(*servers) == ["Bearer hfp_b"]
    user.run("api", "list")
    for words in (("context", "use", "b"), ("context", "delete", "b"), ("api", "list", "--context", "b")):
        assert user.fail(*words).startswith("holdfast: Context b not found (contexts: a).")


def test_logout_ends_one_context_and_lists_the_others(user, servers):
    result = user("logout")
    assert (result.code, result.output) == (0, f"Signed out of {servers[1].url} and revoked the token.\n")
    assert "Other contexts: a." in result.errors
    assert "No current context. Run `holdfast context use NAME` with one of: a." in user.fail("api", "list", code=4)
    user.run("logout", "--context", "a")
    assert list_revoked_tokens(*servers) == ["Bearer hfp_a", "Bearer hfp_b"]
    assert not locate_credentials_file(user.environment).exists()
    assert user.run("context", "list").output == "No contexts. Run `holdfast login URL` to add one.\n"


def test_a_new_login_revokes_only_the_token_of_its_context(user, servers):
    servers[0].body = write_body("hfp_second")
    sign_in(user, servers[0])  # the context that is for this publisher already
    assert list_revoked_tokens(*servers) == ["Bearer hfp_a"]
    assert [context["name"] for context in user.run("context", "list", "--json").json["list"]] == ["a", "b"]
    servers[0].body = write_body("hfp_other")
    sign_in(user, servers[0], "--context", "c")  # another user of the same publisher, for instance
    assert list_revoked_tokens(*servers) == ["Bearer hfp_a"]
    message = user.fail("login", servers[1].url, "--context", "a", "--token-stdin", code=2, stdin="x\n")
    assert f"Context a is for {servers[0].url}." in message


def test_a_pasted_token_is_never_revoked(guest, servers):
    for command in (("logout",), ("context", "delete", "a")):
        guest.run("login", servers[0].url, "--context", "a", "--token-stdin", stdin="hfp_mine\n")
        assert "it stays valid until" in guest.run(*command).output
    guest.run("login", servers[0].url, "--token-stdin", stdin="hfp_mine\n")
    sign_in(guest, servers[0])
    assert list_revoked_tokens(*servers) == []


def test_a_login_lists_other_exposed_tokens(user, servers):
    locate_credentials_file(user.environment).chmod(0o644)
    assert "Other users can read" in user.fail("api", "list")
    result = sign_in(user, servers[0])
    assert result.errors == "Other users could also read the tokens of b. Log in to each again to revoke its token.\n"


@pytest.mark.parametrize(("name", "ends"), [("holdfast login, here", True), ("mine", False)])
def test_a_file_from_before_contexts_is_read_and_its_token_revoked_if_login_created_it(guest, servers, name, ends):
    servers[0].body = write_body(name=name)
    file = locate_credentials_file(guest.environment)
    file.parent.mkdir(parents=True)
    file.touch(mode=0o600)
    url, expires = servers[0].url, LATER.isoformat()
    file.write_text(f'url = "{url}"\nuser = "berta"\ntoken = "hfp_old"\nexpires = "{expires}"\n')
    guest.run("api", "list")
    assert read_request(servers[0])[2] == "Bearer hfp_old"
    context = name_from_url(url)
    assert [entry["name"] for entry in guest.run("context", "list", "--json").json["list"]] == [context]
    sign_in(guest, servers[1], "--context", "b")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    guest.run("logout", "--context", context)
    assert list_revoked_tokens(*servers) == (["Bearer hfp_old"] if ends else [])


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
    message = guest.fail("login", "https://a.example", "--context", name or " ", "--token-stdin", code=2, stdin="x\n")
    assert "isn't a valid context name." in message


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
    assert [contexts.find_name(f"https://{name}") for name in "abc"] == ["2", "3", ""]
