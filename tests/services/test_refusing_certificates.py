"""Rejected imports report the reason and change nothing."""

from datetime import UTC, datetime

import pytest

from acting import context_of
from holdfast.apis.errors import InvalidField
from holdfast.certificates.errors import CertificateError, PrivateKeyRefused
from holdfast.services.access.principal import Principal
from holdfast.services.catalog import apis
from holdfast.services.catalog.apis import ApiDraft
from holdfast.services.errors import (
    CertificateExpired,
    Conflict,
    EndpointNeedsNoCertificate,
    IndistinguishableCertificates,
    NotFound,
)
from holdfast.services.trust import endpoint_certificates
from issuing import DAY, issue
from store.values import contents

URL = "https://pizza.test:8443/base"
BACKEND = issue("pizza.test")
EXPIRED = issue("pizza.test", start=-9 * DAY, end=-3 * DAY)


@pytest.fixture(scope="module")
def store(shared_runtime):
    return shared_runtime.store


@pytest.fixture(scope="module")
def anna(join):
    return Principal(join("anna").organization, "anna")


@pytest.fixture(scope="module")
def otto(join):
    return Principal(join("otto").organization, "otto")


@pytest.fixture(scope="module", autouse=True)
def certificate(store, anna, otto):
    """An API with a certificate under the alias "kept", and another organization with its own API."""
    now = datetime.now(UTC)
    apis.create_api(context_of(store, anna, now), ApiDraft("Pizza", "/pizza", "1.0.0", URL, "http://sandbox.test:8080"))
    endpoint_certificates.import_certificate(context_of(store, anna, now), "kept", URL, BACKEND.pem)
    apis.create_api(context_of(store, otto, now), ApiDraft("Pasta", "/pasta", "1.0.0", "https://pasta.test"))


@pytest.fixture
def reject(store, anna, otto, clock):
    """Run a use case that must raise *error* and change nothing."""

    def everything():
        return contents(store, anna.organization), contents(store, otto.organization)

    def attempt(error, match, use_case, who, *arguments):
        before = everything()
        with pytest.raises(error, match=match) as refusal:
            use_case(context_of(store, who, clock()), *arguments)
        assert everything() == before
        return refusal.value

    return attempt


def test_an_expired_certificate_is_rejected_with_its_date(reject, anna):
    why = f"expired on {EXPIRED.certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    for data in (EXPIRED.pem, EXPIRED.der, EXPIRED.pem + issue(start=-9 * DAY, end=-5 * DAY).pem):
        reject(CertificateExpired, why, endpoint_certificates.import_certificate, anna, "a", URL, data)
        reject(CertificateExpired, why, endpoint_certificates.replace_certificate, anna, "kept", data)


def test_an_http_endpoint_is_rejected_with_the_reason(reject, anna):
    where = "http://sandbox.test:8080"
    reject(
        EndpointNeedsNoCertificate,
        "present a certificate",
        endpoint_certificates.import_certificate,
        anna,
        "a",
        where,
        BACKEND.pem,
    )


@pytest.mark.parametrize("endpoint", ["", "pizza.test", "https://", "https://pizza.test:8443/base x"])
def test_an_endpoint_that_is_not_a_url_is_rejected(reject, anna, endpoint):
    error = reject(
        InvalidField, "Use a URL like", endpoint_certificates.import_certificate, anna, "a", endpoint, BACKEND.pem
    )
    assert error.field == "endpoint"


def test_a_taken_alias_is_rejected_and_its_certificate_stays(reject, anna):
    error = reject(Conflict, "already exists", endpoint_certificates.import_certificate, anna, "kept", URL, issue().pem)
    assert error.field == "alias"


@pytest.mark.parametrize("alias", ["", "a b", "a/b", "<b>", "'; DROP TABLE certificate; --", "x" * 46])
def test_an_invalid_alias_is_rejected(reject, anna, alias):
    error = reject(InvalidField, "(?i)alias", endpoint_certificates.import_certificate, anna, alias, URL, BACKEND.pem)
    assert error.field == "alias"


@pytest.mark.parametrize("data", [b"", b"hello", BACKEND.pem[:-40], BACKEND.der[:-1]])
def test_a_file_without_a_certificate_is_rejected(reject, anna, data):
    reject(CertificateError, None, endpoint_certificates.import_certificate, anna, "a", URL, data)
    reject(CertificateError, None, endpoint_certificates.replace_certificate, anna, "kept", data)


def test_indistinguishable_certificates_are_rejected(reject, store, anna, clock):
    """Two of one subject, self-signed, without key identifiers: Envoy takes the first that fits."""
    one, second = issue("twin.test", identified=False), issue("twin.test", identified=False)
    bundle = one.pem + second.pem
    reject(
        IndistinguishableCertificates,
        "The file contains two",
        endpoint_certificates.import_certificate,
        anna,
        "a",
        URL,
        bundle,
    )
    reject(
        IndistinguishableCertificates,
        "The file contains two",
        endpoint_certificates.replace_certificate,
        anna,
        "kept",
        bundle,
    )
    endpoint_certificates.import_certificate(context_of(store, anna, clock()), "one", URL, one.pem)
    error = reject(
        IndistinguishableCertificates,
        "one already has",
        endpoint_certificates.import_certificate,
        anna,
        "a",
        URL,
        second.pem,
    )
    assert (error.subject, error.alias) == ("CN=twin.test", "one")
    reject(
        IndistinguishableCertificates,
        "one already has",
        endpoint_certificates.replace_certificate,
        anna,
        "kept",
        second.pem,
    )
    # Neither a replacement nor the same certificate again counts as a second one.
    endpoint_certificates.replace_certificate(context_of(store, anna, clock()), "one", second.pem)
    endpoint_certificates.import_certificate(context_of(store, anna, clock()), "again", URL, second.pem)
    for alias in ("one", "again"):
        endpoint_certificates.delete_certificate(context_of(store, anna, clock()), alias)


def test_a_private_key_is_rejected_and_never_stored(reject, anna, shared_storage):
    data = BACKEND.pem + BACKEND.key_pem
    reject(PrivateKeyRefused, "Block 2 of 2", endpoint_certificates.import_certificate, anna, "a", URL, data)
    reject(PrivateKeyRefused, "Block 2 of 2", endpoint_certificates.replace_certificate, anna, "kept", data)
    line = BACKEND.key_pem.splitlines()[1]
    assert BACKEND.der in shared_storage.content()
    assert b"PRIVATE KEY" not in shared_storage.content()
    assert line not in shared_storage.content()


def test_an_unknown_alias_is_not_found(reject, anna, otto, store):
    reject(NotFound, "'nobody'", endpoint_certificates.replace_certificate, anna, "nobody", BACKEND.pem)
    reject(NotFound, "'nobody'", endpoint_certificates.delete_certificate, anna, "nobody")
    with pytest.raises(NotFound):
        endpoint_certificates.get_certificate(context_of(store, anna), "nobody")
    # Aliases of another organization aren't found either.
    reject(NotFound, "'kept'", endpoint_certificates.replace_certificate, otto, "kept", BACKEND.pem)
    reject(NotFound, "'kept'", endpoint_certificates.delete_certificate, otto, "kept")
