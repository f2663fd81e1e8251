"""Envoy's words as codes; the texts were measured."""

import pytest

from holdfast.gateway.causes import EXPLANATIONS, Cause, cause_of, presented_names

VERIFY = "TLS_error:|268435581:SSL_routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_"


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        (VERIFY + "certificate_verification_error_at_depth_0:_certificate_has_expired", Cause.EXPIRED),
        (VERIFY + "certificate_verification_error_at_depth_1:_certificate_has_expired", Cause.EXPIRED),
        (VERIFY + "depth_0:_certificate_is_not_yet_valid", Cause.NOT_YET_VALID),
        (VERIFY + "depth_0:_unable_to_get_local_issuer_certificate", Cause.UNKNOWN_ISSUER),
        (VERIFY + "depth_0:_self_signed_certificate", Cause.SELF_SIGNED_NOT_TRUSTED),
        (VERIFY + "depth_1:_self_signed_certificate_in_certificate_chain", Cause.UNKNOWN_ISSUER),
        (VERIFY + "SAN_matcher,_certificate_SANs_are_[other.test]", Cause.HOSTNAME_MISMATCH),
        (VERIFY + "SAN_matcher,_certificate_SANs_are_[]", Cause.NO_SUBJECT_ALT_NAME),
        ("TLS_error:|268436526:SSL_routines:OPENSSL_internal:TLSV1_ALERT_PROTOCOL_VERSION", Cause.TLS_VERSION_MISMATCH),
        ("TLS_error:SSL_routines:OPENSSL_internal:SSLV3_ALERT_HANDSHAKE_FAILURE", Cause.CIPHER_MISMATCH),
        ("TLS_error:|268435703:SSL_routines:OPENSSL_internal:WRONG_VERSION_NUMBER:TLS_error_end", Cause.NOT_TLS),
        ("delayed_connect_error:_Connection_refused", Cause.CONNECTION_REFUSED),
        ("connection_timeout", Cause.TIMEOUT),
        ("TLS_error:_Secret_is_not_supplied_by_SDS", Cause.TRUST_NOT_READY),
        ("something_new", Cause.OTHER),
        ("", Cause.OTHER),
    ],
)
def test_each_text_has_its_code(reason, cause):
    assert cause_of(reason) is cause
    assert cause_of(reason.replace("_", " ")) is cause


def test_flags_decide_where_envoy_gives_no_reason():
    assert cause_of("", timed_out=True) is Cause.TIMEOUT
    assert cause_of("", without_host=True) is Cause.DNS_FAILURE
    assert cause_of("delayed_connect_error:_Connection_refused", timed_out=True) is Cause.CONNECTION_REFUSED


def test_the_names_of_the_backend_are_read():
    assert presented_names(VERIFY + "SAN_matcher,_certificate_SANs_are_[a.test,_b.test]") == "a.test, b.test"
    assert presented_names(VERIFY + "SAN_matcher,_certificate_SANs_are_[]") == ""
    assert presented_names("connection_timeout") == ""


def test_every_cause_is_explained_with_a_remedy():
    assert set(EXPLANATIONS) == set(Cause)
    assert all(each.sentence.endswith(".") and each.remedy.endswith(".") for each in EXPLANATIONS.values())
