"""The page of all certificates lists, filters and exports them; others delete and replace many at once."""

import re
from html import unescape

import pytest

from holdfast.certificates.certificate import read_certificate
from holdfast.web.inventory.chain_drawing import draw_chain
from holdfast.web.inventory.query import SIZE
from issuing import DAY, issue
from rest.calls import CERTIFICATES, create_api, upload

pytestmark = pytest.mark.long

PAGE, CHANGES = "/certificates", "/certificate-changes"
ROOT = issue(ca=True, common_name="Root")
LEAF = issue("leaf.test", by=ROOT, common_name="leaf.test", end=5 * DAY)
NEW = issue(ca=True, common_name="New Root")
ROOT_PRINT = read_certificate(ROOT.der).fingerprint


@pytest.fixture
def three(client):
    """Three aliases at three endpoints; the API of the last one is deleted."""
    for alias, content in {"root": ROOT.pem, "leaf": LEAF.pem, "both": LEAF.pem + ROOT.pem}.items():
        api = create_api(client, alias.title(), f"https://{alias}.test")
        assert upload(client, content, alias, f"https://{alias}.test").status_code == 201
    client.delete(f"{CERTIFICATES.replace('endpoint-certificates', 'apis')}/{api['id']}")
    return client


def rows(answer):
    assert answer.status_code == 200, answer.text
    return re.findall(r'class="row-link" href="/certificates/([^"]+)"', answer.text)


def words(answer):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def test_the_page_lists_what_expires_first_and_filters(three):
    assert rows(three.get(PAGE)) == ["both", "leaf", "root"]
    for query, expected in {
        "sort=-alias": ["root", "leaf", "both"],
        "show=expired": [],
        "show=7": ["both", "leaf"],
        "show=unused": ["both"],
        "show=previous": [],
        "show=not-in-force": [],
        "query=leaf.test&sort=alias": ["both", "leaf"],
        "issuer=root&sort=alias": ["both", "leaf", "root"],
        "show=nonsense&sort=nonsense&after=nonsense": ["both", "leaf", "root"],
    }.items():
        assert rows(three.get(f"{PAGE}?{query}")) == expected, query
    assert "Expiring, not in use" in three.get(PAGE).text
    part = three.get(PAGE, headers={"HX-Request": "true"}).text
    assert "<table" in part
    assert "<html" not in part


def test_pages_are_linked_in_both_directions(three):
    entry = three.get(f"{CERTIFICATES}/root").json()["endpoint"]
    for number in range(SIZE):
        certificate = issue("root.test", common_name=f"n{number}", end=(30 + number) * DAY)
        assert upload(three, certificate.pem, f"n-{number}", entry).status_code == 201
    first = three.get(PAGE)
    (forward,) = re.findall(r'href="([^"]+)" rel="next"', first.text)
    second = three.get(unescape(forward))
    assert len(rows(first)) == SIZE
    assert len(set(rows(first) + rows(second))) == SIZE + 3
    (back,) = re.findall(r'href="([^"]+)" rel="prev"', second.text)
    assert rows(three.get(unescape(back))) == rows(first)


def test_the_details_name_users_importer_and_the_types_of_names(three):
    page = three.get(f"{PAGE}/leaf")
    for text in (
        "Leaf 1.0.0",
        "DNS leaf.test",
        "leaf.test was issued by Root",
        "Imported",
        "Download PEM",
        "Owners None Change",
        "Import certificate",
    ):
        assert text in words(page) or text in page.text, text
    assert "No API has an endpoint at" in words(three.get(f"{PAGE}/both"))
    assert three.get(f"{PAGE}/leaf/pem").text == LEAF.pem.decode()
    assert three.get(f"{PAGE}/missing").status_code == 404


def test_an_alias_may_have_the_name_of_another_page(three):
    assert upload(three, NEW.pem, "delete", "https://leaf.test").status_code == 201
    assert "New Root" in three.get(f"{PAGE}/delete").text


def test_an_export_has_what_the_list_shows(three):
    answer = three.get("/certificates-export?show=7&sort=alias&format=csv")
    assert [line.split(",")[0] for line in answer.text.splitlines()] == ["alias", "both", "both", "leaf"]
    assert three.get("/certificates-export?format=json&query=nothing").json() == {"certificates": []}


def test_selected_certificates_are_deleted_after_a_confirmation(three):
    question = three.get(f"{CHANGES}/delete?alias=root&alias=both")
    assert "Used by Root 1.0.0" in words(question)
    answer = three.post(f"{CHANGES}/delete", data={"alias": ["root", "both"]})
    assert answer.status_code == 303
    assert "2 certificates deleted" in three.get(answer.headers["location"]).text
    assert rows(three.get(PAGE)) == ["leaf"]
    assert three.get(f"{CHANGES}/delete?alias=missing").status_code == 404
    assert "Nothing selected" in three.get(f"{CHANGES}/delete").text


def test_a_certificate_is_replaced_everywhere_after_a_preview(three):
    assert ROOT_PRINT in three.get(f"{CHANGES}/replace?alias=root&alias=both").text
    fields = {"fingerprint": ROOT_PRINT, "keep": "true"}
    preview = three.post(f"{CHANGES}/replace", data=fields, files={"certificate": ("new.pem", NEW.pem)})
    assert "Backend not known" in words(preview)
    assert rows(three.get(f"{PAGE}?query=new+root")) == []
    form = fields | {"pem": NEW.pem.decode(), "confirmed": "true", "alias": ["root", "both"]}
    answer = three.post(f"{CHANGES}/replace", data=form)
    assert "2 certificates replaced" in three.get(answer.headers["location"]).text
    assert rows(three.get(f"{PAGE}?show=previous&sort=alias")) == ["both", "root"]
    again = three.post(f"{CHANGES}/replace", data=form)
    assert (again.status_code, 'role="alert"' in again.text) == (422, True)


def test_a_user_saves_views_and_deletes_them(three):
    response = three.post("/certificate-views", data={"name": "Soon", "query": "show=7&sort=alias&x=y"})
    assert response.status_code == 303
    page = three.get(PAGE).text
    assert 'href="/certificates?show=7&amp;sort=alias"' in page
    three.post("/certificate-views/delete", data={"name": "Soon"})
    assert "show=7&amp;sort=alias" not in three.get(PAGE).text
    assert three.post("/certificate-views", data={"name": " "}).status_code in (400, 422)


def test_a_chain_is_drawn_with_each_certificate_below_its_issuer():
    leaf, root, other = (read_certificate(certificate.der) for certificate in (LEAF, ROOT, NEW))
    drawing = draw_chain([leaf, root, other])
    assert [(box.title, box.end is None, bool(box.line)) for box in drawing.boxes] == [
        ("Root", False, False),
        ("leaf.test", False, True),
        ("New Root", False, False),
    ]
    alone = draw_chain([leaf])
    assert [(box.title, box.end is None) for box in alone.boxes] == [("Root", True), ("leaf.test", False)]
