"""
All settings, typed. Each is also an environment variable: `HOLDFAST_` and its name.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from holdfast.apis.gateways.control_plane import check_control_plane_name
from holdfast.apis.url import parse_url
from holdfast.gateway.telemetry.access_log_format import JSON, check_format
from holdfast.gateway.telemetry.access_log_options import DEFAULT_FILES, DEFAULT_SIZE, LARGEST, MOST
from holdfast.gateway.telemetry.collector import DEFAULT_SAMPLE
from holdfast.network.addresses import EVERYWHERE, Address, Addresses, Network, read_network
from holdfast.network.listen_addresses import parse_addresses
from holdfast.network.mail import MailTls
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
    items = [part.strip() for part in value.split(",") if part.strip()]
    if not items:
        raise ValueError("It is empty. List networks, such as 10.0.0.0/8,fd00::/8, or leave it out")
    try:
        return tuple(read_network(part) for part in items)
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
ControlPlaneName = Annotated[str, AfterValidator(lambda name: name and check_control_plane_name(name))]
ListenAddresses = Annotated[Addresses, NoDecode, BeforeValidator(read_addresses)]


def read_address(value: object) -> object:
    """Parse one HOST:PORT; empty: None. Raises ValueError."""
    return parse_addresses([value])[0] if isinstance(value, str) and value else value or None


def read_public_url(value: object) -> object:
    """Parse the URL of the pages, without a path; empty: None. Raises ValueError."""
    if not isinstance(value, str) or not value:
        return value or None
    url = parse_url(value)
    if url.path not in {"", "/"} or url.query is not None:
        raise ValueError(f"{value!r} has a path. Use only scheme, host and port, such as https://holdfast.example")
    return value.rstrip("/")


PublicUrl = Annotated[str | None, BeforeValidator(read_public_url)]
SmtpServer = Annotated[Address | None, NoDecode, BeforeValidator(read_address)]


AccessLogLayout = Annotated[str, AfterValidator(check_format)]


class Settings(BaseSettings):
    """The settings of `holdfast up`, from the command line or HOLDFAST_* variables."""

    model_config = SettingsConfigDict(env_prefix="HOLDFAST_", frozen=True)

    data: Path = Path("~/.local/share/holdfast")
    database: SecretStr | None = None  # the URL of a PostgreSQL database; None: SQLite, in the data directory
    database_password: SecretStr | None = None
    database_password_file: Path | None = None
    database_connections: int = Field(default=20, ge=5, le=1000)  # of this process to PostgreSQL
    name: ControlPlaneName = ""  # of this control plane among those of its database; empty: the machine's host name
    publisher: ListenAddresses = (("127.0.0.1", 9080),)
    gateway: ListenAddresses = (("127.0.0.1", 8280),)
    sandbox: ListenAddresses = (("127.0.0.1", 8281),)
    without_gateway: bool = False  # the gateway on this machine is started separately
    tls_cert: Path | None = None  # of the publisher, with its chain
    tls_key: Path | None = None
    gateway_tls: ListenAddresses = ()  # production over https
    sandbox_tls: ListenAddresses = ()
    discovery: ListenAddresses = ()  # for gateways on other machines
    advertise: ListenAddresses = ()  # where gateways reach that, if they must use other addresses
    gateway_tls_cert: Path | None = None  # of production and sandbox, with its chain
    gateway_tls_key: Path | None = None
    gateway_access_log: str = ""  # file for a line about each request, or stdout; empty: none
    gateway_access_log_format: AccessLogLayout = JSON
    gateway_access_log_size: int = Field(default=DEFAULT_SIZE, ge=0, le=LARGEST)  # MiB; 0: never rotated
    gateway_access_log_files: int = Field(default=DEFAULT_FILES, ge=0, le=MOST)  # rotated files
    gateway_traces: str = ""  # URL of an OpenTelemetry collector; empty: no traces
    gateway_traces_ca_file: Path | None = None  # None: the public CAs
    gateway_traces_sample: float = Field(default=DEFAULT_SAMPLE, ge=0, le=1)  # share of requests
    gateway_metrics: str = ""  # URL of a collector
    gateway_metrics_ca_file: Path | None = None
    gateway_monitoring: ListenAddresses = ()  # health and metrics of the gateway on this machine
    traces: str = ""  # of the publisher: URL of a collector; empty: none
    traces_sample: float = Field(default=DEFAULT_SAMPLE, ge=0, le=1)
    metrics: str = ""  # URL of a collector
    logs: str = ""  # URL of a collector
    collector_ca_file: Path | None = None  # None: the public CAs
    insecure_http: bool = False  # allow http on addresses that other machines can reach
    trusted_proxies: Networks = ()  # whose X-Forwarded-* headers publisher and gateway trust
    requests_per_second: float = Field(default=200.0, ge=0, le=1e6)  # of one user; 0: no limit
    admin_password: SecretStr | None = None
    admin_password_file: Path | None = None
    sealing_key: SecretStr | None = None
    sealing_key_file: Path | None = None
    enrollment_key_file: Path | None = None  # with which gateways join without a join token
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
    public_url: PublicUrl = None  # where users reach the pages; None: the first address of the publisher
    smtp_server: SmtpServer = None  # for notifications; None: no mails
    smtp_tls: MailTls = MailTls.STARTTLS
    smtp_from: str = ""
    smtp_user: str = ""
    smtp_password: SecretStr | None = None
    smtp_password_file: Path | None = None
    notification_ca_file: Path | None = None  # to verify receivers of notifications with, besides the public CAs
    audit_retention: int = Field(default=400, ge=0, le=36_500)  # days that audit events are stored; 0: forever
    traffic_minutes: int = Field(default=24, ge=2, le=168)  # hours that traffic by minute is stored
    traffic_hours: int = Field(default=31, ge=2, le=400)  # days that traffic by hour is stored
    traffic_days: int = Field(default=400, ge=31, le=36_500)  # days that traffic by day is stored
    retire_after: float = Field(default=86_400.0, gt=0, le=30 * 86_400.0)  # seconds until retiring is suggested
    watch_interval: float = Field(default=21_600.0, ge=0, le=30 * 86_400.0)  # seconds between checks; 0: never
    watch_concurrency: int = Field(default=2, ge=1, le=50)  # backends that are checked at once
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
