"""
TLS between gateways and callers: the gateway's certificate, and callers' certificates.
"""

from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import (
    CertificateValidationContext,
    TlsCertificate,
    TlsParameters,
)
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import CommonTlsContext, DownstreamTlsContext
from google.protobuf.wrappers_pb2 import BoolValue

from holdfast.certificates.formats.credentials import Credential
from holdfast.gateway.resources.constants import GATEWAY_SECRET
from holdfast.gateway.resources.resource import SECRET, Resource, make_resource
from holdfast.gateway.resources.tls import CURVES, SIGNATURE_ALGORITHMS, fetch_by_ads, write_inline


def build_gateway_secret(credential: Credential) -> Resource:
    """Build the SDS secret with the certificate and key that gateways present to callers."""
    certificate = TlsCertificate(
        certificate_chain=write_inline("".join(link.pem for link in credential.chain)),
        private_key=write_inline(credential.key.pem),
    )
    return make_resource(SECRET, GATEWAY_SECRET, Secret(name=GATEWAY_SECRET, tls_certificate=certificate))


def build_downstream_tls() -> TransportSocket:
    """
    Build a listener's TLS context: it presents the gateway's certificate and asks the caller for an optional one.

    It accepts a caller's certificate from any issuer: the handshake proves that the caller has its key, and routes
    compare its fingerprint.

    Source: `envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext`.
    """
    common = CommonTlsContext(
        tls_params=TlsParameters(
            tls_minimum_protocol_version=TlsParameters.TLSv1_2,
            tls_maximum_protocol_version=TlsParameters.TLSv1_3,
            ecdh_curves=CURVES,
            signature_algorithms=SIGNATURE_ALGORITHMS,
        ),
        alpn_protocols=["h2", "http/1.1"],
        validation_context=CertificateValidationContext(
            trust_chain_verification=CertificateValidationContext.ACCEPT_UNTRUSTED
        ),
    )
    common.tls_certificate_sds_secret_configs.add(name=GATEWAY_SECRET, sds_config=fetch_by_ads())
    context = DownstreamTlsContext(common_tls_context=common, require_client_certificate=BoolValue(value=False))
    socket = TransportSocket(name="envoy.transport_sockets.tls")
    socket.typed_config.Pack(context, deterministic=True)
    return socket
