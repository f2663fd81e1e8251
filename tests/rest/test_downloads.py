"""`/endpoint-certificates/{alias}/content`: imported certificates as a file."""

from urllib.parse import quote

import pytest

from issuing import issue
from rest.calls import CERTIFICATES, assert_problem, upload

pytestmark = pytest.mark.usefixtures("api")
BACKEND, ROOT = issue("pizza.test"), issue(ca=True)
CONTENT = f"{CERTIFICATES}/pizza-backend/content"


@pytest.mark.parametrize("data", [BACKEND.pem, BACKEND.der, b"notes\r\n" + BACKEND.pem.replace(b"\n", b"\r\n")])
def test_one_certificate_is_downloaded_as_der(client, data):
    upload(client, data)
    response = client.get(CONTENT)
    assert (response.status_code, response.content) == (200, BACKEND.der)
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"] == 'attachment; filename="pizza-backend.crt"'


def test_several_certificates_are_downloaded_as_pem_in_order(client):
    upload(client, BACKEND.pem + ROOT.pem)
    response = client.get(CONTENT)
    assert response.content == BACKEND.pem + ROOT.pem
    assert response.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("kind", ["application/x-pem-file", "application/pem-certificate-chain"])
@pytest.mark.parametrize("data", [BACKEND.pem, BACKEND.pem + ROOT.pem], ids=["one", "two"])
def test_pem_is_returned_if_the_client_accepts_it(client, kind, data):
    upload(client, data)
    response = client.get(CONTENT, headers={"accept": f"{kind}, */*;q=0.1"})
    assert response.content == data
    assert response.headers["content-type"] == kind


def test_an_alias_with_other_letters_names_the_file(client):
    upload(client, BACKEND.pem, "größe-证书")
    response = client.get(f"{CERTIFICATES}/{quote('größe-证书')}/content")
    assert response.content == BACKEND.der
    # RFC 6266, section 4.3
    expected = f"attachment; filename*=UTF-8''{quote('größe-证书')}.crt"
    assert response.headers["content-disposition"] == expected


def test_an_unknown_alias_has_no_content(client):
    assert_problem(client.get(CONTENT), 404, says="'pizza-backend'")


def test_previous_certificates_are_downloaded_as_long_as_they_are_trusted(client):
    upload(client, BACKEND.pem)
    assert_problem(client.get(CONTENT, params={"previous": "true"}), 404)
    new = issue("pizza.test")
    client.put(CONTENT.removesuffix("/content") + "?keepPrevious=true", files={"certificate": ("new.pem", new.pem)})
    assert client.get(CONTENT).content == new.der
    assert client.get(CONTENT, params={"previous": "true"}).content == BACKEND.der
