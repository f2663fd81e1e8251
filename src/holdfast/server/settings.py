"""
All settings, typed. Each is also an environment variable: `HOLDFAST_` and its name.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from holdfast.network.addresses import EVERYWHERE, Addresses, Network, read_network
from holdfast.network.listen_addresses import parse_addresses
from holdfast.services.access.permissions import Role


def read_addresses(value: object) -> object:
    """Parse one or more HOST:PORT, as a list or separated by commas. Raises ValueError."""
    if isinstance(value, str):
        value = [value]
    return parse_addresses(map(str, value)) if isinstance(value, list) else value


def read_networks(value: object) -> object:
    """Parse networks separated by commas, such as 10.0.0.0/8,fd00::/8. Raises ValueError."""
    if not isinstance(value, str):
        return value
    written = [part.strip() for part in value.split(",") if part.strip()]
    if not written:
        raise ValueError("It is empty. List networks, such as 10.0.0.0/8,fd00::/8, or leave it out")
    try:
        return tuple(read_network(part) for part in written)
    except ValueError as error:
        raise ValueError(f"{value!r} is not a list of networks, such as 10.0.0.0/8,fd00::/8 ({error})") from error


def read_group_roles(value: object) -> object:
    """Parse GROUP=ROLE separated by semicolons. LDAP groups contain commas and equals signs. Raises ValueError."""
    if not isinstance(value, str):
        return value
    pairs = [part.rpartition("=") for part in value.split(";") if part.strip()]
    for group, _, role in pairs:
        if not group.strip() or role.strip() not in set(Role):
            entry = f"{group}={role}" if group else role
            raise ValueError(f"{entry.strip()!r} is not GROUP=ROLE, where ROLE is one of {', '.join(Role)}")
    return tuple((group.strip(), Role(role.strip())) for group, _, role in pairs)


GroupRoles = Annotated[tuple[tuple[str, Role], ...], NoDecode, BeforeValidator(read_group_roles)]
Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(read_networks)]
ListenAddresses = Annotated[Addresses, NoDecode, BeforeValidator(read_addresses)]


class Settings(BaseSettings):
    """The settings of `holdfast up`, from the command line or HOLDFAST_* variables."""

    model_config = SettingsConfigDict(env_prefix="HOLDFAST_", frozen=True)

    data: Path = Path("~/.local/share/holdfast")
    publisher: ListenAddresses = (("127.0.0.1", 9080),)
    gateway: ListenAddresses = (("127.0.0.1", 8280),)
    sandbox: ListenAddresses = (("127.0.0.1", 8281),)
    without_gateway: bool = False  # the gateway on this machine is started separately
    tls_cert: Path | None = None  # of the publisher, with its chain
    tls_key: Path | None = None
    gateway_tls: ListenAddresses = ()  # production over https
    sandbox_tls: ListenAddresses = ()
    discovery: ListenAddresses = ()  # for gateways on other machines
    gateway_tls_cert: Path | None = None  # of production and sandbox, with its chain
    gateway_tls_key: Path | None = None
    insecure_http: bool = False  # allow http on addresses that other machines can reach
    trusted_proxies: Networks = ()  # whose X-Forwarded-* headers publisher and gateway trust
    requests_per_second: float = Field(default=200.0, ge=0, le=1e6)  # of one user; 0: no limit
    admin_password: SecretStr | None = None
    sealing_key: SecretStr | None = None
    sealing_key_file: Path | None = None
    oidc_issuer: str | None = None  # of the identity provider; None: no single sign-on
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_client_secret_file: Path | None = None
    oidc_roles: GroupRoles = ()  # the roles of groups; "*" is every user
    oidc_organization: str = "default"
    oidc_label: str = "single sign-on"  # the text of the button, after "Sign in with"
    oidc_scopes: str = "openid profile"
    oidc_name_claim: str = "preferred_username"
    oidc_groups_claim: str = "groups"
    oidc_ca_file: Path | None = None  # None: the public CAs
    envoy: Path | None = None
    probe_networks: Networks = EVERYWHERE  # that probes can connect to
    backend_idle: float = Field(default=4.0, gt=0, le=3600)  # seconds until an idle connection to a backend is closed
    backend_drain: float = Field(default=60.0, gt=0)  # seconds for requests in flight to a removed endpoint
    drain_timeout: float = Field(default=30.0, ge=0, le=3600)  # seconds for requests in flight after SIGTERM
    backend_requests: int = Field(default=1024, ge=1, le=1_000_000)  # concurrent requests to one backend
    backend_connections: int = Field(default=1024, ge=1, le=1_000_000)
    backend_pending: int = Field(default=1024, ge=1, le=1_000_000)  # requests that wait for a connection
    backend_websockets: int = Field(default=1024, ge=1, le=1_000_000)
    header_fields: int = Field(default=1000, ge=1, le=10_000)  # in a request or a response
    header_kib: int = Field(default=128, ge=1, le=8192)
    audit_retention: int = Field(default=400, ge=0, le=36_500)  # days that audit events are stored; 0: forever
    retire_after: float = Field(default=86_400.0, gt=0, le=30 * 86_400.0)  # seconds until retiring is suggested
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
