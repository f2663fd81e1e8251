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
from holdfast.cli.requests.contexts import PublisherContext, keep_context, locate_credentials_file, name_from_url
from holdfast.cli.requests.publisher import Credentials, Publisher
from issuing import issue, server_context
from ports import free_addresses

LATER = datetime.now(UTC) + timedelta(days=30)
# The response of `answering` to every request of login.
MADE = {"scopes": ["apim:api_view"], "list": [], "token": "hfp_new", "expiresTime": LATER.isoformat()}
BODY = json.dumps(MADE | {"name": "berta", "organization": "default", "roles": ["admin"]}).encode()
NO_TERMINAL = "Password of berta: there is no terminal to enter it. Use --password-stdin."
DAMAGED = 'url = "https://a"\nuser = "b"\ntoken = "c"\nexpires = "never"\n'


def find_file(command: Command):
    return locate_credentials_file(command.environment)


def make_token(text="hfp_kept", expires_at=LATER, by_login=True):
    return Credentials("berta", token=text, expires_at=expires_at, by_login=by_login)


def keep(publisher, who, environment):
    keep_context(name_from_url(publisher.url), PublisherContext(publisher, who), environment)


@pytest.fixture
def signed_in(guest):
    """The command of a user who is signed in to a publisher that is gone."""
    keep(Publisher("https://publisher.example"), make_token(), guest.environment)
    return guest


@pytest.mark.envoy
def test_login_with_a_password_on_standard_input_stores_a_token_for_later_commands(guest, holdfast):
    url, password = holdfast.publisher_url, holdfast.admin_password
    result = guest.process("login", f"{url}/", "--user", "admin", "--password-stdin", stdin=f"{password}\n")
    assert (result.code, result.errors) == (0, "")
    end = f"{datetime.now(UTC) + timedelta(days=90):%Y-%m-%d}"
    name = url.removeprefix("http://").replace(":", "-")
    assert result.output == f"Signed in to {url} as admin until {end} (context {name}, stored in {find_file(guest)}).\n"
    assert stat.S_IMODE(find_file(guest).stat().st_mode) == 0o600
    assert stat.S_IMODE(find_file(guest).parent.stat().st_mode) == 0o700
    assert password not in find_file(guest).read_text()
    body = guest.process("whoami", "--json").json
    assert (body["url"], body["user"], body["organization"], body["roles"]) == (url, "admin", "default", ["admin"])
    assert (body["context"], body["method"], body["file"]) == (name, "token", str(find_file(guest)))
    assert body["token"]["name"].startswith(f"holdfast login, {platform.node()[:20]}")
    assert guest.process("api", "list").output == "No APIs.\n"


@pytest.mark.envoy
def test_a_typed_password_is_not_printed(guest, holdfast):
    text = f"admin\n{holdfast.admin_password}\n"
    result = guest.run("login", holdfast.publisher_url, stdin=text)
    assert holdfast.admin_password not in result.output + result.errors
    assert guest.run("whoami").output.splitlines()[2].split() == ["User", "admin"]


@pytest.mark.envoy
def test_a_wrong_password_is_reported_and_not_stored(guest, holdfast):
    arguments = ("login", holdfast.publisher_url, "--user", "otto", "--password-stdin")
    message = guest.fail(*arguments, code=4, stdin="wrong horse\n")
    assert message.startswith("holdfast: The user name or password is wrong. (GET /tokens: 401)\nCheck both")
    assert "wrong horse" not in message
    assert not find_file(guest).exists()


def list_tokens(holdfast):
    """Return the tokens of admin that login created, by ID."""
    rows = holdfast.rest.get("/tokens").json()["list"]
    return {row["id"]: row for row in rows if row["name"].startswith("holdfast login, ")}


def sign_in(command, holdfast, *arguments):
    password = f"{holdfast.admin_password}\n"
    return command.run(
        "login", holdfast.publisher_url, "--user", "admin", "--password-stdin", *arguments, stdin=password
    )


@pytest.mark.envoy
def test_logout_revokes_and_deletes_the_token(guest, holdfast):
    before = list_tokens(holdfast)
    sign_in(guest, holdfast)
    (new_id,) = list_tokens(holdfast).keys() - before.keys()
    assert list_tokens(holdfast)[new_id]["scopes"] == holdfast.rest.get("/tokens").json()["scopes"]
    assert guest.run("logout").output == f"Signed out of {holdfast.publisher_url} and revoked the token.\n"
    assert list_tokens(holdfast) == before
    assert not find_file(guest).exists()
    assert guest.run("logout").output == "You weren't signed in.\n"
    assert "Run `holdfast login`" in guest.fail("api", "list", code=4)


@pytest.mark.envoy
def test_a_new_login_revokes_the_previous_token(guest, holdfast):
    before = list_tokens(holdfast)
    for _ in range(3):  # names differ even within a second
        sign_in(guest, holdfast)
    assert len(list_tokens(holdfast)) == len(before) + 1
    guest.run("api", "list")
    find_file(guest).chmod(0o644)
    sign_in(guest, holdfast)
    assert len(list_tokens(holdfast)) == len(before) + 1
    guest.run("logout")


@pytest.mark.envoy
def test_a_token_revoked_on_the_page_is_reported(guest, holdfast):
    before = list_tokens(holdfast)
    sign_in(guest, holdfast)
    (new_id,) = list_tokens(holdfast).keys() - before.keys()
    holdfast.rest.delete(f"/tokens/{new_id}")
    message = guest.fail("api", "list", code=4)
    assert "rejected the stored token: it expired, was revoked," in message
    assert f"Run `holdfast login {holdfast.publisher_url}`." in message
    assert guest.run("logout").output == f"Signed out of {holdfast.publisher_url}.\n"


@pytest.mark.envoy
def test_a_token_from_the_page_is_stored_without_a_password(guest, holdfast):
    body = {"name": "mine", "scopes": ["apim:api_view"], "expiresTime": LATER.isoformat()}
    secret = holdfast.rest.post("/tokens", json=body).json()["token"]
    arguments = ("login", holdfast.publisher_url, "--token-stdin")
    for _ in range(2):  # storing the same token again does not revoke it
        output = guest.run(*arguments, stdin=f"{secret}\n").output
        assert output.startswith(f"Signed in to {holdfast.publisher_url} as admin until {LATER:%Y-%m-%d} ")
    lines = [" ".join(line.split()) for line in guest.run("whoami").output.splitlines()]
    assert lines[-3:] == [
        f"Token stored in {find_file(guest)}",
        "Token name mine",
        f"Expires {LATER:%Y-%m-%d %H:%M} UTC",
    ]
    assert "apim:api_create" not in str(guest.run("whoami", "--json").json["token"])
    output = guest.run("logout").output
    assert output.endswith(f" Login didn't create the token, so it stays valid until {LATER:%Y-%m-%d}.\n")
    guest.run(*arguments, stdin=f"{secret}\n")
    # Replacing it does not revoke it, either.
    sign_in(guest, holdfast)
    assert guest.run("whoami", "--json", HOLDFAST_TOKEN=secret, HOLDFAST_URL=holdfast.publisher_url).json["token"]
    guest.run("logout")


@pytest.mark.parametrize("text", ["", "\n", "x" * 2000])
def test_standard_input_without_a_token_is_reported(guest, text):
    assert "Expected a token" in guest.fail("login", "--token-stdin", code=2, stdin=text)


def test_a_missing_password_is_reported_without_a_terminal(guest):
    result = guest.process("login", "http://127.0.0.1:9", "--user", "berta")
    assert (result.code, result.output) == (1, "")
    prompt, refusal = result.errors.splitlines()
    assert (prompt, refusal) == ("Password of berta:", f"holdfast: {NO_TERMINAL}")


@pytest.mark.parametrize("options", [("--user", "a"), ("--password-stdin",)])
def test_a_token_cannot_be_combined_with_a_user_or_password(guest, options):
    assert "can't be combined with --user or --password-stdin." in guest.fail(
        "login", "--token-stdin", *options, code=2
    )


def test_a_token_that_cannot_be_revoked_is_reported_and_deleted(guest):
    (address,) = free_addresses(1)
    keep(Publisher(f"http://{address}"), make_token(), guest.environment)
    result = guest("logout")
    assert (result.code, result.output) == (3, f"Signed out of http://{address}.\n")
    assert f"The stored token wasn't revoked: Can't reach http://{address}:" in result.errors
    assert result.errors.endswith(f"It stays valid until {LATER:%Y-%m-%d %H:%M} UTC. Revoke it on the Tokens page.\n")
    assert not find_file(guest).exists()


def test_a_new_login_reports_that_the_previous_token_was_not_revoked(guest, monkeypatch):
    monkeypatch.setattr(tokens_kept, "REVOCATION_TIMEOUT", 0.0)  # the publisher responds too late
    with answering(body=BODY) as server:
        keep(Publisher(server.url), make_token(), guest.environment)
        result = guest.run("login", server.url, "--user", "berta", "--password-stdin", stdin="secret\n")
    assert f"The stored token wasn't revoked: Can't reach {server.url}:" in result.errors
    assert "hfp_new" in find_file(guest).read_text()
    assert "hfp_" not in result.output + result.errors


def test_a_token_that_cannot_be_stored_is_revoked(guest):
    guest.home.joinpath("config").write_text("a file where a directory should be")
    with answering(body=BODY) as server:
        message = guest.fail("login", server.url, "--user", "berta", "--password-stdin", stdin="secret\n")
        last = server.requests[-1]
    assert "Can't write" in message
    assert (last.method, last.headers["Authorization"]) == ("DELETE", "Bearer hfp_new")
    assert last.path.endswith("/tokens/current")


def test_an_expired_token_is_reported(guest):
    end = datetime.now(UTC) - timedelta(minutes=1)
    with answering(status=401, body=b"{}") as server:
        keep(Publisher(server.url), make_token(expires_at=end), guest.environment)
        message = guest.fail("api", "list", code=4)
    when = f"{end:%Y-%m-%d %H:%M} UTC"
    assert message == f"holdfast: The stored token expired on {when}. Run `holdfast login {server.url}`.\n"


def test_a_password_stored_by_an_earlier_version_is_not_used(signed_in):
    file = find_file(signed_in)
    file.write_text('url = "https://publisher.example"\nuser = "berta"\npassword = "hunter2"\n')
    message = signed_in.fail("api", "list", code=4)
    assert (
        message == f"holdfast: {file} is from an earlier version and contains a password. Run `holdfast login` again.\n"
    )
    assert signed_in.run("logout").output == "Signed out.\n"


def test_a_stored_token_is_sent_as_bearer(guest):
    with answering() as server:
        keep(Publisher(server.url), make_token("abc'\\\"#"), guest.environment)
        guest.run("api", "list")
        assert server.requests[0].headers["Authorization"] == "Bearer abc'\\\"#"


def test_a_stored_token_is_sent_only_to_its_url(signed_in):
    with answering() as server:
        message = signed_in.fail("api", "list", code=4, HOLDFAST_URL=server.url)
        assert server.requests == []
    assert message == f"holdfast: You aren't signed in to {server.url}. Run `holdfast login {server.url}`.\n"


def test_a_token_in_the_environment_takes_precedence(signed_in):
    with answering(body=BODY) as server:
        signed_in.run("api", "list", HOLDFAST_URL=server.url, HOLDFAST_TOKEN="abc.def")
        assert server.requests[0].headers["Authorization"] == "Bearer abc.def"
        body = signed_in.run("whoami", "--json", HOLDFAST_URL=server.url, HOLDFAST_TOKEN="abc.def").json
    assert (body["url"], body["method"], body["file"]) == (server.url, "token", None)


def test_a_token_with_a_line_end_is_rejected(guest):
    message = guest.fail("whoami", code=2, HOLDFAST_TOKEN="abc\nX-Evil: 1")
    assert message == "holdfast: The token contains characters that tokens can't have. Copy it again.\n"


def test_user_and_password_in_the_environment_require_each_other(guest):
    assert "Set both HOLDFAST_USER and HOLDFAST_PASSWORD, or neither." in guest.fail(
        "whoami", code=2, HOLDFAST_USER="berta"
    )


def test_credentials_do_not_follow_redirects(guest):
    with answering() as target, answering(status=307, headers={"Location": target.url}, body=b"") as server:
        message = guest.fail("api", "list", code=3, HOLDFAST_URL=server.url, HOLDFAST_TOKEN="abc")
        assert target.requests == []
    assert message == f"holdfast: {server.url} redirects to another URL. Sign in with that URL.\n"


@pytest.mark.parametrize(
    "url", ["http://publisher.example", "http://192.0.2.1:9080", "http://127.0.0.1.example", "http://[2001:db8::1]"]
)
def test_http_to_another_machine_is_rejected(guest, url):
    message = guest.fail("login", url, "--user", "berta", "--password-stdin", code=2, stdin="secret\n")
    assert message.startswith(f"holdfast: {url} isn't encrypted, so others on the network could read your password.")
    assert guest.fail("api", "list", code=2, HOLDFAST_URL=url, HOLDFAST_TOKEN="abc") == message


def test_http_to_another_machine_is_possible_with_insecure_http(guest):
    # This host name never resolves; the test only checks that the command tries to connect.
    (address,) = free_addresses(1)
    arguments = ("login", f"http://localhost.localdomain.invalid:{address.rpartition(':')[2]}", "--user", "berta")
    message = guest.fail(*arguments, "--password-stdin", "--insecure-http", code=3, stdin="secret\n")
    assert "Can't reach" in message


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
    message = guest.fail("login", url, "--user", "berta", code=2)
    assert "isn't a publisher URL." in message
    assert "Use a form such as https://publisher.example." in message


def test_a_password_in_a_url_is_rejected_and_not_printed(guest):
    message = guest.fail("login", "https://berta:hunter2@publisher.example", "--user", "berta", code=2)
    assert "hunter2" not in message


def test_a_file_that_other_users_can_read_is_rejected(signed_in):
    find_file(signed_in).chmod(0o640)
    message, file = signed_in.fail("whoami"), find_file(signed_in)
    assert message == f"holdfast: Other users can read {file}. Run `holdfast login` again, which revokes its token.\n"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_the_token_in_a_file_that_other_users_can_change_is_not_sent(guest, mode):
    with answering(body=BODY) as server, answering(body=BODY) as stranger:
        keep(Publisher(stranger.url), make_token(), guest.environment)
        find_file(guest).chmod(mode)
        assert f"Other users can change {find_file(guest)}." in guest.fail("whoami")
        result = guest.run("login", server.url, "--user", "berta", "--password-stdin", stdin="secret\n")
        assert f"The stored token wasn't revoked: Other users can change {find_file(guest)}." in result.errors
        find_file(guest).chmod(mode)
        assert "Other users can change" in guest.fail("logout")
        assert not find_file(guest).exists()
        assert stranger.requests == []


@pytest.mark.parametrize("content", ["{", "url = 1", "", 'url = "https://a"', DAMAGED, "\xff"])
def test_a_damaged_file_is_reported(signed_in, content):
    find_file(signed_in).write_bytes(content.encode("latin-1"))
    assert signed_in.fail("whoami") == f"holdfast: {find_file(signed_in)} is damaged. Run `holdfast login` again.\n"


def end(connection):
    with connection:
        connection.recv(65536)


def test_an_unreachable_publisher_is_reported(guest):
    (address,) = free_addresses(1)
    message = guest.fail("api", "list", code=3, HOLDFAST_URL=f"http://{address}", HOLDFAST_TOKEN="abc")
    assert message.startswith(f"holdfast: Can't reach http://{address}: Connection refused. ")


def test_a_server_that_ends_an_http_connection_without_an_answer_may_serve_https(guest):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with ThreadPoolExecutor() as threads:
            ending = threads.submit(lambda: end(server.accept()[0]))
            message = guest.fail("api", "list", code=3, HOLDFAST_URL=url, HOLDFAST_TOKEN="abc")
            ending.result()
    assert message == (
        f"holdfast: Can't reach {url}: Server disconnected without sending a response. "
        "If the publisher serves https, use its https URL.\n"
    )


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>"), (200, b"[]"), (200, b"{}"), (500, b"<html>"), (404, b""), (200, b"\xff")]
)
def test_a_server_that_is_not_holdfast_is_reported(guest, status, body):
    with answering(status=status, body=body) as server:
        message = guest.fail("api", "list", code=3, HOLDFAST_URL=server.url, HOLDFAST_TOKEN="abc")
    assert "isn't a Holdfast publisher. Check the URL." in message


def test_the_certificate_of_a_publisher_is_verified(guest, tmp_path):
    backend = issue("127.0.0.1")
    file = tmp_path / "ca.pem"
    file.write_bytes(backend.pem)
    with answering(tls=server_context(backend), body=BODY) as server:
        environment = {"HOLDFAST_URL": server.url, "HOLDFAST_TOKEN": "abc"}
        message = guest.fail("api", "list", code=3, **environment)
        assert server.requests == []
        guest.run("api", "list", **environment, HOLDFAST_CA_FILE=str(file))
        login = ("login", server.url, "--user", "berta", "--password-stdin", "--ca-file", str(file))
        guest.run(*login, stdin="secret\n")
        guest.run("api", "list")
    assert message.startswith(f"holdfast: The certificate of {server.url} can't be verified: self-signed certificate.")
    assert message.endswith("name the CA with `holdfast login --ca-file` or HOLDFAST_CA_FILE.\n")


@pytest.mark.parametrize("name", ["missing.pem", "key.pem"])
def test_an_invalid_ca_file_is_reported(guest, tmp_path, name):
    (tmp_path / "key.pem").write_bytes(issue("a").key_pem)
    message = guest.fail("whoami", HOLDFAST_TOKEN="abc", HOLDFAST_CA_FILE=str(tmp_path / name))
    assert "with --ca-file." in message


def test_no_command_takes_a_password_as_an_argument(guest):
    reading = ("login", "certificate add", "certificate replace", "certificate inspect", "user create", "user password")
    for command in (*reading, "organization create"):
        options = {word for word in guest.run(*command.split(), "--help").output.split() if word.startswith("--pass")}
        assert options == {"--password-stdin"}
