"""Requests that an operation can't take are rejected with a clear error, and nothing changes."""

import pytest

from issuing import issue
from rest.calls import APIS, CERTIFICATES, URL, assert_problem

PEM = issue("pizza.test").pem
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("method_and_path", [("POST", ""), ("PUT", "/{id}")])
@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        (b"{nope", "body", "valid JSON"),
        (b"name=Pizza", "body", "valid JSON"),
        (b'{"name": "Pizza",}', "body", "valid JSON"),
        (b"", "body", "It is required"),
        (b"[]", "body", "dictionary"),
        (b'"text"', "body", "dictionary"),
        (b"5", "body", "dictionary"),
        (b'{"description": 5}', "description", "string"),
        (b'{"endpointConfig": "https://a.test"}', "endpointConfig", "dictionary"),
        (b'{"endpointConfig": {"production_endpoints": {}}}', "endpointConfig.production_endpoints.url", "required"),
    ],
)
def test_a_body_that_is_not_an_api_is_rejected(client, nothing_changes, api, method_and_path, body, field, says):
    method, path = method_and_path
    with nothing_changes():
        response = client.request(method, f"{APIS}{path.format_map(api)}", content=body, headers=JSON)
    problem = response.json()
    assert response.status_code == 400
    assert field in {item["code"] for item in problem["error"]}
    assert says in problem["description"]


@pytest.mark.parametrize("body", [b'{"name": "\xff"}', b"\xff\xfe{\x00}\x00", b"[" * 100_000, b"\x00", b"9" * 5000])
def test_a_body_that_breaks_parsers_is_rejected(client, nothing_changes, body):
    with nothing_changes():
        assert client.post(APIS, content=body, headers=JSON).status_code == 400


def test_missing_members_are_named(client, nothing_changes):
    with nothing_changes():
        assert_problem(client.post(APIS, json={}), 400, "name", "context", "version", says="It is required")
        assert_problem(
            client.post(APIS, json={"name": None, "context": 5, "version": []}), 400, "name", "context", "version"
        )


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "", None])
def test_an_api_with_another_media_type_is_rejected(client, nothing_changes, kind):
    headers = {} if kind is None else {"content-type": kind}
    with nothing_changes():
        response = client.post(APIS, content=b'{"name": "Pizza"}', headers=headers)
        assert_problem(response, 415, "Content-Type", says="Send the body as application/json.")


@pytest.mark.parametrize(
    "options",
    [
        {"json": {"alias": "a", "endpoint": URL}},
        {"content": PEM, "headers": {"content-type": "application/x-pem-file"}},
        {"data": {"certificate": PEM.decode()}},
        {},
    ],
    ids=["json", "pem", "form", "nothing"],
)
def test_an_upload_with_another_media_type_is_rejected(client, nothing_changes, options):
    with nothing_changes():
        for response in (client.post(CERTIFICATES, **options), client.put(f"{CERTIFICATES}/a", **options)):
            assert_problem(response, 415, "Content-Type", says="Send the body as multipart/form-data.")


@pytest.mark.parametrize(
    ("parts", "fields"),
    [
        ({"certificate": ("a.pem", PEM)}, ("alias", "endpoint")),
        ({"certificate": ("a.pem", PEM), "alias": (None, "a")}, ("endpoint",)),
        ({"certificate": ("a.pem", PEM), "endpoint": (None, URL)}, ("alias",)),
        ({"alias": (None, "a"), "endpoint": (None, URL)}, ("certificate",)),
    ],
)
def test_missing_parts_of_the_form_are_named(client, nothing_changes, parts, fields):
    with nothing_changes():
        assert_problem(client.post(CERTIFICATES, files=parts), 400, *fields, says="It is required")


@pytest.mark.parametrize("name", [None, ""])
def test_a_certificate_without_a_file_name_is_refused(client, nothing_changes, name):
    parts = {"certificate": (name, PEM), "alias": (None, "a"), "endpoint": (None, URL)}
    with nothing_changes():
        response = client.post(CERTIFICATES, files=parts)
        assert_problem(response, 400, "certificate", says="Send it as a form part with a file name")


def test_a_file_where_a_text_should_be_is_refused(client, nothing_changes):
    parts = {"certificate": ("a.pem", PEM), "alias": ("a.txt", b"a"), "endpoint": (None, URL)}
    with nothing_changes():
        assert_problem(client.post(CERTIFICATES, files=parts), 400, "alias", says="string")


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=x", "multipart/form-data; boundary="]
)
def test_a_form_that_cannot_be_read_is_refused(client, nothing_changes, kind):
    with nothing_changes():
        assert_problem(client.post(CERTIFICATES, content=b"garbage", headers={"content-type": kind}), 400)


@pytest.mark.parametrize("charset", ["utf-16", "utf-7", "unicode_escape", "idna", "nonsense", "\xff"])
def test_any_charset_of_a_form_is_handled(client, nothing_changes, charset):
    parts = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % part
        for part in (
            (b"alias", b"", b"a\\ud800+2AA-\xff"),
            (b"endpoint", b"", URL.encode()),
            (b"certificate", b'; filename="a"', PEM),
        )
    )
    kind = f"multipart/form-data; boundary=x; charset={charset}".encode("latin-1")
    with nothing_changes():
        response = client.post(CERTIFICATES, content=parts + b"--x--\r\n", headers={"content-type": kind})
        assert_problem(response, 400, *(item["code"] for item in response.json()["error"]))
