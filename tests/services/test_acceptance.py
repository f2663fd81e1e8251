"""Why a gateway accepts a backend, derived from the verdicts with and without the upload."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from holdfast.certificates.certificate import read_certificate
from holdfast.certificates.certificate_list import read_presented
from holdfast.certificates.identity import parse_reference
from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.resources.public_roots import read_public_roots
from holdfast.network.presentation import Presentation
from holdfast.services.probing.acceptance import Result, accept, needs_second_answer
from holdfast.services.probing.terms import StoredCertificates, Terms
from holdfast.services.probing.verdicts import Verdict
from issuing import issue
from trusting import trust_set

HOST = parse_reference("pizza.test")
NEW, OLD, ROOT = (read_certificate(issue("pizza.test", common_name=name).der) for name in ("new", "old", "root"))
PUBLIC = read_public_roots()[0]
YES, NO = Verdict(True), Verdict(False, Cause.UNKNOWN_ISSUER)
STORED = StoredCertificates("pizza", (OLD,))
BOTH = trust_set([NEW, OLD], HOST)


def present(certificate) -> Presentation:
    return Presentation("127.0.0.1:1", read_presented([certificate.der], 20), "TLSv1.3", "", "", False, "")


def make_terms(*, public: bool = False, **changes) -> Terms:
    trust, rest = (replace(trust_of_one, with_public_roots=public) for trust_of_one in (BOTH, trust_set([OLD], HOST)))
    return replace(Terms(trust, with_upload=True, stored_certificates=(STORED,), without_upload=rest), **changes)


def test_the_second_verdict_decides_whether_the_upload_makes_the_difference():
    assert needs_second_answer(YES, make_terms())
    assert accept(YES, NO, present(NEW), make_terms()).result is Result.BY_UPLOAD
    assert accept(YES, YES, present(OLD), make_terms()).result is Result.ANYWAY


@pytest.mark.parametrize("without", [None, Verdict(False, Cause.TIMEOUT), Verdict(False, None, by="none")])
def test_without_a_second_verdict_nothing_is_claimed_about_the_upload(without):
    outcome = accept(YES, without, present(NEW), make_terms())
    assert (outcome.result, outcome.sentence) == (Result.ACCEPTED, "")


def test_public_roots_are_a_reason_if_they_are_trusted():
    acceptance = accept(YES, YES, present(PUBLIC), make_terms(public=True))
    assert (acceptance.result, acceptance.stored_certificates, acceptance.by_public_roots) == (Result.ANYWAY, (), True)
    assert acceptance.sentence.endswith("public roots are trusted for this endpoint, too.")
    alias = accept(YES, YES, present(OLD), make_terms(public=True))
    assert (alias.stored_certificates, alias.by_public_roots) == ((STORED,), False)


def test_if_only_public_roots_are_trusted_the_upload_is_reported_as_unused():
    only_public = replace(trust_set([], HOST), with_public_roots=True)
    only_roots = make_terms(trust=only_public, without_upload=only_public)
    assert not needs_second_answer(YES, only_roots)
    outcome = accept(YES, None, present(PUBLIC), only_roots)
    assert (outcome.result, outcome.by_public_roots) == (Result.ANYWAY, True)
    assert "imported certificates aren't used" in outcome.sentence


def test_without_other_trust_no_second_verdict_is_needed():
    alone = make_terms(stored_certificates=(), without_upload=None)
    assert not needs_second_answer(YES, alone)
    assert accept(YES, None, present(NEW), alone).result is Result.BY_UPLOAD


def test_an_exception_is_the_reason_regardless_of_trust():
    until = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
    off = make_terms(trust=replace(BOTH, unverified_until=until))
    assert not needs_second_answer(YES, off)
    outcome = accept(YES, None, present(NEW), off)
    assert (outcome.result, outcome.unverified_until) == (Result.ANYWAY, until)
    assert "verification is off until 2026-11-29 12:00 UTC" in outcome.sentence


def test_a_rejection_reports_whether_the_backend_needs_the_replaced_certificate():
    conditions = make_terms(removed_certificates=(OLD,))
    assert accept(NO, None, present(OLD), conditions).needs_removed
    assert not accept(NO, None, present(ROOT), conditions).needs_removed
    assert not accept(Verdict(False, Cause.EXPIRED), None, present(OLD), conditions).needs_removed
    assert accept(Verdict(False, None, by="none"), None, present(OLD), conditions).result is Result.UNKNOWN
