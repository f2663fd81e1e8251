"""CRLs of trust settings: which new ones are rejected, and what happens to saved ones."""

from dataclasses import replace

import pytest

from acting import context_of
from holdfast.apis.errors import InvalidFields
from holdfast.apis.trust.trust_draft import TrustDraft
from holdfast.services.trust.examination import inspect
from holdfast.services.trust.trust_settings import change_settings, get_settings, preview_settings
from issuing import issue, revoke

URL = "https://pizza.test:8443"
ROOT = issue(ca=True, common_name="root")


@pytest.fixture(autouse=True)
def _trust(publish, import_pem, anna):
    publish(anna, "Pizza", URL)
    import_pem(anna, "pizza", URL, ROOT.pem)


def list_codes(preview):
    return {finding.code for finding in preview.findings} - {"crl-without-number", "crl-without-key-identifier"}


def test_an_expired_crl_is_rejected_only_if_it_is_new(store, anna, clock):
    draft = TrustDraft(revocation=revoke(ROOT))
    assert list_codes(change_settings(context_of(store, anna, clock()), URL, draft)) == set()
    later = clock.advance(days=31)
    assert list_codes(get_settings(context_of(store, anna, later), URL)) == {"crl-expired"}
    with_name = replace(draft, names=["a.internal"])
    assert list_codes(change_settings(context_of(store, anna, later), URL, with_name)) == {"crl-expired"}
    other = TrustDraft(revocation=revoke(issue(ca=True, common_name="other")))
    for decide in (change_settings, preview_settings):
        with pytest.raises(InvalidFields, match="The CRL of CN=other expired on"):
            decide(context_of(store, anna, later), URL, other)


def test_an_imported_ca_without_a_crl_is_reported(store, anna, clock):
    preview = preview_settings(
        context_of(store, anna, clock()), URL, TrustDraft(revocation=revoke(issue(ca=True, common_name="b")))
    )
    assert list_codes(preview) == {"crl-missing", "crl-of-another-ca"}
    (missing,) = [finding.message for finding in preview.findings if finding.code == "crl-missing"]
    assert missing == "There is no CRL for CN=root. The gateway rejects it and everything that it issued."


def test_a_ca_without_a_crl_that_is_imported_after_crls_is_reported(store, anna, clock, import_pem):
    change_settings(context_of(store, anna, clock()), URL, TrustDraft(revocation=revoke(ROOT)))
    other, leaf = issue(ca=True, common_name="other"), issue("pizza.test", by=ROOT)
    for look in (
        lambda pem: import_pem(anna, "other", URL, pem),
        lambda pem: inspect(context_of(store, anna, clock()), pem, URL),
    ):
        assert "crl-missing" in {finding.code for finding in look(other.pem).findings}
    assert "crl-missing" not in {
        finding.code for finding in inspect(context_of(store, anna, clock()), leaf.pem, URL).findings
    }
    change_settings(context_of(store, anna, clock()), URL, TrustDraft(revocation=b""))
    assert "crl-missing" not in {
        finding.code for finding in inspect(context_of(store, anna, clock()), other.pem, URL).findings
    }
