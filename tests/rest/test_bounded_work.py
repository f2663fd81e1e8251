"""No request takes much work, however large it is."""

import io
import json
import zipfile
from time import process_time

import pytest

from holdfast.server.middleware.bodies import MAX_BODY
from issuing import issue
from rest.calls import APIS, CERTIFICATES, api_body

pytestmark = [
    pytest.mark.long,
    pytest.mark.sqlite(reason="most of the work of a request is done before it uses the database"),
]
SMALLER = MAX_BODY - 4_096  # leaves room for the rest of a form
PEM = issue("a.test").pem


def as_json(value):
    return {"content": json.dumps(value).encode()[:MAX_BODY], "headers": {"content-type": "application/json"}}


def as_file(data, field="file", **form):
    return {"files": {field: ("a.pem", data[:SMALLER])}, "data": form}


def certificate(data):
    return as_file(data, "certificate", alias="a", endpoint="https://a.test")


def pack(files):
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return as_file(output.getvalue())


HOSTILE = {
    "members of a list that are wrong": lambda: (APIS, as_json(api_body() | {"policies": [1] * 690_000})),
    "unknown members": lambda: (APIS, as_json(api_body() | {f"m{number}": 1 for number in range(120_000)})),
    "wrong operations": lambda: (APIS, as_json(api_body() | {"operations": [{}] * 400_000})),
    "many operations": lambda: (APIS, as_json(api_body() | {"operations": [{"target": "/a", "verb": "GET"}] * 60_000})),
    "a long number": lambda: (
        APIS,
        {"content": b'{"name": ' + b"9" * 2_000_000 + b"}", "headers": {"content-type": "application/json"}},
    ),
    "deep lists": lambda: (
        APIS,
        {"content": b'{"name": ' + b"[" * 2_000_000, "headers": {"content-type": "application/json"}},
    ),
    "a long context": lambda: (APIS, as_json(api_body() | {"context": "/a" * 1_000_000})),
    "a long name": lambda: (APIS, as_json(api_body() | {"name": "a b" * 600_000})),
    "a long URL": lambda: (APIS, as_json(api_body("https://" + "a." * 1_000_000))),
    "many endpoints": lambda: (
        APIS,
        as_json(
            api_body()
            | {
                "endpointConfig": {
                    "endpoint_type": "load_balance",
                    "production_endpoints": [{"url": "https://a.test"}] * 50_000,
                }
            }
        ),
    ),
    "fields of a form": lambda: (
        "/oauth2/token",
        {"content": b"a&" * 1_000_000, "headers": {"content-type": "application/x-www-form-urlencoded"}},
    ),
    "escapes of a form": lambda: (
        "/oauth2/token",
        {"content": b"username=" + b"%41" * 690_000, "headers": {"content-type": "application/x-www-form-urlencoded"}},
    ),
    "parts of a form": lambda: (
        CERTIFICATES,
        {
            "content": b'--a\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 40_000 + b"--a--",
            "headers": {"content-type": "multipart/form-data; boundary=a"},
        },
    ),
    "line ends in a part": lambda: (
        CERTIFICATES,
        {
            "content": b'--a\r\nContent-Disposition: form-data; name="certificate"; filename="a"\r\n\r\n'
            + b"\r" * 2_000_000
            + b"\r\n--a--",
            "headers": {"content-type": "multipart/form-data; boundary=a"},
        },
    ),
    "headers of a part": lambda: (
        CERTIFICATES,
        {
            "content": b"--a\r\n" + b"a: b\r\n" * 340_000 + b"\r\n\r\n--a--",
            "headers": {"content-type": "multipart/form-data; boundary=a"},
        },
    ),
    "certificates": lambda: (CERTIFICATES, certificate(PEM * 2_000)),
    "beginnings of PEM": lambda: (CERTIFICATES, certificate(b"-----BEGIN CERTIFICATE-----\n" * 37_000)),
    "half beginnings of PEM": lambda: (CERTIFICATES, certificate(b"-----BEGIN " * 95_000)),
    "dashes": lambda: (CERTIFICATES, certificate(b"-" * 1_048_576)),
    "base64": lambda: (
        CERTIFICATES,
        certificate(b"-----BEGIN CERTIFICATE-----\n" + b"A" * 1_040_000 + b"\n-----END CERTIFICATE-----"),
    ),
    "base64 lines": lambda: (CERTIFICATES, certificate(b"A\n" * 520_000)),
    "nested DER": lambda: (CERTIFICATES, certificate(b"\x30\x80" * 520_000)),
    "empty DER": lambda: (CERTIFICATES, certificate(b"\x30\x83\x0f\xff\xf0" + b"\x30\x00" * 520_000)),
    "a name of many": lambda: (
        CERTIFICATES,
        certificate(issue(*(f"n{n}.a.test" for n in range(20_000)), common_name="a").pem),
    ),
    "a keystore": lambda: (
        CERTIFICATES,
        certificate(b"\xfe\xed\xfe\xed\0\0\0\2\0\xff\xff\xff" + b"\0\0\0\2\0\0" * 170_000),
    ),
    "files of an archive": lambda: (f"{APIS}/import", pack({f"a/{n}": b"" for n in range(18_000)})),
    "an archive that grows": lambda: (f"{APIS}/import", pack({"a/api.yaml": bytes(50_000_000)})),
    "YAML in an archive": lambda: (f"{APIS}/import", pack({"a/api.yaml": b"a: " + b"1:" * 1_000_000})),
    "lists in an archive": lambda: (
        f"{APIS}/import",
        pack(
            {
                "a/api.json": json.dumps(api_body()).encode(),
                "a/Endpoint-certificates/endpoint_certificates.json": b"[" + b"{}," * 400_000 + b"{}]",
            }
        ),
    ),
    "a wrong description in an archive": lambda: (
        f"{APIS}/import",
        pack({"a/api.json": json.dumps(api_body() | {"policies": [1] * 690_000}).encode()}),
    ),
    "wrong members with a definition": lambda: (
        f"{APIS}/import-openapi",
        as_file(b"x") | {"data": {"additionalProperties": json.dumps({"policies": [1] * 340_000})}},
    ),
    "unknown members of a user": lambda: (
        "/api/am/publisher/v4/users",
        as_json({f"m{number}": 1 for number in range(120_000)}),
    ),
    "a long name of a member": lambda: ("/api/am/publisher/v4/users", as_json({"m" * 2_000_000: 1})),
    "a definition": lambda: (
        f"{APIS}/import-openapi",
        as_file(
            json.dumps(
                {
                    "openapi": "3.0.3",
                    "info": {"title": "a", "version": "1"},
                    "servers": [{"url": "https://a.test"}],
                    "paths": {f"/{n}": {"get": {"responses": {"200": {"description": ""}}}} for n in range(30_000)},
                }
            ).encode()
        ),
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_request_takes_much_work(client, kind):
    path, request = HOSTILE[kind]()
    start = process_time()
    answer = client.post(path, **request)
    took = process_time() - start
    assert answer.status_code != 500
    assert len(answer.content) < 100_000
    assert took < 5, f"{answer.status_code} after {took:.1f} s"


@pytest.mark.parametrize(
    "path",
    [
        f"{APIS}?query=" + "a+" * 16_000,
        f"{APIS}?query=" + 'name:"' * 5_000,
        f"{APIS}?query=" + "%25" * 10_000,
        f"{APIS}?query=" + "_%25" * 8_000,
        "/api/am/publisher/v4/search?query=" + "a+" * 16_000,
        f"{CERTIFICATES}?alias=" + "a" * 32_000,
        f"{APIS}?" + "a&" * 16_000,
        f"{APIS}?limit=" + "9" * 30_000,
    ],
    ids=range(8),
)
def test_no_query_takes_much_work(client, path):
    start = process_time()
    answer = client.get(path)
    assert answer.status_code in {200, 400, 422}
    assert process_time() - start < 2
