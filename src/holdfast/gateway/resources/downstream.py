"""
How gateways speak TLS with callers: what they present, and what they take from callers.
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
from holdfast.gateway.resources.resource import SECRET, Resource, make_resource
from holdfast.gateway.resources.tls import CURVES, SIGNATURE_ALGORITHMS, fetch_by_ads, write_inline

# The name stays when the certificate changes: the new one is for new connections, and open ones go on.
GATEWAY_SECRET = "gateway"  # noqa: S105 - the name of one


def build_gateway_secret(credential: Credential) -> Resource:
    """Make the SDS secret that holds what gateways present to callers."""
    certificate = TlsCertificate(
        certificate_chain=write_inline("".join(link.pem for link in credential.chain)),
        private_key=write_inline(credential.key.pem),
    )
    return make_resource(SECRET, GATEWAY_SECRET, Secret(name=GATEWAY_SECRET, tls_certificate=certificate))


def build_downstream_tls() -> TransportSocket:
    """
    Make the TLS side of a listener: the gateway's certificate by reference, and a certificate of the caller, if any.

    That is taken whoever signed it: the handshake proves that the caller holds its key, and routes look which it is.

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
    socket.typed_config.Pack(context)
    return socket
