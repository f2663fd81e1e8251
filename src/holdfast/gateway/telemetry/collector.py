"""
The collector that a gateway sends traces to, over OTLP.
"""

import ipaddress
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import certifi

from holdfast.files.replacement import replace_file

CLUSTER = "collector"
CA_FILE = "collector-ca.pem"  # in the data directory of a gateway
DEFAULT_SAMPLE = 0.1
_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
_PORTS = {"http": 80, "https": 443}


class CollectorUnusable(ValueError):
    """The settings of the collector can't be used; the message says why."""


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

    def arguments(self) -> Iterator[str]:
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
        return Collector(str(url.hostname), url.port or _PORTS[url.scheme], path, roots, self.sample)

    def check(self) -> None:
        """Raise CollectorUnusable if the URL or the share can't be used."""
        try:
            url = urlsplit(self.url)
            is_usable = url.scheme in _PORTS and url.hostname and url.port != 0 and not (url.username or url.query)
        except ValueError:
            is_usable = False
        if self.url and not is_usable:
            raise CollectorUnusable(
                f"{self.url!r} isn't the URL of a collector, such as https://collector.example:4317"
            )
        if not 0 <= self.sample <= 1:
            raise CollectorUnusable(f"{self.sample} isn't a share between 0 and 1")

    def _copy_roots(self, copy: Path) -> Path:
        """Copy the CAs, because Envoy doesn't start if it can't read them."""
        file = self.ca_file or Path(certifi.where())
        try:
            content = file.read_bytes()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cadata=content.decode("ascii"))
        except (OSError, ValueError) as error:  # the latter includes ssl.SSLError
            raise CollectorUnusable(f"{file} has no certificates in PEM ({error})") from error
        replace_file(copy, content)
        return copy


NO_COLLECTOR = CollectorOptions()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
