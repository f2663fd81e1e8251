"""Pages about what backends present, and about everything that expires."""

import re
from datetime import timedelta

import pytest

from holdfast.apis.watch.watched_endpoint import Coverage
from issuing import DAY, issue
from rest.calls import create_api, upload
from store.values import read
from watching import observe

ORIGIN = "https://pizza.test:8443"  # of the API's endpoint
REJECTED = Coverage("trust", accepted=False, cause="unknown_issuer")


@pytest.fixture
def presents(shared_runtime, berta):
    """Write that a backend of berta's organization presents a certificate."""

    def write(identity, origin=ORIGIN, ago=timedelta(), coverage=None):
        now = shared_runtime.now() - ago
        return observe(shared_runtime.store, berta.organization, origin, [read(identity)], now, coverage)

    return write


def statuses(page):
    return re.findall(r'data-watch="(\w+)"', page.text)


def test_the_endpoints_page_of_an_api_says_what_its_backend_presents(client, presents):
    api = create_api(client)
    path = f"/apis/{api['id']}/endpoints"
    assert statuses(client.get(path)) == []
    presents(issue("pizza.test", end=40 * DAY), ago=timedelta(days=10))
    presents(issue("pizza.test", common_name="new backend"), ago=timedelta(days=1), coverage=REJECTED)
    page = client.get(path)
    assert statuses(page) == ["changed"]
    assert "new backend" in page.text
    assert "New key and issuer since" in page.text
    assert "/help/reference/causes/#self_signed_not_trusted" in page.text


def test_the_endpoints_page_says_that_a_backend_is_trusted_as_soon_as_its_certificate_is_imported(client, presents):
    api, backend_certificate = create_api(client), issue("pizza.test", end=40 * DAY)
    path = f"/apis/{api['id']}/endpoints"
    presents(backend_certificate, ago=timedelta(days=10), coverage=REJECTED)
    assert statuses(client.get(path)) == ["not_trusted"]
    form = {"alias": "new", "endpoint": ORIGIN}
    files, part = {"certificate": ("new.pem", backend_certificate.pem)}, {"HX-Request": "true"}
    response = client.post(f"/apis/{api['id']}/new-certificate", data=form, files=files, headers=part)
    assert 'id="production-presents" hx-swap-oob="true"' in response.text
    assert (statuses(response), statuses(client.get(path))) == (["trusted"], ["trusted"])
    assert "https://<wbr>pizza.<wbr>test<wbr>:8443" in response.text


def test_a_list_of_what_backends_present_is_filtered_and_leads_to_the_history(client, presents):
    create_api(client)
    assert statuses(client.get("/watched-endpoints")) == []
    endpoint = presents(issue("pizza.test"))
    presents(issue("pasta.test"), "https://pasta.test", coverage=REJECTED)
    assert sorted(statuses(client.get("/watched-endpoints"))) == ["not_trusted", "trusted"]
    page = client.get("/watched-endpoints?status=trusted")
    assert statuses(page) == ["trusted"]
    assert f'href="/watched-endpoints/{endpoint.id}"' in page.text
    history = client.get(f"/watched-endpoints/{endpoint.id}")
    assert history.text.count("First seen") == 1
    assert statuses(client.get("/watched-endpoints?status=expiring")) == []
    assert statuses(client.get("/watched-endpoints?status=nonsense")) == statuses(client.get("/watched-endpoints"))


def test_a_list_of_what_backends_present_is_searched_by_endpoint_name_and_issuer(client, presents):
    create_api(client)
    presents(issue("pizza.test", by=issue(ca=True, common_name="Bäckerei CA")))
    presents(issue("x.test", common_name="Noodles"), "https://pasta.test", coverage=REJECTED)
    for query, expected in (
        (":8443", ["trusted"]),
        (" PASTA ", ["not_trusted"]),
        ("noodle", ["not_trusted"]),
        ("bÄckerei", ["trusted"]),
        ("test", ["not_trusted", "trusted"]),
        ("%", []),
    ):
        page = client.get("/watched-endpoints", params={"query": query}, headers={"HX-Request": "true"})
        assert sorted(statuses(page)) == expected, query
        assert f'All <span class="filter-count">{len(expected)}</span>' in page.text
    page = client.get("/watched-endpoints?query=test&status=trusted").text
    assert 'value="test"' in page
    assert 'href="/watched-endpoints?status=not_trusted&amp;query=test"' in page
    page = client.get("/watched-endpoints", params={"query": "<script>"}).text
    assert "No endpoints match “&lt;script&gt;”" in page
    assert "<script>”" not in page


def test_texts_in_presented_certificates_are_escaped_and_stored_without_control_characters(client, presents):
    create_api(client)
    endpoint = presents(issue("pizza.test", common_name="<b>\0\n", end=100 * DAY))
    assert endpoint.certificate.name == "<b>??"
    for path in ("/watched-endpoints", f"/watched-endpoints/{endpoint.id}", "/expiry"):
        text = client.get(path).text
        assert "&lt;b&gt;" in text
        assert "<b>" not in text


def test_choosing_a_month_of_the_timeline_filters_the_table(client, presents, shared_runtime):
    create_api(client)
    upload(client, issue("pizza.test", end=40 * DAY).pem, "soon")
    upload(client, issue("pizza.test", end=130 * DAY).pem, "later")
    presents(issue("pizza.test", common_name="presented", end=40 * DAY))
    month = f"{shared_runtime.now() + timedelta(days=40):%Y-%m}"
    everything = client.get("/expiry").text
    assert all(f">{name}<" in everything for name in ("soon", "later", "presented"))
    # Once in the drawing for each kind of screen, and once in the table of numbers.
    assert everything.count(f'href="/expiry?month={month}#certificates"') == 3
    assert "1 trusted, 1 presented" in everything
    page = client.get(f"/expiry?month={month}").text
    assert all(f">{name}<" in page for name in ("soon", "presented"))
    assert ">later<" not in page
    assert ">soon<" not in client.get(f"/expiry?month={month}&source=presented").text
    assert client.get("/expiry?month=1999-01").status_code == 200  # an old bookmark shows everything
