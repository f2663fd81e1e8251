"""
Findings about keys and signatures that are too weak, or that the gateway can't use.
"""

from collections.abc import Iterator

from holdfast.certificates.findings.case import Case
from holdfast.certificates.findings.finding import Code, Finding, Severity, display

MIN_RSA_BITS = 2048
MIN_EC_BITS = 256
_STRONGER = "Ask for a certificate with a stronger key: RSA with at least 2048 bits, or EC P-256."
_ANOTHER = "Ask for a certificate with an RSA, EC P-256, P-384 or P-521 key."
_USABLE = {"RSA", "Ed25519", "EC secp256r1", "EC secp384r1", "EC secp521r1"}
USABLE_ABOVE_A_LEAF = _USABLE | {"EC secp224r1"}


def judge_strength(case: Case) -> Iterator[Finding]:
    """Examine the certificate's key and signature algorithm."""
    yield from _judge_key(case)
    yield from _judge_signature(case)


def _judge_key(case: Case) -> Iterator[Finding]:
    key = case.certificate.public_key
    if _is_weak(case):
        if _is_usable(case):
            message = f"The key, {key}, is too weak to be safe. The gateway accepts it."
            yield case.build_finding(Code.WEAK_KEY, Severity.WARNING, message, _STRONGER)
        else:
            message = f"The key, {key}, isn't safe. The gateway rejects it."
            yield case.build_finding(Code.WEAK_KEY, Severity.ERROR, message, _STRONGER)
    elif not _is_usable(case):
        message = f"The gateway can't use the key, {display(str(key))}, and rejects everything that depends on it."
        yield case.build_finding(Code.UNSUPPORTED_KEY, Severity.ERROR, message, _ANOTHER)
    elif key.algorithm == "RSA" and key.size % 8:
        message = f"The key size, {key.size} bits, isn't a multiple of 8. The gateway accepts it."
        remedy = "If other clients reject it, ask for a certificate with an RSA key of 2048, 3072 or 4096 bits."
        yield case.build_finding(Code.ODD_KEY_SIZE, Severity.INFO, message, remedy)
    elif key.algorithm == "Ed25519":
        message = "The key is Ed25519. The gateway accepts it; browsers and many other clients don't."
        remedy = "If other clients call the backend too, ask for a certificate with an EC P-256 key."
        yield case.build_finding(Code.ED25519_KEY, Severity.INFO, message, remedy)


def _is_weak(case: Case) -> bool:
    key = case.certificate.public_key
    if key.algorithm.startswith("EC "):
        return key.size < MIN_EC_BITS
    return key.algorithm == "DSA" or (key.algorithm.startswith("RSA") and key.size < MIN_RSA_BITS)


def _is_usable(case: Case) -> bool:
    algorithms = _USABLE if case.may_be_presented else USABLE_ABOVE_A_LEAF
    return case.certificate.public_key.algorithm in algorithms


def _judge_signature(case: Case) -> Iterator[Finding]:
    algorithm = case.certificate.signature_algorithm
    if case.certificate.is_self_issued or not any(weak in algorithm for weak in ("MD2", "MD5", "SHA1")):
        return  # the signature of a self-signed certificate proves nothing
    remedy = "Ask the CA for a certificate signed with SHA-256."
    if "SHA1" not in algorithm and case.checked_by:
        message = (
            f"Signed with {algorithm}, which can be forged. "
            f"The gateway checks the signature and rejects it, because its issuer, {case.checked_by}, is in the file."
        )
        yield case.build_finding(Code.WEAK_SIGNATURE, Severity.ERROR, message, remedy)
        return
    message = f"Signed with {algorithm}, which can be forged. The gateway accepts it."
    yield case.build_finding(Code.WEAK_SIGNATURE, Severity.WARNING, message, remedy)
