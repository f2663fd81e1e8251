"""
An API as a value, and the rules that its parts obey.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint, Environment
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.errors import InvalidField
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
    """An API: its name, where callers find it, how far it is, and its backends."""

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
    requires_certificate: bool = False  # of its callers

    @property
    def path(self) -> str:
        """Where the gateways answer: context and version, below a prefix for all organizations but the default one."""
        return path_of(self.organization, self.context, self.version)

    def endpoint(self, environment: Environment) -> Endpoint | None:
        """The backend of *environment*, if it has one."""
        return self.production if environment == "production" else self.sandbox

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The backends, production first, each URL once."""
        endpoints = [self.endpoint(environment) for environment in reversed(ENVIRONMENTS)]
        by_url = {endpoint.url: endpoint for endpoint in endpoints if endpoint}
        return tuple(reversed(by_url.values()))


def check_name(name: str) -> str:
    """Give *name* as it is stored, or raise InvalidField."""
    name = check_visible(name.strip(), "name", "The name")
    if not _NAME.fullmatch(name):
        message = "The name needs 1 to 60 characters and none of ~!@#;:%^*()+={}|\\<>\"',&$[]/."
        raise InvalidField("name", message)
    return name


def check_context(context: str) -> str:
    """Give *context* as it is stored, with a leading slash, or raise InvalidField."""
    stripped = check_visible(context.strip(), "context", "The context").strip("/")
    if not stripped or len(stripped) > MAX_CONTEXT or not all(map(_SEGMENT.fullmatch, stripped.split("/"))):
        message = "The context is a path like /pizza: letters, digits and . _ ~ - between slashes."
        raise InvalidField("context", message)
    if f"/{stripped}/".startswith(f"{TENANT_PREFIX}/"):
        raise InvalidField(
            "context", f"A context cannot begin with {TENANT_PREFIX}/; the gateways keep that for themselves."
        )
    return f"/{stripped}"


def check_version(version: str) -> str:
    """Give *version* as it is stored, or raise InvalidField."""
    version = check_visible(version.strip(), "version", "The version")
    if not _VERSION.fullmatch(version):
        raise InvalidField("version", "The version needs 1 to 30 letters, digits or . _ - (like 1.0.0).")
    return version


def check_description(description: str) -> str:
    """Give *description* as it is stored, or raise InvalidField."""
    description = description.strip()
    if len(description) > MAX_DESCRIPTION:
        raise InvalidField("description", f"The description is longer than {MAX_DESCRIPTION} characters.")
    return check_prose(description, "description", "The description")


def path_of(organization: str, context: str, version: str) -> str:
    """Give where the gateways answer, or would: below a prefix for all organizations but the default one."""
    tenant = "" if organization == DEFAULT_ORGANIZATION else f"{TENANT_PREFIX}/{organization}"
    return f"{tenant}{context}/{version}"
