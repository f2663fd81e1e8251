"""The docs site at /help: what `make docs` built, for anyone, with a policy that allows only its own scripts."""

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest
from starlette.testclient import TestClient

from holdfast.certificates.findings.finding import Code
from holdfast.gateway.failures.access_log import FailedRequest
from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.failures.evidence import Evidence
from holdfast.gateway.resources.local_replies import REPLIES
from holdfast.web import create_door, docs_site
from issuing import issue
from rest.calls import create_api

REFERENCE = docs_site.DIRECTORY / "reference"


@pytest.fixture(scope="module")
def visitor(shared_runtime, connect):
    """A browser without a session."""
    assert (docs_site.DIRECTORY / "index.html").is_file(), "The docs aren't built. Run make docs."
    return connect(shared_runtime)


def test_pages_need_no_sign_in_and_allow_no_scripts_but_their_own(visitor):
    response = visitor.get("/help/reference/findings/")
    assert response.status_code == 200
    policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
    scripts = re.findall(r"<script>(.*?)</script>", response.text, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert policy["script-src"].split() == ["'self'", *(f"'sha256-{value}'" for value in hashes)]
    assert policy["style-src"] == policy["connect-src"] == "'self'"
    assert (policy["default-src"], policy["frame-ancestors"]) == ("'none'", "'none'")


def test_browsers_ask_whether_a_page_changed_and_keep_its_policy(visitor):
    first = visitor.get("/help/")
    again = visitor.get("/help/", headers={"if-none-match": first.headers["etag"]})
    assert (first.status_code, again.status_code) == (200, 304)
    for name in ("cache-control", "content-security-policy"):
        assert again.headers[name] == first.headers[name]
    assert first.headers["cache-control"] == "no-cache"


def test_files_with_a_hash_in_their_name_are_kept_for_good(visitor):
    files = re.findall(r'(?:href|src)="(assets/[^"]*\.(?:css|js))"', visitor.get("/help/").text)
    assert len(files) > 2
    for path in files:
        assert "immutable" in visitor.get(f"/help/{path}").headers["cache-control"]


def test_addresses_without_a_slash_at_the_end_lead_to_their_page(visitor):
    for path in ("/help", "/help/reference/findings"):
        assert visitor.get(path).headers["location"] == f"http://127.0.0.1:9080{path}/"


@pytest.mark.parametrize("path", ["/help/nothing/", "/help/../templates/base.html", "/help/%2e%2e/docs_site.py"])
def test_addresses_of_nothing_answer_404(visitor, path):
    assert visitor.get(path).status_code == 404


def test_files_and_the_site_accept_only_get_and_head(visitor):
    for path in ("/help/", "/help/nothing", "/static/css/base.css"):
        answer = visitor.post(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD"), path


def test_without_the_site_help_says_how_to_build_it(shared_runtime, monkeypatch, tmp_path):
    monkeypatch.setattr(docs_site, "DIRECTORY", tmp_path / "help")
    visitor = TestClient(create_door(shared_runtime), "http://127.0.0.1:9080")
    for path in ("/help/", "/help/reference/findings/"):
        response = visitor.get(path)
        assert response.status_code == 200
        assert "<code>make docs</code>" in response.text
    assert visitor.post("/help/").status_code == 405
    (tmp_path / "help").mkdir()
    (tmp_path / "help/index.html").write_text("built")
    assert visitor.get("/help/").text == "built"


def test_pages_load_nothing_from_other_hosts():
    loading = re.compile(r'<(?:link|script|img)[^>]*(?:href|src)="([^"]*)"')
    urls = {url for path in docs_site.DIRECTORY.rglob("*.html") for url in loading.findall(path.read_text("utf-8"))}
    assert len(urls) > 10
    assert {url for url in urls if re.match(r"[a-z]+:|//", url)} == set()


def test_every_page_leads_to_help_and_findings_and_failures_to_their_entries(client, shared_runtime, berta):
    api = create_api(client)
    evidence = Evidence(reason="SAN matcher, certificate SANs are []")
    cluster = f"{berta.organization}/{api['id']}/production"
    shared_runtime.failures.record(FailedRequest("edge", cluster, "", "1", datetime.now(UTC), evidence))
    expiring = issue("pizza.test", end=timedelta(days=10)).pem
    endpoints = f"/apis/{api['id']}/endpoints"
    pages = {
        "/failures": client.get("/failures").text,
        endpoints: client.get(endpoints).text,
        "inspection": client.post(f"/apis/{api['id']}/certificates/inspect", data={"pem": expiring}).text,
    }
    entries = {place: set(re.findall(r'href="/help/([^"#]+)#([^"]+)"', text)) for place, text in pages.items()}
    assert ("reference/causes/", "no_subject_alt_name") in entries["/failures"] & entries[endpoints]
    assert ("reference/findings/", "expiring") in entries["inspection"]
    for page, anchor in set().union(*entries.values()):
        assert f' id="{anchor}"' in (docs_site.DIRECTORY / page / "index.html").read_text("utf-8")
    for path in ("/apis", "/failures", endpoints, "/account", "/docs", "/nothing", "/sign-in"):
        assert 'href="/help/"' in client.get(path).text, path


def test_every_code_has_an_anchor():
    findings = set(re.findall(r' id="([^"]+)"', (REFERENCE / "findings/index.html").read_text("utf-8")))
    causes = set(re.findall(r' id="([^"]+)"', (REFERENCE / "causes/index.html").read_text("utf-8")))
    assert {code for code in Code if code not in findings} == set()
    assert {code for code in [*Cause, *(reply.code for reply in REPLIES)] if code not in causes} == set()
