"""
Configurations of other proxies that do what the gateway does: HTTP in, verified TLS to a backend, one processor.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.gateway.process.binary import find_envoy

PATH = "/bench/1.0"  # what callers request; the backend gets it without this prefix
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a proxy listens, and where the backend does."""

    proxy: int
    backend: int


@contextmanager
def on_processor(number: int) -> Iterator[None]:
    """Start processes in the block on one processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(before)[number % len(before)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def find(program: str) -> str | None:
    """Return the path of an installed program."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextmanager
def running(command: list[str], log: Path, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run a program until the block ends; yield its process id."""
    with log.open("wb") as output:
        own = os.environ | dict(environment or {})
        with subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=own) as process:
            try:
                yield process.pid
            finally:
                process.terminate()


def backend(directory: Path, port: int) -> list[str]:
    """Return the command of the backend: nginx with TLS, which answers 1 KB to everything."""
    server = f"""listen {HOST}:{port} ssl; ssl_protocols TLSv1.3; ssl_certificate {directory}/backend.pem;
        ssl_certificate_key {directory}/backend.key; location / {{ return 200 '{"x" * 1024}'; }}"""
    return _nginx(directory, "backend", f"server {{ {server} }}")


def nginx(directory: Path, ports: Ports) -> list[str]:
    """Return the command of nginx as a proxy."""
    upstream = f"upstream backend {{ server {HOST}:{ports.backend}; keepalive 128; keepalive_requests 1000000; }}"
    server = f"""listen {HOST}:{ports.proxy}; location {PATH}/ {{
        proxy_pass https://backend/; proxy_http_version 1.1; proxy_set_header Connection "";
        proxy_ssl_verify on; proxy_ssl_trusted_certificate {directory}/backend.pem; proxy_ssl_name localhost;
        proxy_ssl_protocols TLSv1.3; }}"""
    return _nginx(directory, "nginx", f"{upstream} server {{ {server} }}")


def _nginx(directory: Path, name: str, http: str) -> list[str]:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = " ".join(f"{kind}_temp_path {directory}/{name}-{kind};" for kind in kinds)
    (directory / f"{name}.conf").write_text(
        f"daemon off; master_process off; pid {directory}/{name}.pid; error_log {directory}/{name}.log;"
        f"events {{ worker_connections 1024; }} http {{ access_log off; keepalive_requests 100000000; {paths} {http} }}"
    )
    return [str(find("nginx")), "-e", f"{directory}/{name}.log", "-c", f"{directory}/{name}.conf"]


def haproxy(directory: Path, ports: Ports) -> list[str]:
    """Return the command of HAProxy."""
    (directory / "haproxy.cfg").write_text(
        "global\n nbthread 1\n"
        "defaults\n mode http\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n http-reuse always\n"
        f"frontend in\n bind {HOST}:{ports.proxy}\n default_backend out\n"
        f"backend out\n http-request replace-path {PATH}/(.*) /\\1\n"
        f" server one {HOST}:{ports.backend} ssl verify required ca-file {directory}/backend.pem\n"
    )
    return [str(find("haproxy")), "-db", "-f", str(directory / "haproxy.cfg")]


def caddy(directory: Path, ports: Ports) -> list[str]:
    """Return the command of Caddy."""
    tls = {"root_ca_pem_files": [str(directory / "backend.pem")], "server_name": HOST}
    handle: list[dict[str, Any]] = [
        {"handler": "rewrite", "strip_path_prefix": PATH},
        {
            "handler": "reverse_proxy",
            "upstreams": [{"dial": f"{HOST}:{ports.backend}"}],
            "transport": {"protocol": "http", "tls": tls, "keep_alive": {"max_idle_conns_per_host": 128}},
        },
    ]
    server = {"listen": [f"{HOST}:{ports.proxy}"], "routes": [{"handle": handle}], "automatic_https": {"disable": True}}
    configuration = {
        "admin": {"disabled": True, "config": {"persist": False}},
        "apps": {"http": {"servers": {"bench": server}}},
    }
    (directory / "caddy.json").write_text(json.dumps(configuration))
    return [str(find("caddy")), "run", "--config", str(directory / "caddy.json")]


def traefik(directory: Path, ports: Ports) -> list[str]:
    """Return the command of Traefik."""
    http = {
        "routers": {"in": {"rule": f"PathPrefix(`{PATH}/`)", "service": "out", "middlewares": ["strip"]}},
        "middlewares": {"strip": {"stripPrefix": {"prefixes": [PATH]}}},
        "services": {
            "out": {
                "loadBalancer": {"servers": [{"url": f"https://{HOST}:{ports.backend}"}], "serversTransport": "tls"}
            }
        },
        "serversTransports": {"tls": {"rootCAs": [str(directory / "backend.pem")], "maxIdleConnsPerHost": 128}},
    }
    (directory / "traefik.json").write_text(json.dumps({"http": http}))  # JSON is YAML
    (directory / "traefik.json").rename(directory / "traefik.yaml")
    return [
        str(find("traefik")),
        f"--entrypoints.in.address={HOST}:{ports.proxy}",
        f"--providers.file.filename={directory / 'traefik.yaml'}",
    ]


def tuned_envoy(directory: Path, ports: Ports) -> list[str]:
    """Return the command of an Envoy with the least that this takes: no statistics, no request ids, one route."""
    router = _pack("envoy.filters.http.router", "filters.http.router.v3.Router", {"dynamic_stats": False})
    route = {"match": {"prefix": f"{PATH}/"}, "route": {"cluster": "backend", "prefix_rewrite": "/"}}
    manager = {
        "stat_prefix": "in",
        "generate_request_id": False,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [router],
    }
    network = "envoy.filters.network.http_connection_manager"
    chain = {"filters": [_pack(network, "filters.network.http_connection_manager.v3.HttpConnectionManager", manager)]}
    name = {"san_type": "IP_ADDRESS", "matcher": {"exact": HOST}}
    validation = {
        "trusted_ca": {"filename": str(directory / "backend.pem")},
        "match_typed_subject_alt_names": [name],
    }
    tls = {
        "common_tls_context": {
            "tls_params": {"tls_maximum_protocol_version": "TLSv1_3"},
            "validation_context": validation,
        }
    }
    endpoint = {"endpoint": {"address": _address(ports.backend)}}
    cluster = {
        "name": "backend",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "backend", "endpoints": [{"lb_endpoints": [endpoint]}]},
        "transport_socket": _pack("tls", "transport_sockets.tls.v3.UpstreamTlsContext", tls),
    }
    bootstrap = {
        "stats_config": {"stats_matcher": {"reject_all": True}},
        "static_resources": {
            "listeners": [{"name": "in", "address": _address(ports.proxy), "filter_chains": [chain]}],
            "clusters": [cluster],
        },
    }
    options = ["--use-dynamic-base-id", "--log-level", "error", "--concurrency", "1"]
    return [str(find_envoy()), "--config-yaml", json.dumps(bootstrap), *options]


def _pack(name: str, kind: str, members: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "typed_config": {"@type": f"type.googleapis.com/envoy.extensions.{kind}", **members},
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": HOST, "port_value": port}}


# By the name in the table; each value is None or the name of the program that must be installed, and the command.
PROXIES: Mapping[str, tuple[str | None, Callable[[Path, Ports], list[str]]]] = {
    "nginx": ("nginx", nginx),
    "HAProxy": ("haproxy", haproxy),
    "tuned Envoy": (None, tuned_envoy),
    "Traefik": ("traefik", traefik),
    "Caddy": ("caddy", caddy),
}
