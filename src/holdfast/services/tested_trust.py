"""
On which terms a backend is tested: what would be trusted if an upload were saved, and what the gateway presents.
"""

from dataclasses import dataclass
from datetime import datetime

from holdfast.apis.client_certificate import ClientIdentity
from holdfast.apis.endpoint import Endpoint, parse_endpoint
from holdfast.apis.errors import InvalidField
from holdfast.apis.trust_settings import TrustSettings, trust_by
from holdfast.certificates import parsing
from holdfast.certificates.trust import TrustSet
from holdfast.sealing import CannotUnseal, Sealing, UnusableSealingKey
from holdfast.services.errors import Conflict, NotFound
from holdfast.services.identities import identity_of
from holdfast.services.permissions import Permission
from holdfast.services.principal import Principal
from holdfast.store import endpoint_certificates, trust_settings
from holdfast.store.database import Store


@dataclass(frozen=True, slots=True)
class Terms:
    """Whom the gateway believes, and who it says it is."""

    trust: TrustSet
    client: ClientIdentity | None = None


def terms_to_test(
    store: Store,
    sealing: Sealing,
    who: Principal,
    endpoint: str,
    now: datetime,
    with_certificates: bytes | None = None,
    instead_of: str | None = None,
    password: str | None = None,
) -> Terms:
    """
    Make the terms of what is trusted now for the origin of *endpoint*, and of an upload that nobody has saved.

    The certificates under the alias *instead_of* are left out.

    Raises:
        InvalidField: *endpoint* is no https URL, or the alias is for another origin.
        NotFound: There is no such alias.
        Conflict: What is trusted now cannot be read.
        CertificateError: *with_certificates* cannot be used as certificates.
    """
    who.require(Permission.TEST_ENDPOINTS)
    target = read_https_endpoint(endpoint)
    uploaded = parsing.parse(with_certificates, password).certificates if with_certificates is not None else ()
    origin = str(target.origin)
    with store.read() as session:
        try:
            entries = endpoint_certificates.of_origins(session, who.organization, [origin])
            decided = trust_settings.of_origins(session, who.organization, [origin])
            identity = identity_of(session, sealing, who.organization, target.origin)
        except (ValueError, CannotUnseal, UnusableSealingKey) as error:
            message = f"What is trusted for {origin}, or presented to it, cannot be read. Import it again."
            raise Conflict("endpoint", message) from error
        if instead_of and instead_of not in {entry.alias for entry in entries}:
            replaced = endpoint_certificates.get(session, who.organization, instead_of)
            if replaced is None:
                raise NotFound("endpoint certificate", instead_of)
            raise InvalidField("alias", f"{instead_of} is for {replaced.origin}, not for {origin}.")
    kept = [certificate for entry in entries if entry.alias != instead_of for certificate in entry.trusted]
    settings = decided.get(origin) or TrustSettings(who.organization, origin)
    trust = trust_by(settings, [*kept, *uploaded], target.origin.reference, now)
    return Terms(trust, identity)


def terms_to_call(store: Store, sealing: Sealing, who: Principal, endpoint: str, now: datetime) -> Terms | None:
    """
    Make the terms of what is trusted now for the origin of *endpoint*; an http endpoint has none.

    Raises:
        InvalidField: *endpoint* is no URL of an endpoint.
        Conflict: What is trusted now cannot be read.
    """
    who.require(Permission.TEST_ENDPOINTS)
    if not parse_endpoint(endpoint).origin.is_secure:
        return None
    return terms_to_test(store, sealing, who, endpoint, now)


def read_https_endpoint(url: str) -> Endpoint:
    """Read the URL of an endpoint that can be tested. Raises InvalidField."""
    endpoint = parse_endpoint(url)
    if not endpoint.origin.is_secure:
        raise InvalidField(
            "endpoint", "Only an https endpoint can be tested. Write it like https://backend.example:8443."
        )
    return endpoint
