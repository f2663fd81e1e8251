"""`holdfast login` stores credentials readable only by their owner, and sends them only to their publisher."""

import json
import platform
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
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
# The response of `answering` to every request of login.
MADE = {"scopes": ["apim:api_view"], "list": [], "token": "hfp_new", "expiresTime": LATER.isoformat()}
BODY = json.dumps(MADE | {"name": "berta", "organization": "default", "roles": ["admin"]}).encode()
NO_TERMINAL = "Password of berta: there is no terminal to enter it. Use --password-stdin."
DAMAGED = 'url = "https://a"\nuser = "b"\ntoken = "c"\nexpires = "never"\n'


def kept(command: Command):
    return credentials_file(command.environment)


def token(shown="hfp_kept", expires_at=LATER, by_login=True):
    return Credentials("berta", token=shown, expires_at=expires_at, by_login=by_login)


def keep(publisher, who, environment):
    keep_context(name_from_url(publisher.url), PublisherContext(publisher, who), environment)


@pytest.fixture
def signed_in(guest):
    """The command of a user who is signed in to a publisher that is gone."""
    keep(Publisher("https://publisher.example"), token(), guest.environment)
    return guest


@pytest.mark.envoy
def test_login_with_a_password_on_standard_input_stores_a_token_for_later_commands(guest, holdfast):
    url, password = holdfast.publisher_url, holdfast.admin_password
    ended = guest.process("login", f"{url}/", "--user", "admin", "--password-stdin", stdin=f"{password}\n")
    assert (ended.code, ended.errors) == (0, "")
    end = f"{datetime.now(UTC) + timedelta(days=90):%Y-%m-%d}"
    name = url.removeprefix("http://").replace(":", "-")
    assert ended.output == f"Signed in to {url} as admin until {end} (context {name}, stored in {kept(guest)}).\n"
    assert stat.S_IMODE(kept(guest).stat().st_mode) == 0o600
    assert stat.S_IMODE(kept(guest).parent.stat().st_mode) == 0o700
    assert password not in kept(guest).read_text()
    asked = guest.process("whoami", "--json").json
    assert (asked["url"], asked["user"], asked["organization"], asked["roles"]) == (url, "admin", "default", ["admin"])
    assert (asked["context"], asked["method"], asked["file"]) == (name, "token", str(kept(guest)))
    assert asked["token"]["name"].startswith(f"holdfast login, {platform.node()[:20]}")
    assert guest.process("api", "list").output == "No APIs.\n"


@pytest.mark.envoy
def test_a_typed_password_is_not_printed(guest, holdfast):
    typed = f"admin\n{holdfast.admin_password}\n"
    ended = guest.done("login", holdfast.publisher_url, stdin=typed)
    assert holdfast.admin_password not in ended.output + ended.errors
    assert guest.done("whoami").output.splitlines()[2].split() == ["User", "admin"]


@pytest.mark.envoy
def test_a_wrong_password_is_reported_and_not_stored(guest, holdfast):
    arguments = ("login", holdfast.publisher_url, "--user", "otto", "--password-stdin")
    said = guest.refused(*arguments, code=4, stdin="wrong horse\n")
    assert said.startswith("holdfast: The user name or password is wrong. (GET /tokens: 401)\nCheck both")
    assert "wrong horse" not in said
    assert not kept(guest).exists()


def tokens(holdfast):
    """Return the tokens of admin that login created, by ID."""
    found = holdfast.rest.get("/tokens").json()["list"]
    return {each["id"]: each for each in found if each["name"].startswith("holdfast login, ")}


def sign_in(command, holdfast, *arguments):
    password = f"{holdfast.admin_password}\n"
    return command.done(
        "login", holdfast.publisher_url, "--user", "admin", "--password-stdin", *arguments, stdin=password
    )


@pytest.mark.envoy
def test_logout_revokes_and_deletes_the_token(guest, holdfast):
    before = tokens(holdfast)
    sign_in(guest, holdfast)
    (made,) = tokens(holdfast).keys() - before.keys()
    assert tokens(holdfast)[made]["scopes"] == holdfast.rest.get("/tokens").json()["scopes"]
    assert guest.done("logout").output == f"Signed out of {holdfast.publisher_url} and revoked the token.\n"
    assert tokens(holdfast) == before
    assert not kept(guest).exists()
    assert guest.done("logout").output == "You weren't signed in.\n"
    assert "Run `holdfast login`" in guest.refused("api", "list", code=4)


@pytest.mark.envoy
def test_a_new_login_revokes_the_previous_token(guest, holdfast):
    before = tokens(holdfast)
    for _ in range(3):  # names differ even within a second
        sign_in(guest, holdfast)
    assert len(tokens(holdfast)) == len(before) + 1
    guest.done("api", "list")
    kept(guest).chmod(0o644)
    sign_in(guest, holdfast)
    assert len(tokens(holdfast)) == len(before) + 1
    guest.done("logout")


@pytest.mark.envoy
def test_a_token_revoked_on_the_page_is_reported(guest, holdfast):
    before = tokens(holdfast)
    sign_in(guest, holdfast)
    (made,) = tokens(holdfast).keys() - before.keys()
    holdfast.rest.delete(f"/tokens/{made}")
    said = guest.refused("api", "list", code=4)
    assert "rejected the stored token: it expired, was revoked," in said
    assert f"Run `holdfast login {holdfast.publisher_url}`." in said
    assert guest.done("logout").output == f"Signed out of {holdfast.publisher_url}.\n"


@pytest.mark.envoy
def test_a_token_from_the_page_is_stored_without_a_password(guest, holdfast):
    body = {"name": "mine", "scopes": ["apim:api_view"], "expiresTime": LATER.isoformat()}
    secret = holdfast.rest.post("/tokens", json=body).json()["token"]
    arguments = ("login", holdfast.publisher_url, "--token-stdin")
    for _ in range(2):  # storing the same token again does not revoke it
        said = guest.done(*arguments, stdin=f"{secret}\n").output
        assert said.startswith(f"Signed in to {holdfast.publisher_url} as admin until {LATER:%Y-%m-%d} ")
    lines = [" ".join(line.split()) for line in guest.done("whoami").output.splitlines()]
    assert lines[-3:] == [
        f"Token stored in {kept(guest)}",
        "Token name mine",
        f"Expires {LATER:%Y-%m-%d %H:%M} UTC",
    ]
    assert "apim:api_create" not in str(guest.done("whoami", "--json").json["token"])
    said = guest.done("logout").output
    assert said.endswith(f" Login didn't create the token, so it stays valid until {LATER:%Y-%m-%d}.\n")
    guest.done(*arguments, stdin=f"{secret}\n")
    # Replacing it does not revoke it, either.
    sign_in(guest, holdfast)
    assert guest.done("whoami", "--json", HOLDFAST_TOKEN=secret, HOLDFAST_URL=holdfast.publisher_url).json["token"]
    guest.done("logout")


@pytest.mark.parametrize("given", ["", "\n", "x" * 2000])
def test_standard_input_without_a_token_is_reported(guest, given):
    assert "Expected a token" in guest.refused("login", "--token-stdin", code=2, stdin=given)


def test_a_missing_password_is_reported_without_a_terminal(guest):
    ended = guest.process("login", "http://127.0.0.1:9", "--user", "berta")
    assert (ended.code, ended.output) == (1, "")
    prompt, refusal = ended.errors.splitlines()
    assert (prompt, refusal) == ("Password of berta:", f"holdfast: {NO_TERMINAL}")


@pytest.mark.parametrize("others", [("--user", "a"), ("--password-stdin",)])
def test_a_token_cannot_be_combined_with_a_user_or_password(guest, others):
    assert "can't be combined with --user or --password-stdin." in guest.refused(
        "login", "--token-stdin", *others, code=2
    )


def test_a_token_that_cannot_be_revoked_is_reported_and_deleted(guest):
    (address,) = free_addresses(1)
    keep(Publisher(f"http://{address}"), token(), guest.environment)
    ended = guest("logout")
    assert (ended.code, ended.output) == (3, f"Signed out of http://{address}.\n")
    assert f"The stored token wasn't revoked: Can't reach http://{address}:" in ended.errors
    assert ended.errors.endswith(f"It stays valid until {LATER:%Y-%m-%d %H:%M} UTC. Revoke it on the Tokens page.\n")
    assert not kept(guest).exists()


def test_a_new_login_reports_that_the_previous_token_was_not_revoked(guest, monkeypatch):
    monkeypatch.setattr(tokens_kept, "REVOCATION_TIMEOUT", 0.0)  # the publisher responds too late
    with answering(body=BODY) as server:
        keep(Publisher(server.url), token(), guest.environment)
        ended = guest.done("login", server.url, "--user", "berta", "--password-stdin", stdin="secret\n")
    assert f"The stored token wasn't revoked: Can't reach {server.url}:" in ended.errors
    assert "hfp_new" in kept(guest).read_text()
    assert "hfp_" not in ended.output + ended.errors


def test_a_token_that_cannot_be_stored_is_revoked(guest):
    guest.home.joinpath("config").write_text("a file where a directory should be")
    with answering(body=BODY) as server:
        said = guest.refused("login", server.url, "--user", "berta", "--password-stdin", stdin="secret\n")
        last = server.asked[-1]
    assert "Can't write" in said
    assert (last.method, last.headers["Authorization"]) == ("DELETE", "Bearer hfp_new")
    assert last.path.endswith("/tokens/current")


def test_an_expired_token_is_reported(guest):
    ended = datetime.now(UTC) - timedelta(minutes=1)
    with answering(status=401, body=b"{}") as server:
        keep(Publisher(server.url), token(expires_at=ended), guest.environment)
        said = guest.refused("api", "list", code=4)
    when = f"{ended:%Y-%m-%d %H:%M} UTC"
    assert said == f"holdfast: The stored token expired on {when}. Run `holdfast login {server.url}`.\n"


def test_a_password_stored_by_an_earlier_version_is_not_used(signed_in):
    file = kept(signed_in)
    file.write_text('url = "https://publisher.example"\nuser = "berta"\npassword = "hunter2"\n')
    said = signed_in.refused("api", "list", code=4)
    assert said == f"holdfast: {file} is from an earlier version and contains a password. Run `holdfast login` again.\n"
    assert signed_in.done("logout").output == "Signed out.\n"


def test_a_stored_token_is_sent_as_bearer(guest):
    with answering() as server:
        keep(Publisher(server.url), token("abc'\\\"#"), guest.environment)
        guest.done("api", "list")
        assert server.asked[0].headers["Authorization"] == "Bearer abc'\\\"#"


def test_a_stored_token_is_sent_only_to_its_url(signed_in):
    with answering() as server:
        said = signed_in.refused("api", "list", code=4, HOLDFAST_URL=server.url)
        assert server.asked == []
    assert said == f"holdfast: You aren't signed in to {server.url}. Run `holdfast login {server.url}`.\n"


def test_a_token_in_the_environment_takes_precedence(signed_in):
    with answering(body=BODY) as server:
        signed_in.done("api", "list", HOLDFAST_URL=server.url, HOLDFAST_TOKEN="abc.def")
        assert server.asked[0].headers["Authorization"] == "Bearer abc.def"
        asked = signed_in.done("whoami", "--json", HOLDFAST_URL=server.url, HOLDFAST_TOKEN="abc.def").json
    assert (asked["url"], asked["method"], asked["file"]) == (server.url, "token", None)


def test_a_token_with_a_line_end_is_rejected(guest):
    said = guest.refused("whoami", code=2, HOLDFAST_TOKEN="abc\nX-Evil: 1")
    assert said == "holdfast: The token contains characters that tokens can't have. Copy it again.\n"


def test_user_and_password_in_the_environment_require_each_other(guest):
    assert "Set both HOLDFAST_USER and HOLDFAST_PASSWORD, or neither." in guest.refused(
        "whoami", code=2, HOLDFAST_USER="berta"
    )


def test_credentials_do_not_follow_redirects(guest):
    with answering() as other, answering(status=307, headers={"Location": other.url}, body=b"") as server:
        said = guest.refused("api", "list", code=3, HOLDFAST_URL=server.url, HOLDFAST_TOKEN="abc")
        assert other.asked == []
    assert said == f"holdfast: {server.url} redirects to another URL. Sign in with that URL.\n"


@pytest.mark.parametrize(
    "url", ["http://publisher.example", "http://192.0.2.1:9080", "http://127.0.0.1.example", "http://[2001:db8::1]"]
)
def test_http_to_another_machine_is_rejected(guest, url):
    said = guest.refused("login", url, "--user", "berta", "--password-stdin", code=2, stdin="secret\n")
    assert said.startswith(f"holdfast: {url} isn't encrypted, so others on the network could read your password.")
    assert guest.refused("api", "list", code=2, HOLDFAST_URL=url, HOLDFAST_TOKEN="abc") == said


def test_http_to_another_machine_is_possible_with_insecure_http(guest):
    # This host name never resolves; the test only checks that the command tries to connect.
    (address,) = free_addresses(1)
    arguments = ("login", f"http://localhost.localdomain.invalid:{address.rpartition(':')[2]}", "--user", "berta")
    said = guest.refused(*arguments, "--password-stdin", "--insecure-http", code=3, stdin="secret\n")
    assert "Can't reach" in said


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
def test_an_invalid_url_is_reported(guest, url):
    said = guest.refused("login", url, "--user", "berta", code=2)
    assert "isn't a publisher URL." in said
    assert "Use a form such as https://publisher.example." in said


def test_a_password_in_a_url_is_rejected_and_not_printed(guest):
    said = guest.refused("login", "https://berta:hunter2@publisher.example", "--user", "berta", code=2)
    assert "hunter2" not in said


def test_a_file_that_other_users_can_read_is_rejected(signed_in):
    kept(signed_in).chmod(0o640)
    said, file = signed_in.refused("whoami"), kept(signed_in)
    assert said == f"holdfast: Other users can read {file}. Run `holdfast login` again, which revokes its token.\n"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_the_token_in_a_file_that_other_users_can_change_is_not_sent(guest, mode):
    with answering(body=BODY) as server, answering(body=BODY) as other:
        keep(Publisher(other.url), token(), guest.environment)
        kept(guest).chmod(mode)
        assert f"Other users can change {kept(guest)}." in guest.refused("whoami")
        ended = guest.done("login", server.url, "--user", "berta", "--password-stdin", stdin="secret\n")
        assert f"The stored token wasn't revoked: Other users can change {kept(guest)}." in ended.errors
        kept(guest).chmod(mode)
        assert "Other users can change" in guest.refused("logout")
        assert not kept(guest).exists()
        assert other.asked == []


@pytest.mark.parametrize("content", ["{", "url = 1", "", 'url = "https://a"', DAMAGED, "\xff"])
def test_a_damaged_file_is_reported(signed_in, content):
    kept(signed_in).write_bytes(content.encode("latin-1"))
    assert signed_in.refused("whoami") == f"holdfast: {kept(signed_in)} is damaged. Run `holdfast login` again.\n"


def end(connection):
    with connection:
        connection.recv(65536)


def test_an_unreachable_publisher_is_reported(guest):
    (address,) = free_addresses(1)
    said = guest.refused("api", "list", code=3, HOLDFAST_URL=f"http://{address}", HOLDFAST_TOKEN="abc")
    assert said.startswith(f"holdfast: Can't reach http://{address}: ")


def test_a_server_that_ends_an_http_connection_without_an_answer_may_serve_https(guest):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with ThreadPoolExecutor() as threads:
            ending = threads.submit(lambda: end(server.accept()[0]))
            said = guest.refused("api", "list", code=3, HOLDFAST_URL=url, HOLDFAST_TOKEN="abc")
            ending.result()
    assert said == (
        f"holdfast: Can't reach {url}: Server disconnected without sending a response. "
        "If the publisher serves https, use its https URL.\n"
    )


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>"), (200, b"[]"), (200, b"{}"), (500, b"<html>"), (404, b""), (200, b"\xff")]
)
def test_a_server_that_is_not_holdfast_is_reported(guest, status, body):
    with answering(status=status, body=body) as server:
        said = guest.refused("api", "list", code=3, HOLDFAST_URL=server.url, HOLDFAST_TOKEN="abc")
    assert "isn't a Holdfast publisher. Check the URL." in said


def test_the_certificate_of_a_publisher_is_verified(guest, tmp_path):
    backend = issue("127.0.0.1")
    file = tmp_path / "ca.pem"
    file.write_bytes(backend.pem)
    with answering(tls=server_context(backend), body=BODY) as server:
        environment = {"HOLDFAST_URL": server.url, "HOLDFAST_TOKEN": "abc"}
        said = guest.refused("api", "list", code=3, **environment)
        assert server.asked == []
        guest.done("api", "list", **environment, HOLDFAST_CA_FILE=str(file))
        login = ("login", server.url, "--user", "berta", "--password-stdin", "--ca-file", str(file))
        guest.done(*login, stdin="secret\n")
        guest.done("api", "list")
    assert said.startswith(f"holdfast: The certificate of {server.url} can't be verified: self-signed certificate.")
    assert said.endswith("pass the CA with --ca-file.\n")


@pytest.mark.parametrize("name", ["missing.pem", "key.pem"])
def test_an_invalid_ca_file_is_reported(guest, tmp_path, name):
    (tmp_path / "key.pem").write_bytes(issue("a").key_pem)
    said = guest.refused("whoami", HOLDFAST_TOKEN="abc", HOLDFAST_CA_FILE=str(tmp_path / name))
    assert "with --ca-file." in said


def test_no_command_takes_a_password_as_an_argument(guest):
    reading = ("login", "certificate add", "certificate replace", "certificate inspect", "user create", "user password")
    for command in (*reading, "organization create"):
        options = {word for word in guest.done(*command.split(), "--help").output.split() if word.startswith("--pass")}
        assert options == {"--password-stdin"}
