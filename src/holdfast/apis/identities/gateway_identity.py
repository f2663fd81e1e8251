"""
A gateway identity as a value: what gateways present to the backends of an origin, and what a request for one may say.
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
from holdfast.certificates.identity import reference_identifier
from holdfast.certificates.signing_requests import SigningRequest

MAX_COMMON_NAME = 64  # RFC 5280, appendix A.1: ub-common-name
MAX_DNS_NAMES = 20


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A request that waits for the CA's answer, and its sealed key."""

    request: SigningRequest
    sealed_key: bytes = field(repr=False)
    made_at: datetime  # aware, UTC


@dataclass(frozen=True, slots=True)
class GatewayIdentity:
    """What an origin's backends are shown; without a chain, nothing yet, and only *pending* is there."""

    id: str
    organization: str
    origin: str
    endpoint: str  # the URL as it was chosen
    chain: tuple[Certificate, ...]  # the gateway's own first
    sealed_key: bytes | None = field(repr=False)  # of the chain
    pending: PendingRequest | None
    created_at: datetime  # aware, UTC
    updated_at: datetime

    @property
    def own(self) -> Certificate | None:
        """The gateway's own certificate, if one is in force."""
        return self.chain[0] if self.chain else None


@dataclass(frozen=True, slots=True)
class UnsealedIdentity:
    """A gateway identity with its key open, for the gateways alone."""

    id: str
    chain: tuple[Certificate, ...]
    key_pem: str = field(repr=False)

    @property
    def hash(self) -> str:
        """SHA-256 over whose it is and the chain, lower-case hex: another certificate is another hash."""
        return hashlib.sha256(
            "\n".join([self.id, *(certificate.fingerprint for certificate in self.chain)]).encode()
        ).hexdigest()


@dataclass(frozen=True, slots=True)
class RequestDraft:
    """What a request is to say, as it was typed."""

    common_name: str
    dns_names: Sequence[str] = ()
    key_type: str = KeyType.P256.value


@dataclass(frozen=True, slots=True)
class Subject:
    """What a request says."""

    common_name: str
    dns_names: tuple[str, ...]
    key_type: KeyType


def check_request(draft: RequestDraft) -> Subject:
    """Give what a request says, or raise InvalidField."""
    name = check_visible(draft.common_name.strip(), "subject", "The common name")
    if not name or len(name) > MAX_COMMON_NAME:
        message = f"Give the subject a common name of 1 to {MAX_COMMON_NAME} characters, like holdfast-gateway."
        raise InvalidField("subject", message)
    if len(draft.dns_names) > MAX_DNS_NAMES:
        message = f"There are {len(draft.dns_names)} DNS names; at most {MAX_DNS_NAMES} are possible."
        raise InvalidField("dnsNames", message)
    try:
        key_type = KeyType(draft.key_type)
    except ValueError as error:
        kinds = ", ".join(KeyType)
        raise InvalidField("keyType", f"{draft.key_type[:40]!r} is not made here; choose one of {kinds}.") from error
    return Subject(name, tuple(dict.fromkeys(_dns_name(name) for name in draft.dns_names)), key_type)


def _dns_name(name: str) -> str:
    try:
        host = parse_host(name.strip())
    except ValueError as error:
        raise InvalidField("dnsNames", f"{error} Write each name like gateway.example.") from error
    if reference_identifier(host).is_ip:
        raise InvalidField("dnsNames", f"{host} is an address; write names like gateway.example.")
    return host
