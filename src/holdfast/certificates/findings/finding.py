"""
Findings as values, with their stable codes.
"""

from dataclasses import dataclass
from enum import StrEnum

MAX_SHOWN = 100


class Severity(StrEnum):
    """The severity of a finding: rejected by the gateway, unsafe or likely to fail, or worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Code(StrEnum):
    """The stable codes of all findings, explained in docs/reference/findings.md."""

    EXPIRED = "expired"
    EXPIRING = "expiring"
    NOT_YET_VALID = "not-yet-valid"
    NEVER_VALID = "never-valid"
    LONG_VALIDITY = "long-validity"
    WEAK_KEY = "weak-key"
    ODD_KEY_SIZE = "odd-key-size"
    UNSUPPORTED_KEY = "unsupported-key"
    ED25519_KEY = "ed25519-key"
    WEAK_SIGNATURE = "weak-signature"
    NO_SUBJECT_ALT_NAME = "no-subject-alt-name"
    NAME_MISMATCH = "name-mismatch"
    ADDRESS_AS_DNS_NAME = "address-as-dns-name"
    WIDE_WILDCARD = "wide-wildcard"
    FORBIDDEN_WILDCARD = "forbidden-wildcard"
    INVALID_DNS_NAME = "invalid-dns-name"
    COMMON_NAME_IGNORED = "common-name-ignored"
    NO_DIGITAL_SIGNATURE = "no-digital-signature"
    NO_SERVER_AUTH = "no-server-auth"
    UNUSUAL_PURPOSE = "unusual-purpose"
    UNKNOWN_CRITICAL_EXTENSION = "unknown-critical-extension"
    CA_WITHOUT_NAME = "ca-without-name"
    CA_WITHOUT_BASIC_CONSTRAINTS = "ca-without-basic-constraints"
    NOT_A_CA = "not-a-ca"
    CA_WITHOUT_KEY_CERT_SIGN = "ca-without-key-cert-sign"
    CA_FOR_ANY_NAME = "ca-for-any-name"
    NAME_CONSTRAINTS = "name-constraints"
    NAME_CONSTRAINTS_NOT_CRITICAL = "name-constraints-not-critical"
    NO_KEY_IDENTIFIER = "no-key-identifier"
    UNUSUAL_SERIAL_NUMBER = "unusual-serial-number"
    EMPTY_ISSUER = "empty-issuer"
    UNREADABLE_EXTENSION = "unreadable-extension"
    UNREADABLE_NAME = "unreadable-name"
    VERSION_1 = "version-1"
    PATH_LENGTH_EXCEEDED = "path-length-exceeded"
    CHAIN_INCOMPLETE = "chain-incomplete"
    CHAIN_OUT_OF_ORDER = "chain-out-of-order"
    INDISTINGUISHABLE = "indistinguishable"
    DUPLICATE = "duplicate"
    ALREADY_TRUSTED = "already-trusted"
    ENDPOINT_UNUSED = "endpoint-unused"
    ONLY_ITSELF = "only-itself"
    CRL_UNUSABLE = "crl-unusable"
    CRL_EXPIRED = "crl-expired"
    CRL_NOT_YET_VALID = "crl-not-yet-valid"
    CRL_WITHOUT_CRL_SIGN = "crl-without-crl-sign"
    CRL_MISSING = "crl-missing"
    CRL_OF_ANOTHER_CA = "crl-of-another-ca"
    CRL_PARTIAL = "crl-partial"
    CRL_WITHOUT_END = "crl-without-end"
    CRL_WEAK_SIGNATURE = "crl-weak-signature"
    CRL_WITHOUT_NUMBER = "crl-without-number"
    CRL_WITHOUT_KEY_IDENTIFIER = "crl-without-key-identifier"


@dataclass(frozen=True, slots=True)
class Finding:
    """An assessment of the certificate or CRL with *fingerprint*; *code* is stable."""

    code: Code
    severity: Severity
    message: str
    remedy: str
    fingerprint: str


def display(text: str) -> str:
    """Return *text* from a certificate for use in a sentence: shortened, and without unprintable characters."""
    printable = "".join(character if character.isprintable() else "?" for character in text[: MAX_SHOWN + 1])
    return f"{printable[:MAX_SHOWN]}…" if len(printable) > MAX_SHOWN else printable
