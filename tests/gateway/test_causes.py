"""Codes for Envoy's texts, which were measured."""

import pytest

from holdfast.gateway.failures.causes import Cause, classify_reason
from holdfast.gateway.failures.explanation import SuggestedAction
from holdfast.gateway.failures.explanations import EXPLANATIONS, explain
from holdfast.gateway.failures.presented_names import read_presented_names
from holdfast.gateway.resources.backend_limits import BackendLimits

TLS, ROUTINES = "TLS_error:|", "SSL_routines:OPENSSL_internal:"
VERIFY = f"{TLS}268435581:{ROUTINES}CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_"
UNREADABLE = Cause.UNREADABLE_CERTIFICATE
DEPTH = VERIFY + "X509_verify_cert:_certificate_verification_error_at_depth_"
CRL = DEPTH + "0:_certificate_revocation_check_against_provided_CRLs_failed:_"
REFUSED = "SSLV3_ALERT_HANDSHAKE_FAILURE"


def other_library(reason: str, depth: int = 0, failure: str = "certificate_signature_failure") -> str:
    """Return Envoy's text for a reason outside of BoringSSL's TLS code."""
    verify = f"|268435581:{ROUTINES}CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_X509_verify_cert:"
    return f"{TLS}{reason}{verify}_certificate_verification_error_at_depth_{depth}:_{failure}:TLS_error_end"


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        (DEPTH + "0:_certificate_has_expired:TLS_error_end", Cause.EXPIRED),
        (DEPTH + "1:_certificate_has_expired", Cause.EXPIRED),
        (DEPTH + "0:_certificate_is_not_yet_valid", Cause.NOT_YET_VALID),
        (DEPTH + "0:_unable_to_get_local_issuer_certificate", Cause.UNKNOWN_ISSUER),
        (DEPTH + "1:_unable_to_get_local_issuer_certificate", Cause.UNKNOWN_ISSUER),
        (DEPTH + "0:_self_signed_certificate", Cause.SELF_SIGNED_NOT_TRUSTED),
        (DEPTH + "1:_Different_CRL_scope:TLS_error_end", Cause.CRL_STALE),
        (DEPTH + "0:_unhandled_critical_CRL_extension:TLS_error_end", Cause.CRL_STALE),
        (DEPTH + "2:_self_signed_certificate_in_certificate_chain", Cause.UNKNOWN_ISSUER),
        (
            other_library(
                "436207716:ECDSA_routines:OPENSSL_internal:BAD_SIGNATURE"
                "|184549382:X.509_certificate_routines:OPENSSL_internal:public_key_routines"
            ),
            Cause.UNKNOWN_ISSUER,
        ),
        (
            other_library("201326703:ASN.1_encoding_routines:OPENSSL_internal:DIGEST_AND_KEY_TYPE_NOT_SUPPORTED"),
            Cause.WEAK_SIGNATURE,
        ),
        (
            other_library("201326703:ASN.1_encoding_routines:OPENSSL_internal:DIGEST_AND_KEY_TYPE_NOT_SUPPORTED", 1),
            Cause.WEAK_SIGNATURE,
        ),
        (
            other_library("201326776:ASN.1_encoding_routines:OPENSSL_internal:UNKNOWN_SIGNATURE_ALGORITHM"),
            Cause.WEAK_SIGNATURE,
        ),
        (other_library("100663424:public_key_routines:OPENSSL_internal:UNSUPPORTED_ALGORITHM"), Cause.WEAK_KEY),
        (
            other_library(
                "184549501:X.509_certificate_routines:OPENSSL_internal:PUBLIC_KEY_DECODE_ERROR",
                failure="unable_to_decode_issuer_public_key",
            ),
            Cause.WEAK_KEY,
        ),
        (VERIFY + "SAN_matcher,_certificate_SANs_are_[other.test]:TLS_error_end", Cause.HOSTNAME_MISMATCH),
        (VERIFY + "SAN_matcher,_certificate_SANs_are_[certificate_has_expired.test]", Cause.HOSTNAME_MISMATCH),
        (VERIFY + "SAN_matcher,_certificate_SANs_are_[]:TLS_error_end", Cause.NO_SUBJECT_ALT_NAME),
        (VERIFY + "cert_hash_and_spki:TLS_error_end", Cause.PIN_MISMATCH),
        (CRL + "certificate_revoked:TLS_error_end", Cause.REVOKED),
        (CRL + "CRL_has_expired", Cause.CRL_STALE),
        (CRL + "CRL_is_not_yet_valid", Cause.CRL_STALE),
        (CRL + "unable_to_get_certificate_CRL", Cause.CRL_STALE),
        (
            other_library(
                "436207716:ECDSA_routines:OPENSSL_internal:BAD_SIGNATURE"
                "|184549382:X.509_certificate_routines:OPENSSL_internal:public_key_routines",
                failure="CRL_signature_failure",
            ),
            Cause.CRL_STALE,
        ),
        (f"{TLS}268435758:{ROUTINES}KEY_USAGE_BIT_INCORRECT:TLS_error_end", Cause.KEY_USAGE_WRONG),
        (DEPTH + "1:_unsupported_certificate_purpose", Cause.KEY_USAGE_WRONG),
        (f"{TLS}268435728:{ROUTINES}CANNOT_PARSE_LEAF_CERT|268435593:{ROUTINES}DECODE_ERROR:TLS_error_end", UNREADABLE),
        *(
            (f"{TLS}{of}_routines:OPENSSL_internal:{what}|268435593:{ROUTINES}DECODE_ERROR:TLS_error_end", UNREADABLE)
            for of, what in (
                ("184549516:X.509_certificate", "INVALID_VERSION"),
                ("201326701:ASN.1_encoding", "DECODE_ERROR"),
                ("100663398:public_key", "DECODE_ERROR"),
            )
        ),
        (f"{TLS}268435593:{ROUTINES}DECODE_ERROR:TLS_error_end", Cause.OTHER),
        (DEPTH + "1:_invalid_CA_certificate", Cause.ISSUER_NOT_A_CA),
        (DEPTH + "2:_path_length_constraint_exceeded", Cause.PATH_LENGTH_EXCEEDED),
        (DEPTH + "0:_permitted_subtree_violation", Cause.NAME_CONSTRAINT_VIOLATION),
        (DEPTH + "0:_unsupported_name_constraint_type", Cause.NAME_CONSTRAINT_VIOLATION),
        (DEPTH + "0:_unhandled_critical_extension", Cause.UNKNOWN_CRITICAL_EXTENSION),
        (f"{TLS}268436526:{ROUTINES}TLSV1_ALERT_PROTOCOL_VERSION:TLS_error_end", Cause.TLS_VERSION_MISMATCH),
        (
            f"{TLS}268436496:{ROUTINES}{REFUSED}|268435610:{ROUTINES}HANDSHAKE_FAILURE_ON_CLIENT_HELLO:TLS_error_end",
            Cause.CIPHER_MISMATCH,
        ),
        (f"{TLS}268436527:{ROUTINES}TLSV1_ALERT_INSUFFICIENT_SECURITY:TLS_error_end", Cause.CIPHER_MISMATCH),
        (f"{TLS}268436496:{ROUTINES}{REFUSED}:TLS_error_end", Cause.CLIENT_CERTIFICATE_REQUIRED),
        (f"{TLS}268436498:{ROUTINES}SSLV3_ALERT_BAD_CERTIFICATE:TLS_error_end", Cause.CLIENT_CERTIFICATE_REQUIRED),
        (f"{TLS}268436572:{ROUTINES}TLSV1_ALERT_CERTIFICATE_REQUIRED", Cause.CLIENT_CERTIFICATE_REQUIRED),
        (f"{TLS}268436504:{ROUTINES}TLSV1_ALERT_UNKNOWN_CA:TLS_error_end", Cause.CLIENT_CERTIFICATE_REJECTED),
        (f"{TLS}268436501:{ROUTINES}SSLV3_ALERT_CERTIFICATE_EXPIRED", Cause.CLIENT_CERTIFICATE_REJECTED),
        (f"{TLS}268436500:{ROUTINES}SSLV3_ALERT_CERTIFICATE_REVOKED", Cause.CLIENT_CERTIFICATE_REJECTED),
        (f"{TLS}268436499:{ROUTINES}SSLV3_ALERT_UNSUPPORTED_CERTIFICATE", Cause.CLIENT_CERTIFICATE_REJECTED),
        (f"{TLS}268436502:{ROUTINES}SSLV3_ALERT_CERTIFICATE_UNKNOWN", Cause.CLIENT_CERTIFICATE_REJECTED),
        (f"{TLS}268436505:{ROUTINES}TLSV1_ALERT_ACCESS_DENIED", Cause.CLIENT_CERTIFICATE_REJECTED),
        (f"{TLS}268435703:{ROUTINES}WRONG_VERSION_NUMBER:TLS_error_end", Cause.NOT_TLS),
        ("delayed_connect_error:_Connection_refused", Cause.CONNECTION_REFUSED),
        ("connection_timeout", Cause.TIMEOUT),
        ("TLS_error:_Secret_is_not_supplied_by_SDS", Cause.TRUST_NOT_READY),
        (
            f"{TLS}33554536:system_library:OPENSSL_internal:Connection_reset_by_peer:TLS_error_end",
            Cause.CLOSED_BEFORE_RESPONSE,
        ),
        (f"{TLS}268436568:{ROUTINES}TLSV1_ALERT_UNRECOGNIZED_NAME:TLS_error_end", Cause.OTHER),
        (f"{TLS}268436536:{ROUTINES}TLSV1_ALERT_INTERNAL_ERROR:TLS_error_end", Cause.OTHER),
        ("connection_closed", Cause.CLOSED_BEFORE_RESPONSE),
        ("something_new", Cause.OTHER),
        ("", Cause.OTHER),
    ],
)
def test_each_text_of_envoy_has_its_code(reason, cause):
    assert classify_reason(reason) is cause
    assert classify_reason(reason.replace("_", " ")) is cause


@pytest.mark.parametrize("alert", [REFUSED, "SSLV3_ALERT_BAD_CERTIFICATE"])
def test_an_ambiguous_alert_about_a_client_certificate_depends_on_whether_the_gateway_has_one(alert):
    reason = f"{TLS}268436496:{ROUTINES}{alert}:TLS_error_end"
    assert classify_reason(reason) is Cause.CLIENT_CERTIFICATE_REQUIRED
    assert classify_reason(reason, presents_identity=True) is Cause.CLIENT_CERTIFICATE_REJECTED


def test_flags_decide_if_envoy_gives_no_reason():
    assert classify_reason("", timed_out=True) is Cause.TIMEOUT
    assert classify_reason("", without_host=True) is Cause.DNS_FAILURE
    assert classify_reason("delayed_connect_error:_Connection_refused", timed_out=True) is Cause.CONNECTION_REFUSED


def test_the_names_in_the_backends_certificate_are_read():
    names = VERIFY + "SAN_matcher,_certificate_SANs_are_["
    assert read_presented_names(names + "a.test,_b.test]:TLS_error_end") == "dNSName a.test, dNSName b.test"
    assert read_presented_names(names + "a.test]") == "dNSName a.test"
    assert read_presented_names(names + "a,_b,_c,_d,_e,_f,_g]:TLS_error_end").endswith(
        "dNSName d, dNSName e and others"
    )
    assert (
        read_presented_names(names + "127.0.0.1,_urn:a,_b@c.test]")
        == "127.0.0.1 (dNSName or iPAddress), urn:a, b@c.test"
    )
    assert read_presented_names(names + "cut.te") == "dNSName cut.te"
    assert read_presented_names(names + "]:TLS_error_end") == ""
    assert read_presented_names("connection_timeout") == ""


def test_the_explanation_lists_the_names_in_the_backends_certificate():
    reason = VERIFY + "SAN_matcher,_certificate_SANs_are_[other.test]:TLS_error_end"
    assert explain(Cause.HOSTNAME_MISMATCH, reason).sentence.endswith(
        " for the host of this endpoint. It has dNSName other.test."
    )
    assert explain(Cause.EXPIRED, "") == EXPLANATIONS[Cause.EXPIRED]


def test_a_failure_without_a_code_is_explained_with_the_text_of_envoy():
    assert explain(Cause.OTHER, "something_new (UF)").sentence.endswith("The gateway reports: something_new (UF).")


def test_limits_are_explained_with_the_setting_that_changes_them():
    limits = BackendLimits(requests=7, websockets=8, header_fields=9, header_kib=10)
    busy = explain(Cause.TOO_MANY_OPEN_REQUESTS, "", limits)
    assert busy.sentence.endswith(
        "Limits, unless the endpoint has its own: open requests 7, connections 1,024, requests waiting for a "
        "connection 1,024, websockets 8."
    )
    assert "HOLDFAST_BACKEND_REQUESTS" in busy.remedy
    for cause in (Cause.RESPONSE_HEADERS_TOO_LARGE, Cause.TOO_MANY_RESPONSE_HEADERS, Cause.REQUEST_HEADERS_TOO_LARGE):
        assert explain(cause, "", limits).sentence.endswith("The gateway allows 9 fields and 10 KiB.")
        assert "HOLDFAST_HEADER_" in explain(cause, "").remedy


def test_every_cause_is_explained_with_a_remedy():
    assert set(EXPLANATIONS) == set(Cause)
    sentences = [text for explanation in EXPLANATIONS.values() for text in (explanation.sentence, explanation.remedy)]
    assert all(text.endswith(".") for text in sentences)
    assert {explanation.action for explanation in EXPLANATIONS.values()} == {*SuggestedAction, None}
