"""API archives: round trips, current and older layouts, and hostile archives."""

import base64
import contextlib
import io
import json
import zipfile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from holdfast.apis.errors import UnreadableArchive
from holdfast.apis.transfer.archive import Archive, pack
from holdfast.apis.transfer.certificate_lists import ArchivedCertificate
from holdfast.apis.transfer.unpacking import unpack
from holdfast.apis.transfer.zip_files import MAX_BYTES, MAX_FILES
from holdfast.certificates.errors import PrivateKeyRefused
from issuing import issue

PIZZA = issue("pizza.test")
DESCRIPTION = {"name": "Pizza", "version": "1.0.0", "context": "/pizza", "tags": ["ä"]}
DEFINITION = {"openapi": "3.0.1", "info": {"title": "Pizza", "version": "1.0.0"}, "paths": {}}
ARCHIVE = Archive(DESCRIPTION, DEFINITION, (ArchivedCertificate("pizza-backend", "https://pizza.test", PIZZA.pem),))
API = b"name: Pizza\nversion: 1.0.0\ncontext: /pizza\n"


def make_zip(files, method=zipfile.ZIP_DEFLATED):
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return output.getvalue()


@pytest.mark.parametrize("as_json", [False, True])
def test_an_archive_is_unpacked_as_it_was_packed(as_json):
    data = pack(ARCHIVE, as_json=as_json)
    assert unpack(data) == ARCHIVE
    assert pack(ARCHIVE, as_json=as_json) == data


def test_the_layout_is_that_of_wso2():
    with zipfile.ZipFile(io.BytesIO(pack(ARCHIVE))) as archive:
        assert archive.namelist() == [
            "Pizza-1.0.0/api.yaml",
            "Pizza-1.0.0/Definitions/swagger.yaml",
            "Pizza-1.0.0/Endpoint-certificates/endpoint_certificates.yaml",
            "Pizza-1.0.0/Endpoint-certificates/pizza-backend.crt",
        ]
        assert archive.read("Pizza-1.0.0/Endpoint-certificates/pizza-backend.crt") == PIZZA.pem


@pytest.mark.parametrize("root", ["", "Pizza-1.0.0/"])
def test_older_archives_are_read(root):
    entries = [{"hostName": "https://pizza.test", "alias": "a", "certificate": base64.b64encode(PIZZA.der).decode()}]
    config = json.dumps({"endpoint_type": "http", "production_endpoints": {"url": "https://pizza.test"}})
    description = {
        "id": {"providerName": "admin", "apiName": "Pizza", "version": "1.0.0"},
        "contextTemplate": "/pizza/{version}",
        "context": "/pizza/1.0.0",
        "status": "PUBLISHED",
        "endpointConfig": config,
    }
    contents = unpack(
        make_zip(
            {
                f"{root}Meta-information/api.json": json.dumps(description),
                f"{root}Meta-information/swagger.json": json.dumps(DEFINITION),
                f"{root}Meta-information/endpoint_certificates.json": json.dumps(entries),
            }
        )
    )
    assert (contents.description["name"], contents.description["context"]) == ("Pizza", "/pizza")
    assert contents.description["endpointConfig"]["production_endpoints"] == {"url": "https://pizza.test"}
    assert (contents.description["lifeCycleStatus"], contents.definition) == ("PUBLISHED", DEFINITION)
    assert contents.certificates == (ArchivedCertificate("a", "https://pizza.test", PIZZA.der),)


def test_a_key_in_a_definition_is_accepted_as_an_example():
    definition = DEFINITION | {"x-example": "-----BEGIN RSA PRIVATE KEY-----"}
    files = {"api.yaml": API, "Definitions/swagger.json": json.dumps(definition)}
    assert unpack(make_zip(files)).definition == definition


@pytest.mark.parametrize("name", ["api.yaml", "Endpoint-certificates/a.crt", "Docs/a.txt"])
def test_a_private_key_is_refused_in_any_other_file(name):
    files = {"api.yaml": API} | {name: API + b"x: |\n  -----BEGIN PRIVATE KEY-----\n"}
    with pytest.raises(PrivateKeyRefused, match=name):
        unpack(make_zip(files))


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "no api.yaml"),
        ({"x": b""}, "no api.yaml"),
        ({"api.yaml": b"[]"}, "no api.yaml"),
        ({"api.yaml": b"a: 'b"}, "api.yaml can't be read"),
        ({"../api.yaml": API}, "leads out"),
        ({"/api.yaml": API}, "leads out"),
        ({"a/../api.yaml": API}, "leads out"),
        ({"a\\api.yaml": API, "api.yaml": API}, "leads out"),
        ({"C:/api.yaml": API}, "leads out"),
        ({"api.yaml": API, "bomb": bytes(MAX_BYTES + 1)}, "more than"),
        ({"api.yaml": API} | {str(number): b"" for number in range(MAX_FILES)}, "files"),
        ({"api.yaml": API, "Endpoint-certificates/endpoint_certificates.yaml": b"a: b"}, "list"),
        ({"api.yaml": API, "Endpoint-certificates/endpoint_certificates.yaml": b"[x]"}, "alias, endpoint"),
        ({"api.yaml": API, "Endpoint-certificates/endpoint_certificates.yaml": b"[{alias: a}]"}, "alias, endpoint"),
        (
            {
                "api.yaml": API,
                "Endpoint-certificates/endpoint_certificates.yaml": b"[{alias: a, endpoint: b, certificate: c.crt}]",
            },
            "no file",
        ),
        ({"Meta-information/api.yaml": b"id: {apiName: a}\nendpointConfig: '{'"}, "endpointConfig"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_invalid_archives_are_refused_with_the_reason(files, says):
    with pytest.raises(UnreadableArchive, match=says):
        unpack(make_zip(files))


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x03\x04" + b"\0" * 100, pack(ARCHIVE)[:-30]])
def test_a_file_that_is_not_an_archive_is_refused(data):
    with pytest.raises(UnreadableArchive):
        unpack(data)


@given(st.lists(st.tuples(st.integers(0, len(pack(ARCHIVE)) - 1), st.integers(0, 255)), min_size=1, max_size=8))
@example([(position, 0) for position in range(len(pack(ARCHIVE)))])
def test_any_damage_only_makes_an_archive_unreadable(damage):
    data = bytearray(pack(ARCHIVE))
    for position, value in damage:
        data[position] = value
    with contextlib.suppress(UnreadableArchive, PrivateKeyRefused):
        unpack(bytes(data))


def test_a_file_without_a_name_is_refused():
    data = make_zip({"api.yaml": API, "x": b""})
    # The central directory has the length of the name at byte 28 (APPNOTE.TXT, 4.3.12).
    start = data.rindex(b"PK\x01\x02")
    nameless = data[: start + 28] + b"\0\0\1\0" + data[start + 32 :]
    with pytest.raises(UnreadableArchive):
        unpack(nameless)


def test_a_wrong_stated_size_does_not_bypass_the_limit():
    data = bytearray(make_zip({"api.yaml": API, "bomb": bytes(MAX_BYTES + 1)}))
    for position in range(len(data) - 4):
        if data[position : position + 4] == (MAX_BYTES + 1).to_bytes(4, "little"):
            data[position : position + 4] = (10).to_bytes(4, "little")
    with pytest.raises(UnreadableArchive):
        unpack(bytes(data))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unsupported_compressions_are_refused(method):
    with pytest.raises(UnreadableArchive, match="unsupported compression"):
        unpack(make_zip({"api.yaml": API}, method))
