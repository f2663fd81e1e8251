"""`holdfast login` keeps who asks whom, for its owner alone, and sends it to nobody else."""

import json
import platform
import stat
from datetime import UTC, datetime, timedelta

import pytest

from cli.answering import answering
from cli.commanding import Command
from holdfast.cli.access import tokens as tokens_kept
from holdfast.cli.requests.contexts import PublisherContext, credentials_file, keep_context, name_from_url
from holdfast.cli.requests.publisher import Credentials, Publisher
from issuing import issue, server_context
from ports import free_addresses

LATER = datetime.now(UTC) + timedelta(days=30)
# What `answering` says to everything that login asks.
MADE = {"scopes": ["apim:api_view"], "list": [], "token": "hfp_new", "expiresTime": LATER.isoformat()}
BODY = json.dumps(MADE | {"name": "berta", "organization": "default", "roles": ["admin"]}).encode()
DAMAGED = 'url = "https://a"\nuser = "b"\ntoken = "c"\nexpires = "never"\n'


def kept(command: Command):
    return credentials_file(command.environment)


def token(shown="hfp_kept", expires_at=LATER, by_login=True):
    return Credentials("berta", token=shown, expires_at=expires_at, by_login=by_login)


def keep(publisher, who, environment):
    keep_context(name_from_url(publisher.url), PublisherContext(publisher, who), environment)


@pytest.fixture
def signed_in(alone):
    """The command of somebody who has signed in to a publisher that is not there any more."""
    keep(Publisher("https://publisher.example"), token(), alone.environment)
    return alone


@pytest.mark.envoy
def test_login_with_a_password_on_standard_input_is_kept_for_the_next_commands(alone, holdfast):
    url, password = holdfast.publisher_url, holdfast.admin_password
    ended = alone.process("login", f"{url}/", "--user", "admin", "--password-stdin", stdin=f"{password}\n")
    assert (ended.code, ended.errors) == (0, "")
    end = f"{datetime.now(UTC) + timedelta(days=90):%Y-%m-%d}"
    name = url.removeprefix("http://").replace(":", "-")
    assert ended.output == f"Signed in to {url} as admin, until {end} (context {name}, kept in {kept(alone)}).\n"
    assert stat.S_IMODE(kept(alone).stat().st_mode) == 0o600
    assert stat.S_IMODE(kept(alone).parent.stat().st_mode) == 0o700
    assert password not in kept(alone).read_text()
    asked = alone.process("whoami", "--json").json
    assert (asked["url"], asked["user"], asked["organization"], asked["roles"]) == (url, "admin", "default", ["admin"])
    assert (asked["context"], asked["method"], asked["file"]) == (name, "token", str(kept(alone)))
    assert asked["token"]["name"].startswith(f"holdfast login, {platform.node()[:20]}")
    assert alone.process("api", "list").output == "There are no APIs.\n"


@pytest.mark.envoy
def test_a_password_that_is_typed_is_not_shown(alone, holdfast):
    typed = f"admin\n{holdfast.admin_password}\n"
    ended = alone.done("login", holdfast.publisher_url, stdin=typed)
    assert holdfast.admin_password not in ended.output + ended.errors
    assert alone.done("whoami").output.splitlines()[2].split() == ["User", "admin"]


@pytest.mark.envoy
def test_a_wrong_password_is_said_and_not_kept(alone, holdfast):
    arguments = ("login", holdfast.publisher_url, "--user", "otto", "--password-stdin")
    said = alone.refused(*arguments, code=4, stdin="wrong horse\n")
    assert said.startswith("holdfast: The user name or the password is wrong. (GET /tokens: 401)\nRun `holdfast login`")
    assert "wrong horse" not in said
    assert not kept(alone).exists()


def tokens(holdfast):
    """The tokens of admin that login has made, by their ids."""
    found = holdfast.rest.get("/tokens").json()["list"]
    return {each["id"]: each for each in found if each["name"].startswith("holdfast login, ")}


def sign_in(command, holdfast, *arguments):
    password = f"{holdfast.admin_password}\n"
    return command.done(
        "login", holdfast.publisher_url, "--user", "admin", "--password-stdin", *arguments, stdin=password
    )


@pytest.mark.envoy
def test_logout_ends_the_token_and_forgets_it(alone, holdfast):
    before = tokens(holdfast)
    sign_in(alone, holdfast)
    (made,) = tokens(holdfast).keys() - before.keys()
    assert tokens(holdfast)[made]["scopes"] == holdfast.rest.get("/tokens").json()["scopes"]
    assert alone.done("logout").output == f"Signed out of {holdfast.publisher_url}; the token is revoked.\n"
    assert tokens(holdfast) == before
    assert not kept(alone).exists()
    assert alone.done("logout").output == "You weren't signed in.\n"
    assert "Run `holdfast login`" in alone.refused("api", "list", code=4)


@pytest.mark.envoy
def test_a_new_login_ends_the_token_of_the_one_before(alone, holdfast):
    before = tokens(holdfast)
    for _ in range(3):  # within a second: names differ all the same
        sign_in(alone, holdfast)
    assert len(tokens(holdfast)) == len(before) + 1
    alone.done("api", "list")
    kept(alone).chmod(0o644)
    sign_in(alone, holdfast)
    assert len(tokens(holdfast)) == len(before) + 1
    alone.done("logout")


@pytest.mark.envoy
def test_a_token_that_was_revoked_on_the_page_is_said(alone, holdfast):
    before = tokens(holdfast)
    sign_in(alone, holdfast)
    (made,) = tokens(holdfast).keys() - before.keys()
    holdfast.rest.delete(f"/tokens/{made}")
    said = alone.refused("api", "list", code=4)
    assert "does not accept the token that `holdfast login` kept: it has ended, was revoked," in said
    assert f"Run `holdfast login {holdfast.publisher_url}`." in said
    assert alone.done("logout").output == f"Signed out of {holdfast.publisher_url}.\n"


@pytest.mark.envoy
def test_a_token_of_the_page_is_kept_without_a_password(alone, holdfast):
    body = {"name": "mine", "scopes": ["apim:api_view"], "expiresTime": LATER.isoformat()}
    secret = holdfast.rest.post("/tokens", json=body).json()["token"]
    arguments = ("login", holdfast.publisher_url, "--token-stdin")
    for _ in range(2):  # the same token again is not ended
        said = alone.done(*arguments, stdin=f"{secret}\n").output
        assert said.startswith(f"Signed in to {holdfast.publisher_url} as admin, until {LATER:%Y-%m-%d} ")
    lines = [" ".join(line.split()) for line in alone.done("whoami").output.splitlines()]
    assert lines[-3:] == [f"Token kept in {kept(alone)}", "Called mine", f"Until {LATER:%Y-%m-%d %H:%M} UTC"]
    assert "apim:api_create" not in str(alone.done("whoami", "--json").json["token"])
    said = alone.done("logout").output
    assert said.endswith(f" Login didn't make the token, so it stays valid until {LATER:%Y-%m-%d}.\n")
    alone.done(*arguments, stdin=f"{secret}\n")
    # Nor does it end when another takes its place.
    sign_in(alone, holdfast)
    assert alone.done("whoami", "--json", HOLDFAST_TOKEN=secret, HOLDFAST_URL=holdfast.publisher_url).json["token"]
    alone.done("logout")


@pytest.mark.parametrize("given", ["", "\n", "x" * 2000])
def test_standard_input_without_a_token_is_said(alone, given):
    assert "begins with no token" in alone.refused("login", "--token-stdin", code=2, stdin=given)


def test_where_nobody_can_type_a_password_that_is_said(alone):
    ended = alone.process("login", "http://127.0.0.1:9", "--user", "berta")
    assert (ended.code, ended.output) == (1, "")
    assert ended.errors.splitlines()[-1].startswith("holdfast: No password was given, so nothing was done.")
    assert "GetPassWarning" not in ended.errors


@pytest.mark.parametrize("beside", [("--user", "a"), ("--password-stdin",)])
def test_a_token_goes_with_nothing_else(alone, beside):
    assert "Leave out --user and --password-stdin." in alone.refused("login", "--token-stdin", *beside, code=2)


def test_a_token_that_cannot_be_ended_is_said_and_forgotten(alone):
    (address,) = free_addresses(1)
    keep(Publisher(f"http://{address}"), token(), alone.environment)
    ended = alone("logout")
    assert (ended.code, ended.output) == (3, f"Signed out of http://{address}.\n")
    assert f"The stored token wasn't revoked: http://{address} cannot be reached" in ended.errors
    assert ended.errors.endswith(f"It stays valid until {LATER:%Y-%m-%d %H:%M} UTC; revoke it on the page Tokens.\n")
    assert not kept(alone).exists()


def test_a_new_login_says_that_the_token_of_before_is_not_ended(alone, monkeypatch):
    monkeypatch.setattr(tokens_kept, "TOLD_WITHIN", 0.0)  # the publisher that is told answers too late
    with answering(body=BODY) as server:
        keep(Publisher(server.url), token(), alone.environment)
        ended = alone.done("login", server.url, "--user", "berta", "--password-stdin", stdin="secret\n")
    assert f"The stored token wasn't revoked: {server.url} " in ended.errors
    assert "hfp_new" in kept(alone).read_text()
    assert "hfp_" not in ended.output + ended.errors


def test_a_token_that_cannot_be_kept_is_ended(alone):
    alone.home.joinpath("config").write_text("a file where a directory should be")
    with answering(body=BODY) as server:
        said = alone.refused("login", server.url, "--user", "berta", "--password-stdin", stdin="secret\n")
        last = server.asked[-1]
    assert "cannot be written" in said
    assert (last.method, last.headers["Authorization"]) == ("DELETE", "Bearer hfp_new")
    assert last.path.endswith("/tokens/current")


def test_a_token_that_has_expired_is_said(alone):
    ended = datetime.now(UTC) - timedelta(minutes=1)
    with answering(status=401, body=b"{}") as server:
        keep(Publisher(server.url), token(expires_at=ended), alone.environment)
        said = alone.refused("api", "list", code=4)
    when = f"{ended:%Y-%m-%d %H:%M} UTC"
    assert (
        said == f"holdfast: The token that `holdfast login` kept ended on {when}. Run `holdfast login {server.url}`.\n"
    )


def test_a_password_that_an_earlier_version_kept_is_not_used(signed_in):
    file = kept(signed_in)
    file.write_text('url = "https://publisher.example"\nuser = "berta"\npassword = "hunter2"\n')
    said = signed_in.refused("api", "list", code=4)
    assert said == f"holdfast: {file} holds a password, as earlier versions kept it. Run `holdfast login` again.\n"
    assert signed_in.done("logout").output == "Signed out.\n"


def test_a_kept_token_is_sent_as_bearer(alone):
    with answering() as server:
        keep(Publisher(server.url), token("abc'\\\"#"), alone.environment)
        alone.done("api", "list")
        assert server.asked[0].headers["Authorization"] == "Bearer abc'\\\"#"


def test_a_kept_token_is_sent_to_no_other_url(signed_in):
    with answering() as server:
        said = signed_in.refused("api", "list", code=4, HOLDFAST_URL=server.url)
        assert server.asked == []
    assert said == f"holdfast: Nobody is signed in to {server.url}. Run `holdfast login {server.url}`.\n"


def test_a_token_of_the_environment_wins(signed_in):
    with answering(body=BODY) as server:
        signed_in.done("api", "list", HOLDFAST_URL=server.url, HOLDFAST_TOKEN="abc.def")
        assert server.asked[0].headers["Authorization"] == "Bearer abc.def"
        asked = signed_in.done("whoami", "--json", HOLDFAST_URL=server.url, HOLDFAST_TOKEN="abc.def").json
    assert (asked["url"], asked["method"], asked["file"]) == (server.url, "token", None)


def test_a_token_with_a_line_end_is_refused_in_words(alone):
    said = alone.refused("whoami", code=2, HOLDFAST_TOKEN="abc\nX-Evil: 1")
    assert said == "holdfast: The token contains characters that tokens can't have. Copy it again.\n"


def test_user_and_password_of_the_environment_go_together(alone):
    assert "Set both, or neither." in alone.refused("whoami", code=2, HOLDFAST_USER="berta")


def test_credentials_are_not_sent_on_to_where_a_publisher_redirects(alone):
    with answering() as other, answering(status=307, headers={"Location": other.url}, body=b"") as server:
        said = alone.refused("api", "list", code=3, HOLDFAST_URL=server.url, HOLDFAST_TOKEN="abc")
        assert other.asked == []
    assert said == f"holdfast: {server.url} sends us elsewhere. Sign in with the URL that it really has.\n"


@pytest.mark.parametrize(
    "url", ["http://publisher.example", "http://192.0.2.1:9080", "http://127.0.0.1.example", "http://[2001:db8::1]"]
)
def test_http_beyond_this_machine_is_refused(alone, url):
    said = alone.refused("login", url, "--user", "berta", "--password-stdin", code=2, stdin="secret\n")
    assert said.startswith(f"holdfast: {url} is not encrypted: everybody on the way could read the password.")
    assert alone.refused("api", "list", code=2, HOLDFAST_URL=url, HOLDFAST_TOKEN="abc") == said


def test_http_beyond_this_machine_is_possible_for_those_who_insist(alone):
    # Nobody answers at this address, which is for documentation; that it was asked is what counts.
    (address,) = free_addresses(1)
    arguments = ("login", f"http://localhost.localdomain.invalid:{address.rpartition(':')[2]}", "--user", "berta")
    said = alone.refused(*arguments, "--password-stdin", "--insecure-http", code=3, stdin="secret\n")
    assert "cannot be reached" in said


@pytest.mark.parametrize(
    "url",
    [
        "publisher.example",
        "ftp://publisher.example",
        "https://",
        "https://a?b=c",
        "https://a b",
        "https://[",
        "https://a:b",
        f"https://{'a' * 64}.example",
        "https://a..example",
        "https://xn--",
        "https://a\x00b",
    ],
)
def test_what_is_no_url_is_said(alone, url):
    said = alone.refused("login", url, "--user", "berta", code=2)
    assert "is not the URL of a publisher." in said
    assert "Write it like https://publisher.example." in said


def test_a_password_in_a_url_is_refused_and_not_repeated(alone):
    said = alone.refused("login", "https://berta:hunter2@publisher.example", "--user", "berta", code=2)
    assert "hunter2" not in said


def test_a_file_that_others_can_read_is_refused(signed_in):
    kept(signed_in).chmod(0o640)
    said, file = signed_in.refused("whoami"), kept(signed_in)
    assert said == f"holdfast: Others can read {file}. Run `holdfast login` again, which revokes its token.\n"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_the_token_of_a_file_that_others_can_change_is_sent_nowhere(alone, mode):
    with answering(body=BODY) as server, answering(body=BODY) as other:
        keep(Publisher(other.url), token(), alone.environment)
        kept(alone).chmod(mode)
        assert f"Others can change {kept(alone)}." in alone.refused("whoami")
        ended = alone.done("login", server.url, "--user", "berta", "--password-stdin", stdin="secret\n")
        assert f"The stored token wasn't revoked: Others can change {kept(alone)}." in ended.errors
        kept(alone).chmod(mode)
        assert "Others can change" in alone.refused("logout")
        assert not kept(alone).exists()
        assert other.asked == []


@pytest.mark.parametrize("content", ["{", "url = 1", "", 'url = "https://a"', DAMAGED, "\xff"])
def test_a_damaged_file_is_said(signed_in, content):
    kept(signed_in).write_bytes(content.encode("latin-1"))
    assert signed_in.refused("whoami") == f"holdfast: {kept(signed_in)} is damaged. Run `holdfast login` again.\n"


def test_a_publisher_that_is_not_there_is_said(alone):
    (address,) = free_addresses(1)
    said = alone.refused("api", "list", code=3, HOLDFAST_URL=f"http://{address}", HOLDFAST_TOKEN="abc")
    assert said.startswith(f"holdfast: http://{address} cannot be reached (")


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>"), (200, b"[]"), (200, b"{}"), (500, b"<html>"), (404, b""), (200, b"\xff")]
)
def test_what_is_no_holdfast_is_said(alone, status, body):
    with answering(status=status, body=body) as server:
        said = alone.refused("api", "list", code=3, HOLDFAST_URL=server.url, HOLDFAST_TOKEN="abc")
    assert "not as a Holdfast does. Look at its URL." in said


def test_the_certificate_of_a_publisher_is_verified(alone, tmp_path):
    backend = issue("127.0.0.1")
    file = tmp_path / "ca.pem"
    file.write_bytes(backend.pem)
    with answering(tls=server_context(backend), body=BODY) as server:
        environment = {"HOLDFAST_URL": server.url, "HOLDFAST_TOKEN": "abc"}
        said = alone.refused("api", "list", code=3, **environment)
        assert server.asked == []
        alone.done("api", "list", **environment, HOLDFAST_CA_FILE=str(file))
        login = ("login", server.url, "--user", "berta", "--password-stdin", "--ca-file", str(file))
        alone.done(*login, stdin="secret\n")
        alone.done("api", "list")
    assert said.startswith(f"holdfast: The certificate of {server.url} is refused: self-signed certificate.")
    assert said.endswith("name that CA with --ca-file.\n")


@pytest.mark.parametrize("name", ["missing.pem", "key.pem"])
def test_a_ca_file_that_is_none_is_said(alone, tmp_path, name):
    (tmp_path / "key.pem").write_bytes(issue("a").key_pem)
    said = alone.refused("whoami", HOLDFAST_TOKEN="abc", HOLDFAST_CA_FILE=str(tmp_path / name))
    assert "with --ca-file." in said


def test_no_command_takes_a_password_as_an_argument(alone):
    reading = ("login", "certificate add", "certificate replace", "certificate inspect", "user create", "user password")
    for command in (*reading, "organization create"):
        options = {word for word in alone.done(*command.split(), "--help").output.split() if word.startswith("--pass")}
        assert options == {"--password-stdin"}
