"""Explanations of a rejected backend whose chain is known."""

from datetime import UTC, datetime

import pytest

from holdfast.certificates.certificate import read_certificate
from holdfast.certificates.choices import ChainRole
from holdfast.certificates.identity import parse_reference
from holdfast.gateway.failures.causes import CERTIFICATE_CAUSES, Cause
from holdfast.gateway.failures.explanation import Explanation, SuggestedAction
from holdfast.gateway.failures.explanations import EXPLANATIONS
from holdfast.services.probing.advice import advise
from holdfast.services.probing.faults import find_faults
from holdfast.services.probing.offers import Offer, list_offers
from holdfast.services.probing.terms import Terms
from issuing import DAY, Identity, issue
from kinds import EXPIRED, HOST, ROOT
from presented import BY_FIRST, BY_SECOND, SECOND, chain_of, with_dns_name
from trusting import trust_set

NOW = datetime.now(UTC)


def make_terms(*anchors: Identity, host: str = HOST) -> Terms:
    return Terms(trust_set([read_certificate(anchor.der) for anchor in anchors], parse_reference(host)))


def explain(
    cause: Cause, leaf: Identity, conditions: Terms, offer: Offer | None = None, **options: bool
) -> Explanation:
    chain = chain_of(leaf)
    return advise(find_faults(cause, chain, conditions.trust, NOW), chain, conditions, offer, **options)


def test_all_faults_are_explained_and_the_first_determines_the_remedy():
    explanation = explain(Cause.SELF_SIGNED_NOT_TRUSTED, issue("other.test", **EXPIRED), make_terms())
    words = [EXPLANATIONS[cause].sentence for cause in (Cause.EXPIRED, Cause.HOSTNAME_MISMATCH)]
    assert explanation.sentence.startswith(words[0])
    assert "The backend's own certificate, CN=other.test, expired at " in explanation.sentence
    assert f"Also: {words[1]}" in explanation.sentence
    assert f"Also: {EXPLANATIONS[Cause.SELF_SIGNED_NOT_TRUSTED].sentence}" in explanation.sentence
    assert explanation.remedy.startswith("Renew it at the backend")
    assert explanation.action is None


def test_names_are_shown_with_their_kind():
    explanation = explain(Cause.HOSTNAME_MISMATCH, with_dns_name(), make_terms(with_dns_name()))
    assert f"It has dNSName {HOST}; the gateway looks for iPAddress {HOST}." in explanation.sentence
    assert explanation.remedy.startswith(
        "Pin this certificate in the trust settings and skip the host-name check there"
    )
    usable = explain(Cause.HOSTNAME_MISMATCH, issue("a.test", "*.b.test", "127.0.0.2"), make_terms())
    assert usable.remedy.startswith("Accept one of its names (a.test, 127.0.0.2) in the trust settings")


def test_the_path_that_was_tried_is_shown_with_its_end():
    leaf = issue(HOST, by=BY_FIRST).followed_by(BY_FIRST, BY_SECOND)
    offer = Offer(ChainRole.INTERMEDIATE, read_certificate(BY_FIRST.der))
    explanation = explain(Cause.UNKNOWN_ISSUER, leaf, make_terms(SECOND), offer)
    path = f"The gateway tried the path CN={HOST} -> CN=cross-signed, whose issuer, CN=first root, is neither sent"
    assert path in explanation.sentence
    assert (
        "a certificate of CN=cross-signed that was issued by CN=second root, which is trusted" in explanation.sentence
    )
    assert explanation.remedy.startswith("Import the CA certificate that the backend sends, CN=cross-signed")
    assert explanation.action is SuggestedAction.IMPORT_CERTIFICATE


def test_the_remedy_mentions_an_intermediate_only_if_the_backend_does_not_send_it():
    intermediate = issue(by=ROOT, ca=True, common_name="intermediate")
    alone = issue(HOST, by=intermediate).alone
    offer = Offer(ChainRole.LEAF, read_certificate(alone.der))
    explanation = explain(Cause.UNKNOWN_ISSUER, alone, make_terms(ROOT), offer)
    assert explanation.remedy.startswith(
        "If a trusted CA issued the certificate of CN=intermediate, have the backend send it"
    )
    whole = issue(HOST, by=intermediate).followed_by(intermediate)
    assert "have the backend send it" not in explain(Cause.UNKNOWN_ISSUER, whole, make_terms(SECOND), offer).remedy


def test_an_unconfirmed_remedy_suggests_a_test_instead_of_an_import():
    explanation = explain(Cause.SELF_SIGNED_NOT_TRUSTED, issue(HOST), make_terms(), is_complete=False)
    assert explanation.action is SuggestedAction.TEST_ENDPOINT
    assert explain(Cause.SELF_SIGNED_NOT_TRUSTED, issue(HOST), make_terms()).action is None


def test_faults_of_stages_that_the_gateway_accepted_are_left_out():
    """The gateway reported the name, so it has accepted the path, whatever a comparison shows."""
    faults = find_faults(Cause.HOSTNAME_MISMATCH, chain_of(issue("other.test", **EXPIRED)), make_terms().trust, NOW)
    assert [fault.cause for fault in faults] == [Cause.HOSTNAME_MISMATCH]


@pytest.mark.parametrize("cause", CERTIFICATE_CAUSES)
def test_the_reported_cause_is_always_among_the_ordered_faults(cause: Cause):
    faults = find_faults(cause, chain_of(issue("other.test", start=DAY)), make_terms().trust, NOW)
    causes = [fault.cause for fault in faults]
    assert cause in causes
    assert causes == sorted(causes, key=CERTIFICATE_CAUSES.index)


def test_only_importable_certificates_are_offered():
    old = issue(ca=True, common_name="old", **EXPIRED)
    chain = chain_of(issue(HOST, by=old).followed_by(old))
    faults = find_faults(Cause.UNKNOWN_ISSUER, chain, make_terms().trust, NOW)
    assert [offer.role for offer, _ in list_offers(faults, chain, make_terms(), NOW)] == [ChainRole.LEAF]
    chain = chain_of(issue(HOST, **EXPIRED))
    faults = find_faults(Cause.SELF_SIGNED_NOT_TRUSTED, chain, make_terms().trust, NOW)
    assert not list(list_offers(faults, chain, make_terms(), NOW))
    first, second = (issue(HOST, identified=False) for _ in range(2))
    faults = find_faults(Cause.SELF_SIGNED_NOT_TRUSTED, chain_of(second), make_terms(first).trust, NOW)
    assert not list(list_offers(faults, chain_of(second), make_terms(first), NOW))
