"""
Join tokens: what a machine needs, in addition to the publisher's URL, to become a gateway.

The text is `hfg_` and base64url of 32 random bytes, followed by the SHA-256 of the publisher's TLS key
(SubjectPublicKeyInfo) if it serves https, so that the joining machine can verify a publisher that no CA vouches for.
"""

import base64
import binascii
import re
import secrets
from dataclasses import dataclass, field

PREFIX = "hfg_"  # secret scanners find leaked tokens by it
_SECRET_SIZE = _PIN_SIZE = 32
_SIZES = (_SECRET_SIZE, _SECRET_SIZE + _PIN_SIZE)
_TEXT = re.compile(r"hfg_[A-Za-z0-9_-]{43,86}")


class NoJoinToken(ValueError):
    """A text isn't a join token; the message never contains the text."""

    def __init__(self) -> None:
        super().__init__(f"This isn't a join token. It starts with {PREFIX} and must be complete.")


@dataclass(frozen=True, slots=True)
class JoinToken:
    """A join token; *pin* is the SHA-256 of the publisher's TLS key, None if the publisher serves http."""

    secret: bytes = field(repr=False)
    pin: bytes | None = None

    @property
    def text(self) -> str:
        """The token as people copy it."""
        return PREFIX + base64.urlsafe_b64encode(self.secret + (self.pin or b"")).rstrip(b"=").decode()


def create_token(pin: bytes | None) -> JoinToken:
    """Create a token."""
    return JoinToken(secrets.token_bytes(_SECRET_SIZE), pin)


def read_token(text: str) -> JoinToken:
    """Read a token. Raises NoJoinToken."""
    if not _TEXT.fullmatch(text):
        raise NoJoinToken
    encoded = text.removeprefix(PREFIX)
    try:
        content = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except (binascii.Error, ValueError):
        raise NoJoinToken from None
    if len(content) not in _SIZES:
        raise NoJoinToken
    token = JoinToken(content[:_SECRET_SIZE], content[_SECRET_SIZE:] or None)
    if token.text != text:  # bits beyond the last byte
        raise NoJoinToken
    return token
