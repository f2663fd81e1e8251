"""
APIs as values, and the rules for their names, contexts, versions and descriptions.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint, Environment
from holdfast.apis.catalog.lifecycle import State
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

    @property
    def path(self) -> str:
        """The path at the gateways: context and version, prefixed for all organizations except the default one."""
        return path_of(self.organization, self.context, self.version)

    def endpoint(self, environment: Environment) -> Endpoint | None:
        """Return the endpoint of *environment*, or None."""
        return self.production if environment == "production" else self.sandbox

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The endpoints, production first, without duplicate URLs."""
        endpoints = [self.endpoint(environment) for environment in reversed(ENVIRONMENTS)]
        by_url = {endpoint.url: endpoint for endpoint in endpoints if endpoint}
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
    stripped = check_visible(context.strip(), "context", "The context").strip("/")
    if not stripped or len(stripped) > MAX_CONTEXT or not all(map(_SEGMENT.fullmatch, stripped.split("/"))):
        message = "The context must be a path like /pizza, with letters, digits and . _ ~ - between slashes."
        raise InvalidField("context", message)
    if f"/{stripped}/".startswith(f"{TENANT_PREFIX}/"):
        raise InvalidField(
            "context", f"The context can't begin with {TENANT_PREFIX}/, which is reserved for organizations."
        )
    return f"/{stripped}"


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


def path_of(organization: str, context: str, version: str) -> str:
    """Return the path at the gateways, prefixed for all organizations except the default one."""
    tenant = "" if organization == DEFAULT_ORGANIZATION else f"{TENANT_PREFIX}/{organization}"
    return f"{tenant}{context}/{version}"
