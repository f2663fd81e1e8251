"""
Envoy's TLS resources, built from trust sets and gateway identities. Only this module creates upstream TLS contexts.
"""

from base64 import b64encode
from collections.abc import Sequence
from functools import cache

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.base_pb2 import DataSource, TransportSocket
from envoy.config.core.v3.config_source_pb2 import AggregatedConfigSource, ApiVersion, ConfigSource
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import (
    CertificateValidationContext,
    SubjectAltNameMatcher,
    TlsCertificate,
    TlsParameters,
)
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig, Secret
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import CommonTlsContext, UpstreamTlsContext
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt32Value

from holdfast.apis.identities.gateway_identity import UnsealedIdentity
from holdfast.certificates.identity import ReferenceIdentifier
from holdfast.certificates.trust import TlsVersion, TrustSet
from holdfast.gateway.resources.public_roots import read_public_roots_pem
from holdfast.gateway.resources.resource import SECRET, Resource, make_resource

# Ed25519 and P-521 backends fail the handshake unless they are listed (measured with Envoy 1.40).
SIGNATURE_ALGORITHMS = (
    "ecdsa_secp256r1_sha256",
    "rsa_pss_rsae_sha256",
    "rsa_pkcs1_sha256",
    "ecdsa_secp384r1_sha384",
    "rsa_pss_rsae_sha384",
    "rsa_pkcs1_sha384",
    "ecdsa_secp521r1_sha512",
    "rsa_pss_rsae_sha512",
    "rsa_pkcs1_sha512",
    "ed25519",
)
_VERSIONS = {TlsVersion.TLS_1_2: TlsParameters.TLSv1_2, TlsVersion.TLS_1_3: TlsParameters.TLSv1_3}
NO_CERTIFICATE = "00" * 32  # as a SHA-256 fingerprint
CURVES = ("X25519", "P-256", "P-384", "P-521")


def fetch_by_ads() -> ConfigSource:
    """Return a config source that fetches a resource over the aggregated stream."""
    return ConfigSource(
        ads=AggregatedConfigSource(), resource_api_version=ApiVersion.V3, initial_fetch_timeout=Duration(seconds=2)
    )


def name_trust_secret(trust: TrustSet) -> str:
    """Return the name of the trust secret: a content hash, so that a change of trust also changes the cluster."""
    return f"trust/{trust.anchors_hash}"


def build_trust_secret(trust: TrustSet) -> Resource:
    """
    Build the SDS secret with the anchors of *trust*, the public roots if it trusts them, and its CRLs.

    The PEM is written from parsed DER, because Envoy may reject uploaded files or read them differently.
    """
    if not trust.anchors and not trust.revocation:
        return _build_public_secret(name_trust_secret(trust))
    anchors = "".join(anchor.pem for anchor in trust.anchors)
    context = CertificateValidationContext(
        trusted_ca=write_inline(anchors + read_public_roots_pem() if trust.public_roots else anchors),
        only_verify_leaf_cert_crl=bool(trust.revocation) and not trust.revocation_of_path,
    )
    if trust.revocation:
        context.crl.CopyFrom(write_inline("".join(crl.pem for crl in trust.revocation)))
    return _build_secret(name_trust_secret(trust), context)


@cache
def _build_public_secret(name: str) -> Resource:
    return _build_secret(name, CertificateValidationContext(trusted_ca=write_inline(read_public_roots_pem())))


def write_inline(text: str) -> DataSource:
    """Return a data source with *text* inline."""
    return DataSource(inline_string=text)


def _build_secret(name: str, context: CertificateValidationContext) -> Resource:
    return make_resource(SECRET, name, Secret(name=name, validation_context=context))


def name_identity_secret(identity: UnsealedIdentity) -> str:
    """Return the name of the identity secret: a content hash, so that connections with an old identity close."""
    return f"client/{identity.hash}"


def build_identity_secret(identity: UnsealedIdentity) -> Resource:
    """Build the SDS secret with the chain and key of *identity*; only this function writes its private key."""
    name = name_identity_secret(identity)
    certificate = TlsCertificate(
        certificate_chain=write_inline("".join(link.pem for link in identity.chain)),
        private_key=write_inline(identity.key_pem),
    )
    return make_resource(SECRET, name, Secret(name=name, tls_certificate=certificate))


def build_upstream_tls(trust: TrustSet, identity: UnsealedIdentity | None, alpn: Sequence[str]) -> TransportSocket:
    """
    Build a cluster's TLS context: trust anchors, by reference to their secret, and always a name check or a pin.

    *identity* is presented to backends that ask for a certificate, by reference to its secret; *alpn* are the protocols
    that the gateway offers.

    Only a trust set with an exception has neither anchors nor checks: see `TrustSet.unverified_until`.

    Source: `envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext`.
    """
    common = CommonTlsContext(
        tls_params=TlsParameters(
            tls_minimum_protocol_version=_VERSIONS[trust.tls_minimum],
            tls_maximum_protocol_version=_VERSIONS[trust.tls_maximum],
            ecdh_curves=CURVES,
            signature_algorithms=SIGNATURE_ALGORITHMS,
        ),
        alpn_protocols=alpn,
    )
    if trust.unverified_until is None:
        common.combined_validation_context.CopyFrom(_build_validation(trust))
    if identity:
        common.tls_certificate_sds_secret_configs.add(name=name_identity_secret(identity), sds_config=fetch_by_ads())
    context = UpstreamTlsContext(
        common_tls_context=common,
        sni=trust.server_name,
        # A resumed session is not verified, so resumption is off and every connection is verified.
        max_session_keys=UInt32Value(value=0),
    )
    socket = TransportSocket(name="envoy.transport_sockets.tls")
    socket.typed_config.Pack(context, deterministic=True)
    return socket


def build_refusing_tls() -> TransportSocket:
    """
    Build the TLS context for a backend without a trust set: it accepts none, so no request is ever sent.

    It requires the pin of a certificate that can't exist.
    """
    common = CommonTlsContext(validation_context=CertificateValidationContext(verify_certificate_hash=[NO_CERTIFICATE]))
    socket = TransportSocket(name="envoy.transport_sockets.tls")
    socket.typed_config.Pack(UpstreamTlsContext(common_tls_context=common), deterministic=True)
    return socket


def presents_identity(cluster: Resource, member: str = "") -> bool:
    """
    Return whether gateways present a client certificate to the backend of *cluster* when it asks for one.

    In a group, *member* is the origin of one member; without it, the answer is for any of them.
    """
    message, context = Cluster.FromString(cluster.body), UpstreamTlsContext()
    matches = [match.transport_socket for match in message.transport_socket_matches if member in {"", match.name}]
    for socket in (message.transport_socket, *matches):
        socket.typed_config.Unpack(context)
        if context.common_tls_context.tls_certificate_sds_secret_configs:
            return True
    return False


def refuses_backend(cluster: Resource, member: str = "") -> bool:
    """Return whether gateways accept no backend of *cluster*, or in a group none of the *member* with this origin."""
    message, context = Cluster.FromString(cluster.body), UpstreamTlsContext()
    matches = [match.name for match in message.transport_socket_matches]
    if matches and (not member or member in matches):
        return False
    message.transport_socket.typed_config.Unpack(context)
    return NO_CERTIFICATE in context.common_tls_context.validation_context.verify_certificate_hash


def _build_validation(trust: TrustSet) -> CommonTlsContext.CombinedCertificateValidationContext:
    own = CertificateValidationContext(
        match_typed_subject_alt_names=[_name_match(name) for name in trust.accepted_names],
        verify_certificate_hash=trust.certificate_pins,
        verify_certificate_spki=[b64encode(bytes.fromhex(pin)).decode() for pin in trust.spki_pins],
    )
    return CommonTlsContext.CombinedCertificateValidationContext(
        default_validation_context=own,
        validation_context_sds_secret_config=SdsSecretConfig(name=name_trust_secret(trust), sds_config=fetch_by_ads()),
    )


def _name_match(name: ReferenceIdentifier) -> SubjectAltNameMatcher:
    kind = SubjectAltNameMatcher.IP_ADDRESS if name.is_ip else SubjectAltNameMatcher.DNS
    return SubjectAltNameMatcher(san_type=kind, matcher=StringMatcher(exact=name.value))
