"""Thumbnails and documents of APIs: stored and returned as they are, and never run by a browser."""

import io
import zipfile

import pytest

from holdfast.apis.catalog.document import MAX_BYTES, MAX_DOCUMENTS
from holdfast.apis.catalog.thumbnail import MAX_BYTES as MAX_IMAGE
from rest.calls import APIS, assert_problem, create_api

pytestmark = pytest.mark.long

PNG, JPEG, GIF = b"\x89PNG\r\n\x1a\nrest", b"\xff\xd8\xff\xe0rest", b"GIF89arest"
HOWTO = {"name": "How to", "type": "HOWTO", "sourceType": "INLINE", "visibility": "API_LEVEL", "summary": "Pizza"}
LINK = HOWTO | {"name": "Link", "sourceType": "URL", "sourceUrl": "https://example.com/docs"}
FILE = HOWTO | {"name": "File", "sourceType": "FILE"}
KEY = "-----BEGIN PRIVATE KEY-----"


@pytest.fixture
def api(client):
    return f"{APIS}/{create_api(client)['id']}"


def put_image(client, api, data, name="pizza.png"):
    return client.put(f"{api}/thumbnail", files={"file": (name, data)})


def create(client, api, **values):
    response = client.post(f"{api}/documents", json=HOWTO | values)
    assert response.status_code == 201, response.text
    return f"{api}/documents/{response.json()['documentId']}"


def fill(client, document, data, name="file"):
    return client.post(f"{document}/content", files={"file": (name, data)})


def assert_harmless(response):
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert "html" not in response.headers["content-type"]


@pytest.mark.parametrize(("data", "media_type"), [(PNG, "image/png"), (JPEG, "image/jpeg"), (GIF, "image/gif")])
def test_a_thumbnail_has_the_format_of_its_content_not_of_its_name(client, api, data, media_type):
    assert put_image(client, api, data, "pizza.html").json() == {
        "relativePath": f"{api.partition('/v4/')[2]}/thumbnail",
        "mediaType": media_type,
    }
    response = client.get(f"{api}/thumbnail")
    assert (response.content, response.headers["content-type"]) == (data, media_type)
    assert_harmless(response)
    tag = response.headers["etag"]
    assert client.get(f"{api}/thumbnail", headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("data", [b"", b"<svg xmlns='...'/>", b"<html>", PNG[:4], PNG + bytes(MAX_IMAGE)])
def test_other_images_are_rejected(client, api, data):
    assert_problem(put_image(client, api, data), 400, "file")
    assert_problem(client.get(f"{api}/thumbnail"), 404)


def test_an_api_says_whether_it_has_a_thumbnail(client, api):
    before = client.get(api)
    assert before.json()["hasThumbnail"] is False
    put_image(client, api, PNG)
    after = client.get(api, headers={"If-None-Match": before.headers["etag"]})
    assert after.json()["hasThumbnail"] is client.get(APIS).json()["list"][0]["hasThumbnail"] is True
    # A change of the API keeps it.
    client.put(api, json={"description": "changed"})
    assert client.get(api).json()["hasThumbnail"] is True
    assert client.delete(f"{api}/thumbnail").status_code == 200
    assert client.get(api).json()["hasThumbnail"] is False
    assert_problem(client.delete(f"{api}/thumbnail"), 404)


def test_documents_are_created_listed_changed_and_deleted(client, api):
    document = create(client, api, inlineContent="Call it.")
    response = client.get(document)
    assert response.json() == HOWTO | response.json() | {"inlineContent": "Call it.", "sourceUrl": "", "fileName": ""}
    body = client.get(f"{api}/documents").json()
    assert (body["count"], body["list"][0]["name"]) == (1, "How to")
    assert "inlineContent" not in body["list"][0]
    assert client.post(f"{api}/documents/validate", params={"name": "How to"}).status_code == 200
    assert_problem(client.post(f"{api}/documents/validate", params={"name": "Why"}), 404)

    tag = response.headers["etag"]
    answer = client.put(document, json=HOWTO | {"name": "Why"}, headers={"If-Match": tag})
    assert (answer.json()["name"], answer.json()["inlineContent"]) == ("Why", "Call it.")
    assert_problem(client.put(document, json=HOWTO, headers={"If-Match": tag}), 412)
    assert client.delete(document).status_code == 200
    assert_problem(client.get(document), 404)


def test_the_content_of_a_text_is_never_html(client, api):
    for kind in ("INLINE", "MARKDOWN"):
        document = create(client, api, name=kind, sourceType=kind)
        response = client.post(f"{document}/content", data={"inlineContent": "<script>alert(1)</script>"})
        assert response.json()["inlineContent"] == "<script>alert(1)</script>"
        response = client.get(f"{document}/content")
        assert response.text == "<script>alert(1)</script>"
        assert response.headers["content-type"].startswith("text/plain")
        assert_harmless(response)
    assert_problem(fill(client, document, b"x"), 400, "file", says="inlineContent")


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("a.pdf", "application/pdf"), ("a.html", "application/octet-stream"), ('"ä\\.svg', "application/octet-stream")],
)
def test_a_file_is_a_download(client, api, name, media_type):
    document = create(client, api, sourceType="FILE")
    assert_problem(client.get(f"{document}/content"), 404)
    response = fill(client, document, b"<html>", name)
    assert response.status_code == 200, response.text
    response = client.get(f"{document}/content")
    assert (response.content, response.headers["content-type"]) == (b"<html>", media_type)
    assert response.headers["content-disposition"].startswith("attachment; ")
    assert_harmless(response)
    # As a link, it loses its file.
    client.put(document, json=LINK)
    client.put(document, json=FILE)
    assert_problem(client.get(f"{document}/content"), 404)


def test_a_document_at_a_url_is_a_redirection(client, api):
    document = create(client, api, **LINK)
    response = client.get(f"{document}/content", follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (303, "https://example.com/docs")
    assert_problem(fill(client, document, b"x"), 400, "file")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": ".."}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"type": "SECRET"}, "type"),
        ({"sourceType": "GUESS"}, "sourceType"),
        ({"summary": "x" * 40_000}, "summary"),
        ({"summary": KEY}, "summary"),
        ({"inlineContent": KEY}, "inlineContent"),
        ({"inlineContent": "x" * (MAX_BYTES + 1)}, "inlineContent"),
        ({"sourceType": "URL"}, "sourceUrl"),
        ({"sourceType": "URL", "sourceUrl": "javascript:alert(1)"}, "sourceUrl"),
        ({"sourceType": "URL", "sourceUrl": "https://a\r\nb"}, "sourceUrl"),
        ({"sourceType": "URL", "sourceUrl": "https://[a"}, "sourceUrl"),
    ],
)
def test_invalid_documents_are_rejected(client, api, values, field):
    assert_problem(client.post(f"{api}/documents", json=HOWTO | values), 400, field)
    assert client.get(f"{api}/documents").json()["count"] == 0


def test_documents_are_limited_in_number_and_size_and_have_different_names(client, api):
    create(client, api, name="0", inlineContent="x" * (MAX_BYTES - 10))
    assert_problem(client.post(f"{api}/documents", json=HOWTO | {"name": "0"}), 409, "name", says="already exists")
    assert_problem(client.post(f"{api}/documents", json=HOWTO | {"inlineContent": "x" * 11}), 400, "name")
    other = create(client, api, name="1", inlineContent="x" * 10)
    assert_problem(client.post(f"{other}/content", data={"inlineContent": "x" * 11}), 400, "name")
    assert_problem(client.put(other, json=HOWTO | {"name": "0"}), 409, "name")
    for number in range(2, MAX_DOCUMENTS):
        create(client, api, name=str(number))
    assert_problem(client.post(f"{api}/documents", json=HOWTO), 400, "name", says="at most 50")


def test_nobody_else_sees_documents_and_thumbnails(client, api, stranger):
    put_image(client, api, PNG)
    document = create(client, api)
    mine = f"{APIS}/{create_api(stranger)['id']}"
    for path in (f"{api}/thumbnail", document, f"{document}/content", document.replace(api, mine)):
        assert_problem(stranger.get(path), 404)
    assert_problem(put_image(stranger, api, GIF), 404)
    assert client.get(f"{api}/thumbnail").content == PNG


def test_archives_and_new_versions_include_documents_and_the_thumbnail(client, api, stranger):
    put_image(client, api, PNG)
    create(client, api, inlineContent="Call it.")
    create(client, api, **LINK)
    fill(client, create(client, api, **FILE), b"content", "a.pdf")
    create(client, api, name="Empty", sourceType="FILE")
    api_id = api.rpartition("/")[2]
    for form in ("YAML", "JSON"):
        archive = client.get(f"{APIS}/export", params={"apiId": api_id, "format": form}).content
        with zipfile.ZipFile(io.BytesIO(archive)) as zip_file:
            assert zip_file.read("Pizza-1.0.0/Image/icon.png") == PNG
            assert zip_file.read("Pizza-1.0.0/Docs/How to/How to") == b"Call it."
            assert zip_file.read("Pizza-1.0.0/Docs/File/a.pdf") == b"content"
        query = {"overwrite": "true"}
        response = stranger.post(f"{APIS}/import", files={"file": ("a.zip", archive)}, params=query)
        assert response.status_code == 200, response.text
        assert response.json()["hasThumbnail"] is True
        assert "notImported" not in response.json()
        path = f"{APIS}/{response.json()['id']}"
        assert contents(stranger, path) == contents(client, api)
        assert stranger.get(f"{path}/thumbnail").content == PNG
    copy = client.post(f"{APIS}/copy-api", params={"apiId": api_id, "newVersion": "2"}).json()
    assert copy["hasThumbnail"] is True
    assert contents(client, f"{APIS}/{copy['id']}") == contents(client, api)


def contents(client, api):
    """Return the documents of an API with their contents, without IDs and times."""
    entries = []
    for document in client.get(f"{api}/documents").json()["list"]:
        content = client.get(f"{api}/documents/{document['documentId']}/content", follow_redirects=False)
        of_itself = ("name", "type", "summary", "sourceType", "sourceUrl", "fileName", "visibility")
        entries.append(({name: document[name] for name in of_itself}, content.status_code, content.text[:7]))
    return entries


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"Image/icon.png": b"<svg/>"}, "icon.png can't be used"),
        ({"Docs/a/document.yaml": b"name: a"}, "The document a in the archive"),
        ({"Docs/a/document.yaml": b"{name: a/b, type: HOWTO, sourceType: INLINE}"}, "none of"),
        ({"Docs/a/document.yaml": b"{name: a, type: HOWTO, sourceType: INLINE}", "Docs/a/a": b"\xff"}, "UTF-8"),
        ({f"Docs/{number}/document.yaml": b"name: a" for number in range(MAX_DOCUMENTS + 1)}, "51 documents"),
    ],
)
def test_invalid_documents_in_an_archive_stop_the_import(client, files, says):
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        for name, content in ({"api.yaml": b"{name: Pizza, version: '1', context: /pizza}"} | files).items():
            archive.writestr(name, content)
    response = client.post(f"{APIS}/import", files={"file": ("a.zip", output.getvalue())})
    assert_problem(response, 400, "file", says=says)
    assert client.get(APIS).json()["count"] == 0
