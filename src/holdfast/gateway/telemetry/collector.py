"""
The collector that a gateway sends traces to, over OTLP, and what all settings of collectors have in common.
"""

import ipaddress
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from holdfast.files.replacement import replace_file

CLUSTER = "collector"
SERVICE = "holdfast-gateway"  # as collectors see gateways
CA_FILE = "collector-ca.pem"  # in the data directory of a gateway
DEFAULT_SAMPLE = 0.1
_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
PORTS = {"http": 80, "https": 443}


class CollectorUnusable(ValueError):
    """The settings of the collector can't be used; the message says why."""


class UnusableCaFile(CollectorUnusable):
    """The file with the CAs of the collector can't be used."""


@dataclass(frozen=True, slots=True)
class Collector:
    """
    Where traces go, and the share of requests (0 to 1) that begin one.

    *path* is that of OTLP over HTTP; empty: OTLP over gRPC. *roots* is the file with the CAs that its certificate is
    verified with; None: no TLS.
    """

    host: str
    port: int
    path: str
    roots: Path | None
    sample: float

    @property
    def authority(self) -> str:
        """The host and port, as in URLs."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def describe_cluster(self) -> dict[str, Any]:
        """Return Envoy's cluster for it. TLS is always verified, including the name."""
        http: dict[str, Any] = {"http_protocol_options": {}} if self.path else {"http2_protocol_options": {}}
        address = {"socket_address": {"address": self.host, "port_value": self.port}}
        hosts = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
        cluster: dict[str, Any] = {
            "name": CLUSTER,
            "type": "LOGICAL_DNS",
            "dns_lookup_family": "ALL",  # tries all addresses: the collector may listen on one family only
            "connect_timeout": "2s",
            "load_assignment": {"cluster_name": CLUSTER, "endpoints": hosts},
            "typed_extension_protocol_options": {
                _OPTIONS: {"@type": f"type.googleapis.com/{_OPTIONS}", "explicit_http_config": http}
            },
        }
        if self.roots:
            cluster["transport_socket"] = {"name": "tls", "typed_config": self._describe_tls(self.roots)}
        return cluster

    def _describe_tls(self, roots: Path) -> dict[str, Any]:
        kind = "IP_ADDRESS" if _is_address(self.host) else "DNS"
        validation = {
            "trusted_ca": {"filename": str(roots)},
            "match_typed_subject_alt_names": [{"san_type": kind, "matcher": {"exact": self.host}}],
        }
        common = {
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"},
            "validation_context": validation,
            "alpn_protocols": ["http/1.1" if self.path else "h2"],
        }
        return {"@type": _TLS, "common_tls_context": common} | ({"sni": self.host} if kind == "DNS" else {})


@dataclass(frozen=True, slots=True)
class CollectorOptions:
    """The URL of a collector, empty: no traces; the file with its CAs, None: the public ones; and the share."""

    url: str = ""
    ca_file: Path | None = None
    sample: float = DEFAULT_SAMPLE

    def to_arguments(self) -> Iterator[str]:
        """Return the arguments of the agent's process."""
        if self.url:
            yield f"--traces={self.url}"
            yield f"--traces-sample={self.sample}"
            if self.ca_file:
                yield f"--traces-ca-file={self.ca_file.expanduser().absolute()}"

    def read(self, data: Path) -> Collector | None:
        """
        Return the collector of the gateway in *data*, which gets a copy of the CAs; None: no traces.

        Raises CollectorUnusable.
        """
        if not self.url:
            return None
        self.check()
        url = urlsplit(self.url)
        path = url.path.rstrip("/")
        roots = self._copy_roots(data.absolute() / CA_FILE) if url.scheme == "https" else None
        return Collector(str(url.hostname), url.port or PORTS[url.scheme], path, roots, self.sample)

    def check(self) -> None:
        """Raise CollectorUnusable if the URL or the share can't be used."""
        if self.url:
            check_url(self.url)
        if not 0 <= self.sample <= 1:
            raise CollectorUnusable(f"{self.sample} isn't a share between 0 and 1")

    def _copy_roots(self, copy: Path) -> Path:
        """Copy the CAs, because Envoy doesn't start if it can't read them."""
        replace_file(copy, read_roots(self.ca_file))
        return copy


NO_COLLECTOR = CollectorOptions()


def check_url(url: str) -> None:
    """Raise CollectorUnusable if *url* can't be that of a collector: it contains no secrets, which logs would show."""
    if any(character in url for character in "@?#"):
        # Without the URL, because what follows may be a secret.
        raise CollectorUnusable("the URL of a collector can't have a user name, a password, a query or a fragment")
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in PORTS and parts.hostname and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise CollectorUnusable(f"{url!r} isn't the URL of a collector, such as https://collector.example:4317")


def read_roots(ca_file: Path | None) -> bytes:
    """Return the CAs in *ca_file* (PEM); None: the public ones. Raises UnusableCaFile."""
    import certifi  # most gateways have no collector, and agents should stay small

    file = ca_file.expanduser() if ca_file else Path(certifi.where())
    try:
        content = file.read_bytes()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=content.decode("ascii"))
    except (OSError, ValueError) as error:  # the latter includes ssl.SSLError
        raise UnusableCaFile(f"{file} has no certificates in PEM ({error})") from error
    return content


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
