"""
Joining a publisher: exchange a token or an enrollment key for a certificate, after verifying the publisher.
"""

import http.client
import json
import ssl
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from holdfast.apis.gateways.join_token import JoinToken
from holdfast.apis.publisher_paths import PREFIX
from holdfast.gateway.agent.membership import Membership, make_request
from holdfast.gateway.remote.tls import Credential
from holdfast.network.addresses import is_loopback
from holdfast.network.public_trust import make_public_context

WITHIN = 30.0  # seconds for connecting, and for the answer
MAX_ANSWER = 64 * 1024  # bytes
LATER = frozenset({429, 500, 502, 503, 504, 507})


class JoinFailed(Exception):
    """This machine didn't join; the text says why, and what to do."""


class PublisherUnreachable(JoinFailed):
    """The publisher can't be reached now; it can be later."""


def join(url: str, token: JoinToken) -> Membership:
    """
    Join the publisher at *url*, with a new key.

    With https, the publisher must have a key that the token pins; without pins, a certificate that the public roots
    vouch for. http is only for this machine, and for tokens without pins. The token is sent after that.

    Raises:
        JoinFailed: The publisher can't be reached, isn't the one of the token, or rejects the token.
    """
    parts = _read_url(url, token.pins)
    context = None if token.pins else make_public_context()
    return _exchange(url, parts, _connect(parts, token.pins, context), {"token": token.text})


def join_with_key(url: str, key: str, name: str, ca_file: Path | None) -> Membership:
    """
    Join the publisher at *url* as the gateway *name*, with an enrollment key.

    An enrollment key doesn't pin the publisher's key, so the publisher's certificate must be valid for the host of
    *url*, and issued by a CA in *ca_file* (PEM) or, without one, by a public CA.

    Raises:
        JoinFailed: As `join`.
        OSError: *ca_file* can't be read, or contains no certificates.
    """
    parts = _read_url(url, ())
    context = ssl.create_default_context(cafile=ca_file) if ca_file else make_public_context()
    return _exchange(url, parts, _connect(parts, (), context), {"token": key, "name": name})


def _exchange(
    url: str, parts: SplitResult, connection: http.client.HTTPConnection, credential: dict[str, str]
) -> Membership:
    request = make_request()
    body = json.dumps(credential | {"csr": request.csr}).encode()
    try:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        connection.request("POST", f"{PREFIX}/gateways/join", body, headers)
        response = connection.getresponse()
        answer = _read_json(response.read(MAX_ANSWER))
    except (OSError, http.client.HTTPException) as error:
        raise PublisherUnreachable(
            f"{url} didn't answer: {error}. Try again; if the token was used up, create another."
        ) from error
    finally:
        connection.close()
    if response.status in LATER:
        raise PublisherUnreachable(_explain_refusal(url, response.status, answer))
    if response.status != http.client.OK:
        raise JoinFailed(_explain_refusal(url, response.status, answer))
    return _read_membership(url, parts, request.key, answer)


def _read_url(url: str, pins: Collection[bytes]) -> SplitResult:
    parts = urlsplit(url)
    try:
        is_valid = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid or parts.username is not None:
        raise JoinFailed(f"{url} isn't the URL of a publisher, such as https://publisher.example:9443.")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise JoinFailed(
            f"{url} isn't encrypted, so anyone on the network could use the token. Use the publisher's https URL."
        )
    if parts.scheme == "http" and pins:
        raise JoinFailed(f"The publisher that created the token serves https, and {url} doesn't. Use its https URL.")
    return parts


def _connect(parts: SplitResult, pins: Collection[bytes], context: ssl.SSLContext | None) -> http.client.HTTPConnection:
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "http":
        connection = http.client.HTTPConnection(host, port or 80, timeout=WITHIN)
    elif not pins:
        connection = http.client.HTTPSConnection(host, port or 443, timeout=WITHIN, context=context)
    else:
        connection = _PinnedConnection(host, port or 443, timeout=WITHIN, pins=pins)
    try:
        connection.connect()
    except ssl.SSLCertVerificationError as error:
        connection.close()
        raise JoinFailed(f"The certificate of {parts.netloc} can't be verified: {error.verify_message}.") from error
    except OSError as error:
        connection.close()
        text = f"Can't connect to {parts.netloc}: {error.strerror or error}. Check the URL."
        raise PublisherUnreachable(text) from error
    return connection


class _PinnedConnection(http.client.HTTPSConnection):
    """A connection to a server with one of the known keys, whatever the name and issuer in its certificate."""

    def __init__(self, host: str, port: int, *, timeout: float, pins: Collection[bytes]) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the pins are checked instead
        super().__init__(host, port, timeout=timeout, context=context)
        self._pins = pins

    def connect(self) -> None:
        """Connect, and verify the key. Raises JoinFailed, OSError."""
        super().connect()
        if _hash_key(self.sock.getpeercert(binary_form=True)) not in self._pins:
            self.close()
            raise JoinFailed(
                f"{self.host}:{self.port} has another key than the publisher that created the token, so the token was "
                "not sent. Check the URL, and that the token is complete. If the publisher's key was replaced "
                "since, create a new token."
            )


def _hash_key(certificate: bytes | None) -> bytes:
    """Return the SHA-256 of the key (SubjectPublicKeyInfo) in a certificate; empty if it can't be read."""
    try:
        key = x509.load_der_x509_certificate(certificate or b"").public_key()
        return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    except (ValueError, UnsupportedAlgorithm):
        return b""


def _read_json(content: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else {}


def _explain_refusal(url: str, status: int, answer: dict[str, Any]) -> str:
    why = answer.get("description") or answer.get("detail")
    if status == http.client.FORBIDDEN and why:
        return f"{url} rejected the token: {why}"
    return str(why) if why else f"{url} isn't a publisher that gateways can join ({status})."


def _read_membership(url: str, parts: SplitResult, key: str, answer: dict[str, Any]) -> Membership:
    try:
        discovery = answer["discovery"]
        return Membership(
            str(answer["name"]),
            str(answer["group"]),
            url,
            (str(discovery["host"] or parts.hostname), int(discovery["port"])),
            str(discovery["serverName"]),
            Credential(key, str(answer["certificate"]), str(answer["ca"])),
            # An earlier version of Holdfast doesn't send them.
            tuple((str(address["host"]), int(address["port"])) for address in answer.get("controlPlanes", ())),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise JoinFailed(f"{url} sent an answer that can't be read. Is it another version of Holdfast?") from error
