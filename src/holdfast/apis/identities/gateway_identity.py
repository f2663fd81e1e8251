"""
Gateway identities as values: what gateways present to the backends of an origin, and signing requests for them.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from holdfast.apis.errors import InvalidField
from holdfast.apis.text import check_visible
from holdfast.apis.url import parse_host
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.formats.private_keys import KeyType
from holdfast.certificates.identity import parse_reference
from holdfast.certificates.signing_requests import SigningRequest

MAX_COMMON_NAME = 64  # RFC 5280, appendix A.1: ub-common-name
MAX_DNS_NAMES = 20


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A signing request that waits for the CA's certificate, and its sealed key."""

    request: SigningRequest
    sealed_key: bytes = field(repr=False)
    made_at: datetime  # aware, UTC


@dataclass(frozen=True, slots=True)
class GatewayIdentity:
    """
    The certificate that gateways present to an origin's backends; without a chain, there is only *pending* yet.

    With a key, but without a chain, the stored chain can't be read.
    """

    id: str
    organization: str
    origin: str
    endpoint: str  # the URL as entered
    chain: tuple[Certificate, ...]  # the gateway's own certificate first
    sealed_key: bytes | None = field(repr=False)  # of the chain
    pending: PendingRequest | None
    created_at: datetime  # aware, UTC
    updated_at: datetime

    @property
    def own(self) -> Certificate | None:
        """The gateway's own certificate, if one is in force."""
        return self.chain[0] if self.chain else None

    @property
    def is_unreadable(self) -> bool:
        """Whether the stored chain can't be read."""
        return self.sealed_key is not None and not self.chain


@dataclass(frozen=True, slots=True)
class UnsealedIdentity:
    """A gateway identity with its unsealed key, only for gateways."""

    id: str
    chain: tuple[Certificate, ...]
    key_pem: str = field(repr=False)

    @property
    def hash(self) -> str:
        """The SHA-256 of its ID and chain, lower-case hex; a different chain has a different hash."""
        return hashlib.sha256(
            "\n".join([self.id, *(certificate.fingerprint for certificate in self.chain)]).encode()
        ).hexdigest()


@dataclass(frozen=True, slots=True)
class RequestDraft:
    """The content of a signing request as entered."""

    common_name: str
    dns_names: Sequence[str] = ()
    key_type: str = KeyType.P256.value


@dataclass(frozen=True, slots=True)
class Subject:
    """The checked content of a signing request."""

    common_name: str
    dns_names: tuple[str, ...]
    key_type: KeyType


def check_request(draft: RequestDraft) -> Subject:
    """Check the content of a signing request. Raises InvalidField."""
    name = check_visible(draft.common_name.strip(), "subject", "The common name")
    if not name or len(name) > MAX_COMMON_NAME:
        message = f"The common name must have 1 to {MAX_COMMON_NAME} characters, such as holdfast-gateway."
        raise InvalidField("subject", message)
    if len(draft.dns_names) > MAX_DNS_NAMES:
        message = f"There are {len(draft.dns_names)} DNS names; the limit is {MAX_DNS_NAMES}."
        raise InvalidField("dnsNames", message)
    try:
        key_type = KeyType(draft.key_type)
    except ValueError as error:
        kinds = ", ".join(KeyType)
        raise InvalidField("keyType", f"Key type {draft.key_type[:40]!r} isn't supported. Use {kinds}.") from error
    return Subject(name, tuple(dict.fromkeys(_check_dns_name(name) for name in draft.dns_names)), key_type)


def _check_dns_name(name: str) -> str:
    try:
        host = parse_host(name.strip())
    except ValueError as error:
        raise InvalidField("dnsNames", f"{error} Use host names like gateway.example.") from error
    if parse_reference(host).is_ip:
        raise InvalidField("dnsNames", f"{host} is an IP address. Use host names like gateway.example.")
    return host
