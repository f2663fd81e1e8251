"""
Errors of uploads that can't be used as certificates. Each says what is wrong, where, and what to do.
"""

from holdfast.refusals import Refusal


class CertificateError(Refusal):
    """
    An upload that can't be used as certificates; `code` is stable, the text may change.
    """

    code = "certificate-error"
    field = "certificate"


class EmptyUpload(CertificateError):
    """The file is empty."""

    code = "empty-file"

    def __init__(self) -> None:
        super().__init__("The file is empty. Choose the file that contains the certificate.")


class UploadTooLarge(CertificateError):
    """The file is larger than *limit* bytes."""

    code = "file-too-large"

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"The file is larger than {limit // 1024} KiB. Upload only the certificates of this endpoint.")


class TooManyCertificates(CertificateError):
    """The file has more than *limit* certificates."""

    code = "too-many-certificates"

    def __init__(self, count: int, limit: int) -> None:
        self.count = count
        self.limit = limit
        super().__init__(
            f"The file has {count} certificates; the limit is {limit}. "
            "Keep only those that this endpoint's backend needs."
        )


class PrivateKeyRefused(CertificateError):
    """
    The upload contains a private key; *block* is its position among *blocks*, counted from one.

    *where* says where the key is if blocks are not counted; *what* says which kind of key it is.
    """

    code = "private-key-refused"
    default_remedy = "Export only the certificate: openssl x509 -in FILE -out certificate.pem"

    def __init__(self, block: int, blocks: int, where: str = "", remedy: str = "", what: str = "a private key") -> None:
        self.block = block
        self.blocks = blocks
        self.where = where or f"Block {block} of {blocks}"
        self.remedy = remedy or self.default_remedy
        super().__init__(
            f"{self.where} is {what}. Holdfast needs only the certificate, so nothing was stored. {self.remedy}"
        )


class NotACertificate(CertificateError):
    """
    The upload, or one block of it, isn't a certificate; *content* says what it is.
    """

    code = "not-a-certificate"

    def __init__(self, content: str, remedy: str) -> None:
        self.content = content
        self.remedy = remedy
        super().__init__(f"This is {content}. {remedy}")


class MalformedCertificate(CertificateError):
    """
    Block *block* is labeled as a certificate but can't be read as one; *reason* says why.

    *where* names the certificate if blocks are not counted.
    """

    code = "malformed-certificate"

    def __init__(self, block: int, blocks: int, reason: str, where: str = "") -> None:
        self.block = block
        self.blocks = blocks
        self.reason = reason
        self.where = where or ("The certificate" if blocks == 1 else f"Block {block} of {blocks}")
        super().__init__(f"{self.where} can't be read: {reason}. Export the certificate again.")


class MalformedFile(CertificateError):
    """The file has the format *format_name*, such as PKCS#12, and can't be read; *reason* says why."""

    code = "malformed-file"

    def __init__(self, format_name: str, reason: str) -> None:
        self.format_name = format_name
        self.reason = reason
        super().__init__(f"The {format_name} file can't be read: {reason}. Export it again.")


class PasswordNeeded(CertificateError):
    """The certificates in the *format_name* file are encrypted, and no password was given."""

    code = "password-needed"

    def __init__(self, format_name: str) -> None:
        self.format_name = format_name
        super().__init__(f"The {format_name} file is password-protected. Enter its password and try again.")


class WrongPassword(CertificateError):
    """The password doesn't open the *format_name* file."""

    code = "wrong-password"

    def __init__(self, format_name: str) -> None:
        self.format_name = format_name
        super().__init__(
            f"The password doesn't open the {format_name} file. Check it and try again. "
            "If it is correct, the file is damaged: export it again."
        )


class TooManyIterations(CertificateError):
    """Opening the file takes *iterations* rounds of password hashing, more than *limit*."""

    code = "too-many-iterations"

    default_remedy = "Export the certificates without a password: openssl pkcs12 -in FILE -nokeys -out certificates.pem"

    def __init__(self, iterations: int, limit: int, remedy: str = "") -> None:
        self.iterations = iterations
        self.limit = limit
        super().__init__(
            f"Opening the file takes {iterations:,} rounds of hashing; the limit is {limit:,}. "
            f"{remedy or self.default_remedy}"
        )


class OpeningTooSlow(CertificateError):
    """Opening the file took longer than *seconds*."""

    code = "opening-too-slow"

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(
            f"Opening the file took longer than {seconds:g} seconds because it needs much hashing. Try again. "
            f"{TooManyIterations.default_remedy}"
        )


class TooComplex(CertificateError):
    """The file is more complex than any file of certificates; *reason* says which limit it exceeds."""

    code = "too-complex"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The file is too complex: {reason}. Export only the certificates that this endpoint's backend needs."
        )


class PrivateKeyMissing(CertificateError):
    """A private key is required, and there is none."""

    code = "private-key-missing"

    def __init__(self) -> None:
        super().__init__(
            "There is no private key, which the gateway needs to prove its identity. Choose a file that also contains "
            "the key, or add the key file."
        )


class SeveralPrivateKeys(CertificateError):
    """There is more than one private key."""

    code = "several-private-keys"

    def __init__(self) -> None:
        super().__init__("There is more than one private key. Keep only the one that the gateway should use.")


class UnusableKey(CertificateError):
    """The private key can't be used; *reason* says why and never contains the key."""

    code = "private-key-unusable"

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason = reason
        self.remedy = remedy
        super().__init__(f"The private key {reason}. {remedy}")


class CertificateMissing(CertificateError):
    """There is a private key but no certificate for it."""

    code = "certificate-missing"

    def __init__(self) -> None:
        super().__init__("There is no certificate. Choose a file that also contains the key's certificate.")


class KeyMismatch(CertificateError):
    """None of the certificates belongs to the private key; *subjects* are the certificates' subjects."""

    code = "key-mismatch"

    def __init__(self, subjects: tuple[str, ...]) -> None:
        self.subjects = subjects
        subject = subjects[0] or "an empty subject" if len(subjects) == 1 else f"{len(subjects)} certificates"
        super().__init__(
            f"The private key doesn't match any certificate ({subject}). Choose the certificate that was issued for "
            "this key, or the key of this certificate."
        )
