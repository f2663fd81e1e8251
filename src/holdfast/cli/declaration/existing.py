"""
What there is at a publisher, as far as what is wanted asks for it.
"""

from dataclasses import dataclass, field
from typing import Any

from holdfast.apis.caller_certificate import requires_certificate
from holdfast.apis.endpoint import parse_endpoint
from holdfast.apis.errors import InvalidField
from holdfast.certificates.errors import CertificateError
from holdfast.certificates.revocation import RevocationList, read_revocation_lists
from holdfast.cli.apis import endpoint_connection, endpoint_url
from holdfast.cli.certificates import PATH as CERTIFICATES
from holdfast.cli.client import Client, segment
from holdfast.cli.declaration.wanted import ApiKey, Wanted
from holdfast.cli.failures import CannotConnect, Refused
from holdfast.cli.progress import counted
from holdfast.cli.trust import SETTINGS


@dataclass(frozen=True, slots=True)
class ExistingApi:
    """An API; its endpoints and its description are known only where it is wanted, too."""

    id: str
    name: str
    context: str
    version: str
    state: str
    description: str = ""
    production: str | None = None
    sandbox: str | None = None
    requires_certificate: bool = False  # of its callers
    # Connection settings that differ from the defaults, as REST names them.
    production_connection: dict[str, Any] = field(default_factory=dict)
    sandbox_connection: dict[str, Any] = field(default_factory=dict)

    @property
    def origins(self) -> set[str]:
        """Where its backends are."""
        return {origin_of(url) for url in (self.production, self.sandbox) if url}


@dataclass(frozen=True, slots=True)
class ExistingCertificate:
    """An alias; its certificates, by SHA-256, are known only where it is wanted, too."""

    alias: str
    endpoint: str
    fingerprints: frozenset[str] = frozenset()


@dataclass(slots=True)
class Existing:
    """What there is; *trust* is None for an origin that no API has an endpoint at."""

    apis: dict[ApiKey, ExistingApi] = field(default_factory=dict)
    certificates: dict[str, ExistingCertificate] = field(default_factory=dict)
    trust: dict[str, dict[str, Any] | None] = field(default_factory=dict)


def read_existing(client: Client, wanted: Wanted) -> Existing:
    """Ask for what is wanted, and for the names of all else."""
    existing = Existing()
    for api in client.listed("/apis", "list"):
        existing.apis[api["name"].lower(), api["version"]] = summarized_api(api)
    for entry in client.listed(CERTIFICATES, "certificates"):
        existing.certificates[entry["alias"]] = ExistingCertificate(entry["alias"], entry["endpoint"])
    for key in counted([key for key in wanted.apis if key in existing.apis], "Reading APIs"):
        existing.apis[key] = detailed_api(client, existing.apis[key].id)
    aliases = [alias for alias in wanted.certificates if alias in existing.certificates]
    for alias in counted(aliases, "Reading certificates"):
        found = client.get(f"{CERTIFICATES}/{segment(alias)}")
        prints = frozenset(each["fingerprint"] for each in found["certificates"])
        existing.certificates[alias] = ExistingCertificate(alias, found["endpoint"], prints)
    origins = wanted.trust.keys() | {each.origin for each in wanted.certificates.values()}
    for origin in counted(sorted(origins), "Reading trust settings"):
        existing.trust[origin] = read_trust(client, origin)
    return existing


def summarized_api(api: dict[str, Any]) -> ExistingApi:
    """Make an API of an entry of a list."""
    return ExistingApi(api["id"], api["name"], api["context"], api["version"], api["lifeCycleStatus"])


def detailed_api(client: Client, api_id: str) -> ExistingApi:
    """Ask for an API with its endpoints."""
    api = client.get(f"/apis/{segment(api_id)}")
    return ExistingApi(
        id=api["id"],
        name=api["name"],
        context=api["context"],
        version=api["version"],
        state=api["lifeCycleStatus"],
        description=api["description"] or "",
        production=endpoint_url(api, "production"),
        sandbox=endpoint_url(api, "sandbox"),
        requires_certificate=requires_certificate(api),
        production_connection=endpoint_connection(api, "production"),
        sandbox_connection=endpoint_connection(api, "sandbox"),
    )


def read_trust(client: Client, origin: str) -> dict[str, Any] | None:
    """Ask for the trust settings of an origin; None where no API has an endpoint there."""
    try:
        return client.get(SETTINGS, endpoint=origin)
    except Refused as error:
        if error.status == 400:
            return None
        raise


def read_crls(client: Client, origin: str) -> tuple[RevocationList, ...]:
    """Ask for the CRLs of an origin that has some."""
    content = client.answer("GET", f"{SETTINGS}/crls", params={"endpoint": origin}).content
    try:
        return read_revocation_lists(content)
    except CertificateError as error:
        raise CannotConnect(f"{client.url} gives CRLs of {origin} that cannot be read: {error}") from error


def origin_of(url: str) -> str:
    """Give the origin of an endpoint's URL; what is no such URL is its own."""
    try:
        return str(parse_endpoint(url).origin)
    except InvalidField:
        return url
