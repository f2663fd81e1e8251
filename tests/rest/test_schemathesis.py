"""
Responses match /openapi.json, both for requests that match it and for requests that don't.

Schemathesis generates requests for every operation in the description. `make test` sends the same few each time;
`make fuzz` sends many random ones.
"""

import os
from types import SimpleNamespace

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from holdfast import rest
from holdfast.server.asgi import create_asgi
from holdfast.services.access.accounts import SESSION_COOKIE
from issuing import issue
from rest.calls import APIS, PREFIX, create_api, upload
from rest.operations import REQUESTS

pytestmark = pytest.mark.long

FUZZING = int(os.environ.get("HOLDFAST_FUZZ", "0"))  # random requests for each operation
HOW_MANY = settings(max_examples=FUZZING) if FUZZING else settings(max_examples=10, derandomize=True)


@pytest.fixture(scope="module")
def berta(join):
    return join("berta")


@pytest.fixture(scope="module")
def cookies(shared_runtime, berta):
    return {SESSION_COOKIE: shared_runtime.accounts.start_session(berta, shared_runtime.now())}


@pytest.fixture(scope="module")
def known_ids(sign_in, berta):
    """An existing API and certificate, so that not every request ends with 404."""
    client = sign_in(berta)
    api = create_api(client)
    assert upload(client, issue("pizza.test").pem).status_code == 201
    fields, files = {"alias": "pizza-backend", "tier": "Gold"}, {"certificate": issue(common_name="partner").pem}
    assert client.post(f"{APIS}/{api['id']}/client-certificates", data=fields, files=files).status_code == 201
    return {"api_id": api["id"], "apiId": api["id"], "alias": "pizza-backend"}


@pytest.fixture(scope="module")
def operations(shared_runtime):
    """Each operation of the description, by its name in rest.operations, which has all of them."""
    description = rest.create_door(SimpleNamespace()).openapi()
    schema = schemathesis.openapi.from_dict(description)
    schema.app = create_asgi(shared_runtime)
    return {
        f"{method.upper()} {path.removeprefix(PREFIX)}": schema[path][method]
        for path, operations in description["paths"].items()
        for method in operations
    }


@pytest.mark.parametrize(
    "mode",
    [
        pytest.param(GenerationMode.POSITIVE, id="fitting"),
        pytest.param(
            GenerationMode.NEGATIVE,
            id="not-fitting",
            marks=pytest.mark.sqlite(reason="such requests are rejected before they reach the database"),
        ),
    ],
)
@pytest.mark.parametrize("name", REQUESTS)
def test_every_operation_matches_its_description(operations, cookies, known_ids, name, mode):
    operation = operations[name]
    # Values that match their schema can still be invalid host names, certificates or lifecycle states.
    # That check sends wrong passwords, which are slowed down; test_authentication.py covers requests without any.
    excluded_checks = [positive_data_acceptance, ignored_auth]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(HOW_MANY, database=None, suppress_health_check=list(HealthCheck))
    def ask(case):
        for values in (case.path_parameters, case.query) if operation.method != "delete" else ():
            for name in known_ids.keys() & (values or {}).keys():
                if len(str(values[name])) % 3:
                    values[name] = known_ids[name]
        case.call_and_validate(cookies=cookies, excluded_checks=excluded_checks)

    ask()
