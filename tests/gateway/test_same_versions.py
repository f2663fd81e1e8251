"""Resources have the same versions in each process: otherwise, a publisher that restarts would send them all again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from issuing import issue

PROGRAM = """
from dataclasses import replace

from holdfast.certificates.certificate import read_certificate
from holdfast.gateway.resources.apis import build_api
from holdfast.gateway.resources.listeners import build_listener
from holdfast.gateway.resources.routes import build_scoped_routes, pack_routes, find_scope
from store.values import make_api
from trusting import trust_set

ISSUED = {der!r}
api = make_api(context="/pizza", production="https://backend.example/", sandbox="https://sandbox.example/")
api = replace(api, id="85890fbb-0000-4000-8000-000000000000")
certificates = [read_certificate(ISSUED)]
trust = {{endpoint.origin: trust_set(certificates, endpoint.origin.reference) for endpoint in api.endpoints}}
listeners = [build_listener("production", [("127.0.0.1", 8280)], tls=tls) for tls in (False, True)]
routes = build_scoped_routes("production", find_scope(api), pack_routes(api, "production"))
resources = [*build_api(api, trust).all, *listeners, routes]
print([(resource.name, resource.version) for resource in resources])
"""


@pytest.mark.long
def test_versions_are_the_same_in_each_process():
    program = PROGRAM.format(der=issue("backend.example").der)
    tests = Path(__file__).parent.parent
    environment = os.environ | {"PYTHONPATH": str(tests)}
    versions = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=environment | {"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(1, 4)
    }
    assert len(versions) == 1
