"""
Why an upload is not accepted as certificates. Each error says where it went wrong and what to do.
"""

from holdfast.refusals import Refusal


class CertificateError(Refusal):
    """
    An upload that cannot be used as certificates; `code` is stable, the text is for people.
    """

    code = "certificate-error"
    field = "certificate"


class EmptyUpload(CertificateError):
    """The file has no bytes in it."""

    code = "empty-file"

    def __init__(self) -> None:
        super().__init__("The file is empty. Choose the file that holds the certificate.")


class UploadTooLarge(CertificateError):
    """The file is larger than *limit* bytes."""

    code = "file-too-large"

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"The file is larger than {limit // 1024} KiB. Upload only the certificates of this endpoint.")


class TooManyCertificates(CertificateError):
    """The file holds more than *limit* certificates."""

    code = "too-many-certificates"

    def __init__(self, count: int, limit: int) -> None:
        self.count = count
        self.limit = limit
        super().__init__(
            f"The file holds {count} certificates; at most {limit} are taken. "
            "Keep only those that this endpoint's backend needs."
        )


class PrivateKeyRefused(CertificateError):
    """
    The upload holds a private key; *block* is its position among *blocks*, counted from one.

    *where* names the key where blocks are not counted, *what* says which kind of key it is.
    """

    code = "private-key-refused"
    default_remedy = "Export the certificate alone: openssl x509 -in FILE -out certificate.pem"

    def __init__(self, block: int, blocks: int, where: str = "", remedy: str = "", what: str = "a private key") -> None:
        self.block = block
        self.blocks = blocks
        self.where = where or f"Block {block} of {blocks}"
        self.remedy = remedy or self.default_remedy
        super().__init__(
            f"{self.where} is {what}. Trust needs only the certificate, so nothing was stored. {self.remedy}"
        )


class NotACertificate(CertificateError):
    """
    The upload, or one block of it, is something else than a certificate; *found* names what it is.
    """

    code = "not-a-certificate"

    def __init__(self, content: str, remedy: str) -> None:
        self.content = content
        self.remedy = remedy
        super().__init__(f"This is {content}. {remedy}")


class MalformedCertificate(CertificateError):
    """
    Block *block* says that it is a certificate and cannot be read as one; *reason* says why.

    *where* names the certificate where blocks are not counted.
    """

    code = "malformed-certificate"

    def __init__(self, block: int, blocks: int, reason: str, where: str = "") -> None:
        self.block = block
        self.blocks = blocks
        self.reason = reason
        self.where = where or ("The certificate" if blocks == 1 else f"Block {block} of {blocks}")
        super().__init__(f"{self.where} cannot be read: {reason}. Export the certificate again.")


class MalformedFile(CertificateError):
    """The file is of *format*, such as PKCS#12, and cannot be read; *reason* says why."""

    code = "malformed-file"

    def __init__(self, format_name: str, reason: str) -> None:
        self.format_name = format_name
        self.reason = reason
        super().__init__(f"The {format_name} file cannot be read: {reason}. Export it again.")


class PasswordNeeded(CertificateError):
    """The certificates in the file of *format_name* are encrypted, and no password was given."""

    code = "password-needed"

    def __init__(self, format_name: str) -> None:
        self.format_name = format_name
        super().__init__(f"The {format_name} file is protected by a password. Enter its password and try again.")


class WrongPassword(CertificateError):
    """The password does not open the file of *format_name*."""

    code = "wrong-password"

    def __init__(self, format_name: str) -> None:
        self.format_name = format_name
        super().__init__(
            f"The password does not open the {format_name} file. Check it and try again; "
            "if it is right, the file is damaged and has to be exported again."
        )


class TooManyIterations(CertificateError):
    """Opening the file takes as long as *iterations* rounds of password hashing, more than *limit*."""

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
            f"Opening the file took longer than {seconds:g} seconds, because it asks for a lot of hashing. Try again. "
            f"{TooManyIterations.default_remedy}"
        )


class TooComplex(CertificateError):
    """The file is built in a way that no file of certificates is; *reason* says what there is too much of."""

    code = "too-complex"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The file is not read: {reason}. Export only the certificates that this endpoint's backend needs."
        )


class PrivateKeyMissing(CertificateError):
    """A private key and its chain were asked for, and there is no key."""

    code = "private-key-missing"

    def __init__(self) -> None:
        super().__init__(
            "There is no private key in it, and a gateway cannot prove its identity without. Choose a file that holds "
            "the key too, or add the file of the key."
        )


class SeveralPrivateKeys(CertificateError):
    """There is more than one private key."""

    code = "several-private-keys"

    def __init__(self) -> None:
        super().__init__("There is more than one private key. Keep only the one that the gateway is to use.")


class UnusableKey(CertificateError):
    """The private key cannot be used; *reason* says why and never what it is."""

    code = "private-key-unusable"

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason = reason
        self.remedy = remedy
        super().__init__(f"The private key {reason}. {remedy}")


class CertificateMissing(CertificateError):
    """There is a private key and no certificate for it."""

    code = "certificate-missing"

    def __init__(self) -> None:
        super().__init__("There is no certificate in it. Choose a file that holds the key's certificate too.")


class KeyMismatch(CertificateError):
    """None of the certificates belongs to the private key; *subjects* are theirs."""

    code = "key-mismatch"

    def __init__(self, subjects: tuple[str, ...]) -> None:
        self.subjects = subjects
        held = subjects[0] or "an empty subject" if len(subjects) == 1 else f"{len(subjects)} certificates"
        super().__init__(
            f"The private key belongs to none of the certificates ({held}). Choose the certificate that was made for "
            "this key, or the key of this certificate."
        )
