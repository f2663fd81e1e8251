"""
Callers of a gateway with TLS, with and without client certificates.

    with mutual(holdfast) as (backend, api):
        holdfast.let_call(api, ANNA.pem)
        assert answer(holdfast, api, ANNA) == "200"
"""

import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from backends import Backend
from issuing import Identity, issue
from running import Holdfast, PublishedApi, refusal

GATEWAYS = issue(ca=True, common_name="gateways' CA")
REFUSED = "403 client_certificate_required"


def tls_of(caller: Identity | None = None, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """Create the TLS context of a caller that trusts the gateway, and presents its certificate if it has one."""
    context = ssl.create_default_context(cadata=GATEWAYS.pem.decode())
    if version:
        context.minimum_version = context.maximum_version = version
    if caller:
        with tempfile.NamedTemporaryFile() as file:
            file.write(caller.chain_pem + caller.key_pem)
            file.flush()
            context.load_cert_chain(file.name)
    return context


@contextmanager
def mutual(holdfast: Holdfast) -> Iterator[tuple[Backend, PublishedApi]]:
    """Run a backend and publish an API for it in both environments, without caller certificates yet."""
    with Backend(None) as backend:
        yield backend, holdfast.publish_api(backend.url(), backend.url("/sandbox"))


def answer(
    holdfast: Holdfast, api: PublishedApi, caller: Identity | None = None, below: str = "", *, sandbox: bool = False
) -> str:
    """Call *api* over a new TLS connection, and return the outcome as text."""
    with holdfast.tls_caller(tls_of(caller), sandbox=sandbox) as client:
        response = client.get(api.path + below)
    return "200" if response.is_success else refusal(response)
