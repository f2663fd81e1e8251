"""
APIs as values, and the rules for their names, contexts, versions and descriptions.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime

from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint, Environment, parse_token_endpoint
from holdfast.apis.catalog.endpoint_group import EndpointGroup, Member
from holdfast.apis.catalog.endpoint_security import EndpointSecurity
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.catalog.request_rules import NO_RULES, RequestRules
from holdfast.apis.definitions.mock_responses import MockResponse
from holdfast.apis.errors import InvalidField
from holdfast.apis.gateways.group import ON_DEFAULT
from holdfast.apis.text import check_prose, check_visible

_NAME = re.compile(r"[^~!@#;:%^*()+={}|\\<>\"',&$\[\]/]{1,60}")
_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,29}")
MAX_CONTEXT = 82
MAX_DESCRIPTION = 20_000
DEFAULT_ORGANIZATION = "default"
TENANT_PREFIX = "/t"


@dataclass(frozen=True, slots=True)
class Api:
    """An API: its name, path, lifecycle state and backends."""

    id: str
    organization: str
    name: str
    context: str  # with a leading slash
    version: str
    state: State
    production: Endpoint | None
    sandbox: Endpoint | None
    description: str
    provider: str  # the name of the user who created it
    created_at: datetime  # aware, UTC
    updated_at: datetime
    requires_certificate: bool = False  # callers must present a certificate
    groups: frozenset[str] = ON_DEFAULT  # of gateways that it is deployed to
    has_thumbnail: bool = False
    revision: int = 0  # the number of the revision that this is; 0: the working copy
    pinned: frozenset[tuple[str, str]] = frozenset()  # groups that serve a revision instead, each with its id
    production_group: EndpointGroup | None = None  # the production endpoint is the first member
    sandbox_group: EndpointGroup | None = None
    is_default: bool = False  # of the versions with its context; at most one of them is
    # Gateways serve it at its context without a version, too: the default version once it is published, until then the
    # one before.
    has_short_path: bool = False
    rules: RequestRules = NO_RULES
    mocks: tuple[MockResponse, ...] | None = None  # what gateways answer instead of its backends
    # Endpoint security for origins that only revisions have.
    kept_security: tuple[tuple[Environment, EndpointSecurity], ...] = ()
    unreadable: tuple[str, ...] = ()  # stored parts that can't be read; their values let no request through

    @property
    def is_answered(self) -> bool:
        """Whether gateways have something to answer requests with, in any environment."""
        return self.mocks is not None or bool(self.production or self.sandbox)

    @property
    def path(self) -> str:
        """The path at the gateways: context and version, prefixed for all organizations except the default one."""
        return build_path(self.organization, self.context, self.version)

    @property
    def short_path(self) -> str | None:
        """The path at the gateways without the version, if it has one."""
        return build_short_path(self.organization, self.context) if self.has_short_path else None

    @property
    def working_copy_groups(self) -> frozenset[str]:
        """The groups that it is deployed to as the working copy."""
        return self.groups.difference(group for group, _ in self.pinned)

    @property
    def unserved_text(self) -> str:
        """The text about endpoints and callers of it that gateways don't use: why, or when they will."""
        if self.state is State.RETIRED:
            return "Not used: the API is retired"
        if self.state.is_served and self.mocks is not None:
            return "Not used: gateways answer with examples"
        if self.state.is_live and not self.working_copy_groups:
            return "Takes effect when the working copy is deployed"
        return "Takes effect when the API is published"

    @property
    def problem(self) -> str:
        """The stored parts that can't be read, and what to do; empty if there are none."""
        if not self.unreadable:
            return ""
        parts = " and ".join(self.unreadable)
        return (
            f"What is stored of {self.name} {self.version} can't be read: {parts}. Gateways may reject its requests "
            "until you change and save this again, or restore a backup."
        )

    def find_endpoint(self, environment: Environment) -> Endpoint | None:
        """Return the endpoint of *environment*, or None."""
        return self.production if environment == "production" else self.sandbox

    def find_group(self, environment: Environment) -> EndpointGroup | None:
        """Return the group that the endpoint of *environment* belongs to, or None."""
        group = self.production_group if environment == "production" else self.sandbox_group
        return group if self.find_endpoint(environment) else None

    def list_members(self, environment: Environment) -> tuple[Member, ...]:
        """Return the endpoints of *environment*, the first one first; all have its settings."""
        first, group = self.find_endpoint(environment), self.find_group(environment)
        if first is None:
            return ()
        if group is None:
            return (Member(first),)
        further = (
            replace(member, endpoint=replace(member.endpoint, connection=first.connection, security=first.security))
            for member in group.members
        )
        return (Member(first, group.weight, group.priority), *further)

    def find_member(self, environment: Environment, origin: str) -> Endpoint | None:
        """Return the endpoint of *environment* with this *origin*; without one, the first."""
        members = (member.endpoint for member in self.list_members(environment))
        return next((endpoint for endpoint in members if origin in {"", str(endpoint.origin)}), None)

    def list_origins(self, environment: Environment) -> frozenset[str]:
        """Return the origins of all endpoints of *environment*."""
        return frozenset(str(member.endpoint.origin) for member in self.list_members(environment))

    def find_token_endpoint(self, environment: Environment) -> Endpoint | None:
        """Return where gateways get tokens for the backends of *environment*."""
        endpoint = self.find_endpoint(environment)
        token = endpoint.security.token if endpoint and endpoint.security else None
        return parse_token_endpoint(token.url) if token else None

    @property
    def securities(self) -> tuple[tuple[Environment, EndpointSecurity], ...]:
        """The endpoint security of each environment, and then that of revisions."""
        current = [
            (environment, endpoint.security)
            for environment in ENVIRONMENTS
            if (endpoint := self.find_endpoint(environment))
        ]
        return (*((environment, security) for environment, security in current if security), *self.kept_security)

    @property
    def token_endpoints(self) -> tuple[Endpoint, ...]:
        """Where gateways get tokens for the backends, including those of revisions."""
        return tuple(parse_token_endpoint(security.token.url) for _, security in self.securities if security.token)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """All endpoints, production first, with those of groups, then token endpoints, without duplicate URLs."""
        endpoints = [*reversed(self.token_endpoints)]
        endpoints += [
            member.endpoint
            for environment in reversed(ENVIRONMENTS)
            for member in reversed(self.list_members(environment))
        ]
        by_url = {endpoint.url: endpoint for endpoint in endpoints}
        return tuple(reversed(by_url.values()))


def check_name(name: str) -> str:
    """Return *name* as stored. Raises InvalidField."""
    name = check_visible(name.strip(), "name", "The name")
    if not _NAME.fullmatch(name):
        message = "The name must have 1 to 60 characters and none of ~!@#;:%^*()+={}|\\<>\"',&$[]/."
        raise InvalidField("name", message)
    return name


def check_context(context: str) -> str:
    """Return *context* as stored, with a leading slash. Raises InvalidField."""
    path = check_visible(context.strip(), "context", "The context").strip("/")
    if not path or len(path) > MAX_CONTEXT or not all(map(_SEGMENT.fullmatch, path.split("/"))):
        message = "The context must be a path like /pizza, with letters, digits and . _ ~ - between slashes."
        raise InvalidField("context", message)
    if f"/{path}/".startswith(f"{TENANT_PREFIX}/"):
        raise InvalidField(
            "context", f"The context can't begin with {TENANT_PREFIX}/, which is reserved for organizations."
        )
    return f"/{path}"


def check_version(version: str) -> str:
    """Return *version* as stored. Raises InvalidField."""
    version = check_visible(version.strip(), "version", "The version")
    if not _VERSION.fullmatch(version):
        raise InvalidField("version", "The version must have 1 to 30 letters, digits or . _ - (like 1.0.0).")
    return version


def check_description(description: str) -> str:
    """Return *description* as stored. Raises InvalidField."""
    description = description.strip()
    if len(description) > MAX_DESCRIPTION:
        raise InvalidField("description", f"The description is longer than {MAX_DESCRIPTION} characters.")
    return check_prose(description, "description", "The description")


def build_path(organization: str, context: str, version: str) -> str:
    """Return the path at the gateways, prefixed for all organizations except the default one."""
    return f"{build_short_path(organization, context)}/{version}"


def build_short_path(organization: str, context: str) -> str:
    """Return the path of the default version, without the version."""
    tenant = "" if organization == DEFAULT_ORGANIZATION else f"{TENANT_PREFIX}/{organization}"
    return f"{tenant}{context}"
