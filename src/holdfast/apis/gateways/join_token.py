"""
Join tokens: what a machine needs, in addition to the publisher's URL, to become a gateway.

The text is `hfg_` and base64url of 32 random bytes, followed by the SHA-256 of each TLS key (SubjectPublicKeyInfo) of
the publisher if it serves https, so that the joining machine can verify a publisher that no CA vouches for. Control
planes that present different keys behind a load balancer add 43 characters each.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

PREFIX = "hfg_"  # secret scanners find leaked tokens by it
MAX_PINS = 16
_SIZE = 32  # bytes of the secret, and of each pin
MAX_LENGTH = len(PREFIX) + -(-(1 + MAX_PINS) * _SIZE * 4 // 3)  # characters
_TEXT = re.compile(r"hfg_[A-Za-z0-9_-]+")


class NoJoinToken(ValueError):
    """A text isn't a join token; the message never contains the text."""

    def __init__(self) -> None:
        super().__init__(f"This isn't a join token. It starts with {PREFIX} and must be complete.")


@dataclass(frozen=True, slots=True)
class JoinToken:
    """A join token; *pins* are the SHA-256 of the publisher's TLS keys, none if it serves http."""

    secret: bytes = field(repr=False)
    pins: tuple[bytes, ...] = ()

    @property
    def text(self) -> str:
        """The token as people copy it."""
        return PREFIX + base64.urlsafe_b64encode(self.secret + b"".join(self.pins)).rstrip(b"=").decode()


def create_token(pins: Iterable[bytes] = ()) -> JoinToken:
    """Create a token with the first MAX_PINS of *pins*."""
    return JoinToken(secrets.token_bytes(_SIZE), tuple(dict.fromkeys(pins))[:MAX_PINS])


def read_token(text: str) -> JoinToken:
    """Read a token. Raises NoJoinToken."""
    if len(text) > MAX_LENGTH or not _TEXT.fullmatch(text):
        raise NoJoinToken
    encoded_content = text.removeprefix(PREFIX)
    try:
        content = base64.urlsafe_b64decode(encoded_content + "=" * (-len(encoded_content) % 4))
    except (binascii.Error, ValueError):
        raise NoJoinToken from None
    if not content or len(content) % _SIZE:
        raise NoJoinToken
    secret, *pins = (content[start : start + _SIZE] for start in range(0, len(content), _SIZE))
    token = JoinToken(secret, tuple(pins))
    if token.text != text:  # bits beyond the last byte
        raise NoJoinToken
    return token
