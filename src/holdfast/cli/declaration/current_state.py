"""
The current state of an organization, as far as the desired state needs it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from holdfast.apis.catalog.endpoint import ENVIRONMENTS, parse_endpoint
from holdfast.apis.catalog.group_members import list_endpoints
from holdfast.apis.errors import InvalidField
from holdfast.apis.identities.caller_certificate import requires_certificate
from holdfast.apis.label import LabeledKind
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.errors import CertificateError
from holdfast.certificates.formats.parsing import parse
from holdfast.certificates.revocation import RevocationList, read_revocation_lists
from holdfast.cli.catalog.apis import find_connection_settings, find_endpoint_url
from holdfast.cli.declaration.certificate_summary import CertificateSummary, list_fingerprints, summarize_answer
from holdfast.cli.declaration.desired_state import ApiKey, DesiredState
from holdfast.cli.declaration.existing_identities import (
    ExistingCaller,
    ExistingIdentity,
    read_callers,
    read_identities,
)
from holdfast.cli.failures import CannotConnect, CommandFailed, RequestRefused
from holdfast.cli.requests.client import Client, encode_segment
from holdfast.cli.terminal.progress import show_progress
from holdfast.cli.trust.certificates import PATH as CERTIFICATES
from holdfast.cli.trust.trust_settings import SETTINGS

LABELS = "/labels"
EXCEPTIONS = "/endpoints/trust-exceptions"


@dataclass(frozen=True, slots=True)
class ExistingApi:
    """
    An API. Details are read only if it is also in a file, or pruned.

    *tag* is the entity tag (RFC 9110, section 8.8.3) of the response, empty if there was none.
    """

    id: str
    name: str
    context: str
    version: str
    state: str
    description: str = ""
    production: str | None = None
    sandbox: str | None = None
    requires_certificate: bool = False  # of its callers
    environments: tuple[str, ...] = ()
    callers: Mapping[str, ExistingCaller] = field(default_factory=dict)  # by alias; read only if a file decides on them
    # Connection settings that differ from the defaults, as REST names them.
    production_connection: dict[str, Any] = field(default_factory=dict)
    sandbox_connection: dict[str, Any] = field(default_factory=dict)
    further: tuple[str, ...] = ()  # URLs of the further endpoints of groups
    body: dict[str, Any] = field(default_factory=dict)  # the REST response
    tag: str = ""

    @property
    def origins(self) -> set[str]:
        """The origins of its backends."""
        return {find_origin(url) for url in (self.production, self.sandbox, *self.further) if url}


@dataclass(frozen=True, slots=True)
class ExistingCertificate:
    """An alias. Its certificates are read only if it is in a file or pruned, or if its origin's certificates change."""

    alias: str
    endpoint: str
    current: tuple[CertificateSummary, ...] = ()
    previous: tuple[CertificateSummary, ...] = ()
    retire_proposed: bool = False  # the backend no longer uses the previous ones
    tag: str = ""

    @property
    def origin(self) -> str:
        """The origin that it is trusted for."""
        return find_origin(self.endpoint)

    @property
    def trusted(self) -> tuple[CertificateSummary, ...]:
        """All trusted certificates of the alias."""
        return self.current + self.previous


@dataclass(frozen=True, slots=True)
class ExistingTrust:
    """The trust settings of an origin, with REST's members; *is_unused* if they are left and no API has the origin."""

    settings: dict[str, Any]
    tag: str = ""
    is_unused: bool = False


@dataclass(slots=True)
class CurrentState:
    """
    The current state; *trust* is None for an origin without settings at which no API has an endpoint.

    *contents* are certificates by fingerprint: all that are trusted for origins whose certificates change.
    *exceptions* are all exceptions of the organization, with REST's members. *environments* are the names of all groups
    of gateways, read only if a file names some.
    """

    apis: dict[ApiKey, ExistingApi] = field(default_factory=dict)
    certificates: dict[str, ExistingCertificate] = field(default_factory=dict)
    trust: dict[str, ExistingTrust | None] = field(default_factory=dict)
    identities: dict[str, ExistingIdentity] = field(default_factory=dict)
    contents: dict[str, Certificate] = field(default_factory=dict)
    labels: dict[tuple[LabeledKind, str], tuple[str, ...]] = field(default_factory=dict)  # by REST's kind and object
    exceptions: list[dict[str, Any]] = field(default_factory=list)
    environments: list[str] = field(default_factory=list)


def read_current_state(client: Client, goal: DesiredState, *, prune: bool) -> CurrentState:
    """Read the objects that are in a file or pruned, and the names of all others."""
    existing = CurrentState()
    for api in client.list_entries("/apis", "list"):
        existing.apis[api["name"].lower(), api["version"]] = read_summary(api)
    keys = [key for key in existing.apis if key in goal.apis or (prune and goal.has_apis)]
    for key in show_progress(keys, "Reading APIs"):
        existing.apis[key] = read_details(client, existing.apis[key].id)
    for key, wanted_api in goal.apis.items():
        before = existing.apis.get(key)
        opens = before and before.requires_certificate and wanted_api.requires_certificate is False
        if before and (opens or wanted_api.callers is not None):
            existing.apis[key] = replace(before, callers=read_callers(client, before.id, wanted_api))
    unlisted = {origin for api in existing.apis.values() for origin in api.origins} - goal.origins
    if unlisted & goal.trust.keys():  # another API may keep an endpoint there
        for key in show_progress([key for key, api in existing.apis.items() if not api.body], "Reading APIs"):
            existing.apis[key] = read_details(client, existing.apis[key].id)
    _read_certificates(client, goal, existing, prune=prune and goal.has_certificates)
    origins = goal.trust.keys() | {certificate.origin for certificate in goal.certificates.values()}
    for origin in show_progress(sorted(origins), "Reading trust settings"):
        existing.trust[origin] = read_trust(client, origin)
    existing.identities = read_identities(client, goal.identities)
    existing.labels = read_labels(client)
    existing.exceptions = list(client.list_entries(EXCEPTIONS, "list"))
    if any(api.environments for api in goal.apis.values()):
        existing.environments = [environment["name"] for environment in client.get("/settings")["environment"]]
    return existing


def _read_certificates(client: Client, goal: DesiredState, existing: CurrentState, *, prune: bool) -> None:
    for entry in client.list_entries(CERTIFICATES, "certificates"):
        existing.certificates[entry["alias"]] = ExistingCertificate(entry["alias"], entry["endpoint"])
    aliases = [alias for alias in existing.certificates if prune or alias in goal.certificates]
    for alias in show_progress(aliases, "Reading certificates"):
        existing.certificates[alias] = read_certificate(client, alias)
    changing = set()
    for alias, certificate in goal.certificates.items():
        before = existing.certificates.get(alias)
        stays = before is not None and before.origin == certificate.origin and not before.previous
        if not (before and stays and list_fingerprints(before.current) == list_fingerprints(certificate.certificates)):
            changing.add(certificate.origin)
    _read_contents(client, existing, changing)


def _read_contents(client: Client, existing: CurrentState, origins: Collection[str]) -> None:
    """Read the certificates that *origins* trust, because a gateway may mistake a new one for one of them."""
    aliases = [alias for alias, certificate in existing.certificates.items() if certificate.origin in origins]
    for alias in show_progress(aliases, "Reading certificates"):
        if not existing.certificates[alias].current:
            existing.certificates[alias] = read_certificate(client, alias)
        entry = existing.certificates[alias]
        contents = [
            *read_content(client, alias),
            *(read_content(client, alias, previous=True) if entry.previous else ()),
        ]
        existing.contents |= {certificate.fingerprint: certificate for certificate in contents}
        if not list_fingerprints(entry.trusted) <= existing.contents.keys():
            raise CommandFailed(f"Someone else changed the certificates of {alias} at the same time. Try again.")


def read_summary(api: dict[str, Any]) -> ExistingApi:
    """Convert an entry of a list to an API."""
    return ExistingApi(api["id"], api["name"], api["context"], api["version"], api["lifeCycleStatus"])


def read_details(client: Client, api_id: str) -> ExistingApi:
    """Read an API with its endpoints."""
    api, tag = client.call_with_tag("GET", f"/apis/{encode_segment(api_id)}")
    config = api.get("endpointConfig") or {}
    return ExistingApi(
        id=api["id"],
        name=api["name"],
        context=api["context"],
        version=api["version"],
        state=api["lifeCycleStatus"],
        description=api["description"] or "",
        production=find_endpoint_url(api, "production"),
        sandbox=find_endpoint_url(api, "sandbox"),
        requires_certificate=requires_certificate(api),
        environments=tuple(sorted(api["gatewayEnvironments"])),
        production_connection=find_connection_settings(api, "production"),
        sandbox_connection=find_connection_settings(api, "sandbox"),
        further=tuple(endpoint["url"] for name in ENVIRONMENTS for endpoint in list_endpoints(config, name)[1:]),
        body=api,
        tag=tag,
    )


def read_certificate(client: Client, alias: str) -> ExistingCertificate:
    """Read the certificates of an alias. Raises CommandFailed."""
    entry, tag = client.call_with_tag("GET", f"{CERTIFICATES}/{encode_segment(alias)}")
    try:
        current, previous = (tuple(map(summarize_answer, entry[name])) for name in ("certificates", "previous"))
    except ValueError as error:
        raise CannotConnect(
            f"{client.url} sent an invalid description of certificate {alias}. Check its URL and version."
        ) from error
    return ExistingCertificate(alias, entry["endpoint"], current, previous, entry["retireProposed"] is True, tag)


def read_content(client: Client, alias: str, *, previous: bool = False) -> tuple[Certificate, ...]:
    """Download the certificates of an alias, the current or the *previous* ones. Raises CommandFailed."""
    path, query = f"{CERTIFICATES}/{encode_segment(alias)}/content", {"previous": "true"} if previous else {}
    answer = client.answer("GET", path, params=query, headers={"Accept": "application/x-pem-file"})
    try:
        return parse(answer.content).certificates
    except CertificateError as error:
        raise CannotConnect(f"{client.url} sent invalid certificates for {alias}: {error}") from error


def read_labels(client: Client) -> dict[tuple[LabeledKind, str], tuple[str, ...]]:
    """Read the labels of all objects, by kind and object."""
    try:
        objects = list(client.list_entries(LABELS, "list"))
    except RequestRefused as error:
        if error.status == 404:  # an earlier version
            return {}
        raise
    kinds = set(LabeledKind)
    return {
        (LabeledKind(entry["kind"]), entry["object"]): tuple(entry["labels"])
        for entry in objects
        if entry["kind"] in kinds
    }


def read_trust(client: Client, origin: str) -> ExistingTrust | None:
    """Read the trust settings of an origin; None if no API has an endpoint there and no settings are left."""
    for is_unused in (False, True):
        query = {"endpoint": origin} | ({"unused": "true"} if is_unused else {})
        try:
            settings, tag = client.call_with_tag("GET", SETTINGS, params=query)
        except RequestRefused as error:
            if error.status != 400:
                raise
        else:
            return ExistingTrust(settings, tag, is_unused)
    return None


def read_crls(client: Client, origin: str) -> tuple[RevocationList, ...]:
    """Download the CRLs of an origin, which must have some. Raises CommandFailed."""
    content = client.answer("GET", f"{SETTINGS}/crls", params={"endpoint": origin}).content
    try:
        return read_revocation_lists(content)
    except CertificateError as error:
        raise CannotConnect(f"{client.url} sent invalid CRLs for {origin}: {error}") from error


def find_origin(url: str) -> str:
    """Return the origin of an endpoint's URL; an invalid URL is returned unchanged."""
    try:
        return str(parse_endpoint(url).origin)
    except InvalidField:
        return url
