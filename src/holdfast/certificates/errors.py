"""
Why an upload is not accepted as certificates. Each error says where it went wrong and what to do.
"""


class CertificateError(ValueError):
    """
    An upload that cannot be used as certificates; `code` is stable, the text is for people.
    """

    code = "certificate-error"


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
    """

    code = "private-key-refused"

    def __init__(self, block: int, blocks: int) -> None:
        self.block = block
        self.blocks = blocks
        super().__init__(
            f"Block {block} of {blocks} is a private key. Trust needs only the certificate, so nothing was stored. "
            "Export the certificate alone: openssl x509 -in FILE -out certificate.pem"
        )


class NotACertificate(CertificateError):
    """
    The upload, or one block of it, is something else than a certificate; *found* names what it is.
    """

    code = "not-a-certificate"

    def __init__(self, found: str, remedy: str) -> None:
        self.found = found
        self.remedy = remedy
        super().__init__(f"This is {found}. {remedy}")


class MalformedCertificate(CertificateError):
    """
    Block *block* says that it is a certificate and cannot be read as one; *reason* says why.
    """

    code = "malformed-certificate"

    def __init__(self, block: int, blocks: int, reason: str) -> None:
        self.block = block
        self.blocks = blocks
        self.reason = reason
        where = "The certificate" if blocks == 1 else f"Block {block} of {blocks}"
        super().__init__(f"{where} cannot be read: {reason}. Export the certificate again.")
