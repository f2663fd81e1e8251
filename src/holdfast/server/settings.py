"""
Every knob, typed. Each is also an environment variable: `HOLDFAST_` and its name.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from holdfast.apis.url import parse_host
from holdfast.network.addresses import (
    EVERYWHERE,
    Address,
    Addresses,
    Network,
    read_ip,
    read_network,
)
from holdfast.services.access.permissions import Role


def read_addresses(value: object) -> object:
    """
    Read one or more HOST:PORT, in several texts or with commas between them; raise ValueError when one can't be used.

    The host is a name or an IP address, IPv6 in brackets; one that is IPv4-mapped becomes the IPv4 address.
    """
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return value
    written = [part.strip() for text in value for part in str(text).split(",") if part.strip()]
    if not written:
        raise ValueError("It is empty. Give HOST:PORT, like 127.0.0.1:9080, or leave it out")
    return tuple(dict.fromkeys(_read_address(part) for part in written))


def _read_address(written: str) -> Address:
    host, _, port = written.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    try:
        if not 0 < int(port[:6]) < 65536 or not port.isdecimal() or (host != bare) != (":" in bare):
            raise ValueError
        return _read_host(bare), int(port)
    except ValueError:
        text = f"{written!r} is not HOST:PORT, like 127.0.0.1:9080, [::1]:9080 or gateway.example:8280"
        raise ValueError(text) from None


def _read_host(bare: str) -> str:
    try:
        return str(read_ip(bare))
    except ValueError:
        return parse_host(bare)


def read_networks(value: object) -> object:
    """Read networks with commas between them, like 10.0.0.0/8,fd00::/8; raise ValueError when one is none."""
    if not isinstance(value, str):
        return value
    written = [part.strip() for part in value.split(",") if part.strip()]
    if not written:
        raise ValueError("It is empty. List networks, like 10.0.0.0/8,fd00::/8, or leave it out")
    try:
        return tuple(read_network(part) for part in written)
    except ValueError as error:
        raise ValueError(f"{value!r} is not a list of networks, like 10.0.0.0/8,fd00::/8 ({error})") from error


def read_group_roles(value: object) -> object:
    """Read GROUP=ROLE with semicolons between them; groups of a directory hold commas and equals signs themselves."""
    if not isinstance(value, str):
        return value
    pairs = [part.rpartition("=") for part in value.split(";") if part.strip()]
    for group, _, role in pairs:
        if not group.strip() or role.strip() not in set(Role):
            entry = f"{group}={role}" if group else role
            raise ValueError(f"{entry.strip()!r} is not GROUP=ROLE, the role one of {', '.join(Role)}")
    return tuple((group.strip(), Role(role.strip())) for group, _, role in pairs)


GroupRoles = Annotated[tuple[tuple[str, Role], ...], NoDecode, BeforeValidator(read_group_roles)]
Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(read_networks)]
ListenAddresses = Annotated[Addresses, NoDecode, BeforeValidator(read_addresses)]


class Settings(BaseSettings):
    """What `holdfast up` may be told, on the command line or by HOLDFAST_* variables."""

    model_config = SettingsConfigDict(env_prefix="HOLDFAST_", frozen=True)

    data: Path = Path("~/.local/share/holdfast")
    publisher: ListenAddresses = (("127.0.0.1", 9080),)
    gateway: ListenAddresses = (("127.0.0.1", 8280),)
    sandbox: ListenAddresses = (("127.0.0.1", 8281),)
    tls_cert: Path | None = None  # of the publisher; with the chain
    tls_key: Path | None = None
    gateway_tls: ListenAddresses = ()  # production over https
    sandbox_tls: ListenAddresses = ()
    gateway_tls_cert: Path | None = None  # of both; with the chain
    gateway_tls_key: Path | None = None
    insecure_http: bool = False  # beyond this machine
    trusted_proxies: Networks = ()  # whose X-Forwarded-* headers publisher and gateway believe
    requests_per_second: float = Field(default=200.0, ge=0, le=1e6)  # of one user; 0: no limit
    admin_password: SecretStr | None = None
    sealing_key: SecretStr | None = None
    sealing_key_file: Path | None = None
    oidc_issuer: str | None = None  # the identity provider that people may sign in by; None: there is none
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_client_secret_file: Path | None = None
    oidc_roles: GroupRoles = ()  # who of a group has which role; "*" is everybody
    oidc_organization: str = "default"
    oidc_label: str = "single sign-on"  # what the button says after "Sign in with"
    oidc_scopes: str = "openid profile"
    oidc_name_claim: str = "preferred_username"
    oidc_groups_claim: str = "groups"
    oidc_ca_file: Path | None = None  # None: the public certification authorities
    envoy: Path | None = None
    probe_networks: Networks = EVERYWHERE  # where backends may be that are tested
    backend_idle: float = Field(default=4.0, gt=0, le=3600)  # seconds until an unused connection to a backend closes
    backend_drain: float = Field(default=60.0, gt=0)  # seconds that requests to a removed endpoint may still take
    drain_timeout: float = Field(default=30.0, ge=0, le=3600)  # seconds that requests may still take after SIGTERM
    backend_requests: int = Field(default=1024, ge=1, le=1_000_000)  # open at once at one backend
    backend_connections: int = Field(default=1024, ge=1, le=1_000_000)
    backend_pending: int = Field(default=1024, ge=1, le=1_000_000)  # that wait for a connection
    backend_websockets: int = Field(default=1024, ge=1, le=1_000_000)
    header_fields: int = Field(default=1000, ge=1, le=10_000)  # of a request or a response
    header_kib: int = Field(default=128, ge=1, le=8192)
    audit_retention: int = Field(default=400, ge=0, le=36_500)  # days that audit events are kept; 0: for ever
    retire_after: float = Field(default=86_400.0, gt=0, le=30 * 86_400.0)  # seconds
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
