"""
The terms of a backend test: what would be trusted once an upload is saved, and the identity that the gateway presents.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy.orm import Session

from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint, Origin, parse_endpoint, parse_token_endpoint
from holdfast.apis.errors import InvalidField, UnreadableData
from holdfast.apis.identities.gateway_identity import UnsealedIdentity
from holdfast.apis.trust.endpoint_certificate import EndpointCertificate
from holdfast.apis.trust.trust_settings import AnchorMode, TrustSettings, build_trust_set
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.trust import TrustSet
from holdfast.files.sealing_keys import UnusableSealingKey
from holdfast.gateway.resources.cluster_names import name_cluster
from holdfast.gateway.resources.routes import list_target_clusters
from holdfast.gateway.resources.token_requests import ENDPOINT_PREFIX, name_request
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.errors import Conflict, NotFound
from holdfast.services.identities.unsealing import get_identity
from holdfast.services.trust import admission
from holdfast.services.trust.uploads import open_upload
from holdfast.store.catalog import apis, revisions
from holdfast.store.sealing import CannotUnseal, Sealing
from holdfast.store.trust import endpoint_certificates, trust_settings


@dataclass(frozen=True, slots=True)
class StoredCertificates:
    """Certificates of an alias that are trusted with or without the upload."""

    alias: str
    certificates: tuple[Certificate, ...]
    is_previous: bool = False  # they are previous certificates, kept while a backend switches


@dataclass(frozen=True, slots=True)
class Terms:
    """
    The trust and the identity that the gateway uses in a test.

    *aliases* are those of the imported certificates, empty if a change to them is tested. Without *uses_imported*, the
    trust settings trust only public CAs.
    """

    trust: TrustSet
    identity: UnsealedIdentity | None = None
    with_upload: bool = False
    stored_certificates: tuple[StoredCertificates, ...] = ()  # what is trusted besides an upload
    without_upload: TrustSet | None = None  # the rest of *trust*; None: nothing else is trusted
    removed_certificates: tuple[Certificate, ...] = ()  # what is trusted now, but not after the change
    aliases: tuple[str, ...] = ()
    uses_imported: bool = True
    clusters: frozenset[str] = frozenset()  # of APIs with this endpoint or token endpoint, as gateways name them


@dataclass(frozen=True, slots=True)
class Change:
    """
    An unsaved change: add the file *data*, or replace what is under *instead_of* (*keep*: trust that, too).

    Without *data*, what is under *instead_of* is deleted.
    """

    data: bytes | None = None
    password: str | None = None
    instead_of: str | None = None
    keep: bool = False


UNCHANGED = Change()


def find_terms_to_test(context: Context, sealing: Sealing, endpoint: str, change: Change = UNCHANGED) -> Terms:
    """
    Return the terms for the origin of *endpoint* as they will be once *change* is saved.

    Raises:
        InvalidField: *endpoint* isn't an https URL, the alias is for another origin, or there is nothing to keep.
        NotFound: The alias doesn't exist.
        Conflict: What is stored for the origin can't be read.
        CertificateError, CertificateExpired, IndistinguishableCertificates: The change couldn't be saved.
    """
    context.user.require(Permission.TEST_ENDPOINTS)
    target = read_https_endpoint(endpoint)
    if change.keep and not (change.instead_of and change.data is not None):
        raise InvalidField(
            "keepPrevious",
            "There is nothing to keep. Send the alias and the certificate that replaces its current one.",
        )
    certificates = open_upload(context, change.data, change.password).certificates if change.data is not None else ()
    origin = str(target.origin)
    with context.read() as session:
        entries, settings, identity = _read_stored(session, context, sealing, target.origin)
        clusters = _name_clusters(session, context, origin)
        before = _find_replaced(session, context, entries, change.instead_of, origin)
        after = None
        if certificates:
            after = _build_entry(context, target, before, certificates, keep=change.keep)
            admission.refuse_expired(certificates, context.now)
            admission.refuse_indistinguishable(session, after)
    others = _list_stored([entry for entry in entries if entry != before], after)
    rest = [certificate for entry in others for certificate in entry.certificates]
    make = partial(build_trust_set, settings, reference=target.origin.reference, now=context.now)
    trust = make([*certificates, *rest])
    return Terms(
        trust,
        identity,
        with_upload=bool(certificates),
        stored_certificates=others,
        without_upload=make(rest) if rest or settings.anchors is not AnchorMode.IMPORTED else None,
        removed_certificates=tuple(certificate for certificate in before.trusted if certificate not in trust.anchors)
        if before
        else (),
        aliases=tuple(entry.alias for entry in entries) if change == UNCHANGED else (),
        uses_imported=settings.anchors is not AnchorMode.PUBLIC,
        clusters=clusters,
    )


def _read_stored(
    session: Session, context: Context, sealing: Sealing, origin: Origin
) -> tuple[list[EndpointCertificate], TrustSettings, UnsealedIdentity | None]:
    """Return the certificates, trust settings and gateway identity of *origin*. Raises Conflict if one is damaged."""
    organization, name = context.user.organization, str(origin)
    try:
        entries = endpoint_certificates.list_of_origins(session, organization, [name])
        for entry in entries:
            entry.require_readable()
        settings = trust_settings.list_by_origin(session, organization, [name]).get(name)
        settings = settings or TrustSettings(organization, name)
        settings.require_readable()
        identity = get_identity(session, sealing, organization, origin)
    except UnreadableData as error:
        raise Conflict("endpoint", str(error)) from error
    except (ValueError, CannotUnseal, UnusableSealingKey) as error:
        message = f"The gateway identity stored for {name} can't be used. Import it again."
        raise Conflict("endpoint", message) from error
    return entries, settings, identity


def _name_clusters(session: Session, context: Context, origin: str) -> frozenset[str]:
    """Return the names of clusters through which gateways connect to *origin*, of backends and of token endpoints."""
    organization = context.user.organization
    users = apis.list_using_origins(session, organization, [origin])
    variants = revisions.list_deployed(session, organization, users)
    backends = {
        name
        for api in variants
        for environment in ENVIRONMENTS
        if origin in api.list_origins(environment)
        for name in list_target_clusters(api, environment)
    }
    tokens = {
        ENDPOINT_PREFIX + name_request(name_cluster(organization, api.id, environment), security)
        for api in variants
        for environment, security in api.securities
        if security.token and str(parse_token_endpoint(security.token.url).origin) == origin
    }
    return frozenset(backends | tokens)


def _find_replaced(
    session: Session, context: Context, entries: Sequence[EndpointCertificate], alias: str | None, origin: str
) -> EndpointCertificate | None:
    """Return the entry of *alias* among the *entries* of *origin*. Raises as `find_terms_to_test`."""
    if not alias:
        return None
    for entry in entries:
        if entry.alias == alias:
            return entry
    elsewhere = endpoint_certificates.get(session, context.user.organization, alias)
    if elsewhere is None:
        raise NotFound("endpoint certificate", alias)
    raise InvalidField("alias", f"{alias} is for {elsewhere.origin}, not for {origin}.")


def _build_entry(
    context: Context,
    target: Endpoint,
    before: EndpointCertificate | None,
    certificates: tuple[Certificate, ...],
    *,
    keep: bool,
) -> EndpointCertificate:
    """Return the entry that would be stored."""
    if before:
        return before.replace_certificates(certificates, context.now, keep=keep)
    return admission.build_entry(context, "", target, certificates)


def _list_stored(
    others: Sequence[EndpointCertificate], after: EndpointCertificate | None
) -> tuple[StoredCertificates, ...]:
    """Return what is trusted besides the current certificates of *after*."""
    previous = [
        StoredCertificates(entry.alias, entry.previous, is_previous=True)
        for entry in [*others, *([after] if after else [])]
    ]
    return tuple(
        entry
        for entry in [*(StoredCertificates(entry.alias, entry.certificates) for entry in others), *previous]
        if entry.certificates
    )


def find_terms_to_call(context: Context, sealing: Sealing, endpoint: str) -> Terms | None:
    """
    Return the current terms for the origin of *endpoint*; None for an http endpoint.

    Raises:
        InvalidField: *endpoint* isn't the URL of an endpoint.
        Conflict: What is stored for the origin can't be read.
    """
    context.user.require(Permission.TEST_ENDPOINTS)
    if not parse_endpoint(endpoint).origin.is_secure:
        return None
    return find_terms_to_test(context, sealing, endpoint)


def read_https_endpoint(url: str) -> Endpoint:
    """Parse the URL of an endpoint that can be tested. Raises InvalidField."""
    endpoint = parse_endpoint(url)
    if not endpoint.origin.is_secure:
        raise InvalidField(
            "endpoint", "Only https endpoints can be tested. Use a URL like https://backend.example:8443."
        )
    return endpoint
