"""
The caller certificates and gateway identities that exist, as far as files declare them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.apis.identities.caller_certificate import BOTH
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.errors import CertificateError
from holdfast.certificates.formats.parsing import parse
from holdfast.cli.declaration.certificate_summary import CertificateSummary, summarize_answer
from holdfast.cli.declaration.desired_state import WantedApi
from holdfast.cli.failures import CannotConnect, RequestRefused
from holdfast.cli.requests.client import Client, encode_segment

IDENTITY = "/endpoints/client-certificate"


@dataclass(frozen=True, slots=True)
class ExistingCaller:
    """A caller certificate of an API; *tag* is its entity tag, empty if nothing is to be changed."""

    alias: str
    fingerprint: str
    tier: str
    tag: str = ""
    environment: str = BOTH  # that accepts it: production, sandbox or both


@dataclass(frozen=True, slots=True)
class ExistingIdentity:
    """The chain that gateways present to an origin, the gateway's own certificate first; empty for none."""

    chain: tuple[CertificateSummary, ...] = ()


def build_callers_path(api_id: str) -> str:
    """Return the REST path of the caller certificates of an API."""
    return f"/apis/{encode_segment(api_id)}/client-certificates"


def build_environment_path(api_id: str, environment: str) -> str:
    """Return the REST path of the caller certificates that only *environment* accepts."""
    return f"/apis/{encode_segment(api_id)}/client-certs/{environment.upper()}"


def read_callers(client: Client, api_id: str, goal: WantedApi | None) -> dict[str, ExistingCaller]:
    """Read the caller certificates of an API by alias, with the entity tags of those that differ from *goal*."""
    callers, declarations = {}, {caller.alias: caller for caller in (goal.callers if goal else None) or ()}
    for entry in client.list_entries(build_callers_path(api_id), "certificates"):
        alias, fingerprint, tier = entry["alias"], entry["fingerprint"], entry["tier"]
        declaration = declarations.get(alias)
        environment = (entry.get("keyType") or BOTH).lower()
        stays = (
            declaration is not None
            and declaration.certificate.fingerprint == fingerprint
            and declaration.tier in {None, tier}
            and declaration.environment in {None, environment}
        )
        tag = "" if stays else client.read(f"{build_callers_path(api_id)}/{encode_segment(alias)}")[1]
        callers[alias] = ExistingCaller(alias, fingerprint, tier, tag, environment)
    return callers


def read_caller_content(client: Client, api_id: str, alias: str) -> Certificate:
    """Download a caller certificate. Raises CommandFailed."""
    path = f"{build_callers_path(api_id)}/{encode_segment(alias)}/content"
    content = client.answer("GET", path, headers={"Accept": "application/x-pem-file"}).content
    try:
        return parse(content).certificates[0]
    except CertificateError as error:
        raise CannotConnect(f"{client.url} sent an invalid certificate for {alias}: {error}") from error


def read_identity(client: Client, origin: str) -> ExistingIdentity:
    """Read what gateways present to *origin*; empty: nothing. Raises CommandFailed."""
    try:
        chain = client.get(IDENTITY, endpoint=origin)["certificates"]
    except RequestRefused as error:
        if error.status in {400, 404}:  # no API has an endpoint there, or there is no identity
            return ExistingIdentity()
        raise
    try:
        return ExistingIdentity(tuple(map(summarize_answer, chain)))
    except ValueError as error:
        raise CannotConnect(f"{client.url} sent an invalid certificate for {origin}. Check its URL.") from error


def read_identities(client: Client, origins: Mapping[str, object]) -> dict[str, ExistingIdentity]:
    """Read what gateways present to each of *origins*."""
    return {origin: read_identity(client, origin) for origin in origins}
