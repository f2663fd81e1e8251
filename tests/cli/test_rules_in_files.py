"""Default version, listed operations, CORS and limits in files."""

import pytest
import yaml

pytestmark = pytest.mark.envoy
API = 'name: Pizza, context: /pizza, production: "http://127.0.0.1:1"'
RULES = """type: soap, prototype: true,
   defaultVersion: true, onlyListedOperations: true, operations: [GET /menu, "post /orders/{id}"],
   cors: {origins: ["https://shop.test"], methods: [GET], headers: [x-key], credentials: true},
   productionLimit: {requests: 100, per: minute}, sandboxLimit: {requests: 5}"""
CORS = {
    "corsConfigurationEnabled": True,
    "accessControlAllowOrigins": ["https://shop.test"],
    "accessControlAllowMethods": ["GET"],
    "accessControlAllowHeaders": ["x-key"],
    "accessControlAllowCredentials": True,
}


@pytest.fixture
def write(tmp_path):
    def write(*apis):
        file = tmp_path / "holdfast.yaml"
        file.write_text("holdfast: 1\napis:\n" + "".join(f"- {{{api}}}\n" for api in apis))
        return str(file)

    return write


def show_pizza(command, version="1"):
    return command.run("api", "show", f"Pizza:{version}", "--json").json


def test_files_set_change_export_and_keep_the_rules(command, write):
    command.run("apply", "-f", write(f"{API}, version: 1, {RULES}"), "--yes")
    body = show_pizza(command)
    assert (body["type"], body["endpointImplementationType"]) == ("SOAP", "MOCKED_OAS")
    assert (body["isDefaultVersion"], body["onlyListedOperations"], body["corsConfiguration"]) == (True, True, CORS)
    assert body["maxTps"] == {
        "production": 100, "productionTimeUnit": "MINUTE", "sandbox": 5, "sandboxTimeUnit": "SECOND",
    }  # fmt: skip
    assert [(operation["verb"], operation["target"]) for operation in body["operations"]] == [
        ("GET", "/menu"), ("POST", "/orders/{id}"),
    ]  # fmt: skip
    assert command.run("diff", "-f", write(f"{API}, version: 1, {RULES}")).code == 0
    (api,) = yaml.safe_load(command.run("export").output)["apis"]
    assert (api["type"], api["prototype"]) == ("soap", True)
    assert api["cors"] == {
        "origins": ["https://shop.test"], "methods": ["GET"], "headers": ["x-key"], "credentials": True,
    }  # fmt: skip
    assert api["operations"] == ["GET /menu", "POST /orders/{id}"]
    assert (api["productionLimit"], api["sandboxLimit"]) == (
        {"requests": 100, "per": "minute"}, {"requests": 5, "per": "second"},
    )  # fmt: skip
    # What a file doesn't decide stays.
    command.run("apply", "-f", write(f"{API}, version: 1, description: New"), "--yes")
    assert {name: value for name, value in show_pizza(command).items() if name in {"corsConfiguration", "maxTps"}} == {
        "corsConfiguration": CORS, "maxTps": body["maxTps"],
    }  # fmt: skip
    assert show_pizza(command)["endpointImplementationType"] == "MOCKED_OAS"
    off = "type: http, prototype: false, "
    off += "cors: {enabled: false}, productionLimit: {requests: unlimited}, onlyListedOperations: false"
    output = command("diff", "-f", write(f"{API}, version: 1, description: New, {off}")).output
    assert "productionLimit: 100 per minute -> unlimited" in output
    command.run("apply", "-f", write(f"{API}, version: 1, description: New, {off}"), "--yes")
    body = show_pizza(command)
    assert (body["type"], body["endpointImplementationType"]) == ("HTTP", "ENDPOINT")
    assert body["maxTps"] == {"sandbox": 5, "sandboxTimeUnit": "SECOND"}
    assert (body["onlyListedOperations"], body["corsConfiguration"]) == (
        False,
        CORS | {"corsConfigurationEnabled": False},
    )


def test_a_change_to_a_former_default_version_leaves_the_new_one(command, write):
    command.run("apply", "-f", write(f"{API}, version: 1, defaultVersion: true, state: published"), "--yes")
    second = f"{API}, version: 2, defaultVersion: true, state: published"
    for first in ("description: Old, state: deprecated", "description: Older, defaultVersion: false"):
        command.run("apply", "-f", write(f"{API}, version: 1, {first}", second), "--yes")
        assert [show_pizza(command, version)["isDefaultVersion"] for version in ("1", "2")] == [False, True]


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ("cors: {origins: [shop.test]}", "cors.origins: 'shop.test' isn't an origin."),
        ("cors: {origins: ['*'], credentials: true}", "cors.credentials: With credentials, list origins"),
        ("cors: {origins: ['*'], methods: ['a b']}", "cors.methods: 'a b' isn't the name of a method."),
        ("productionLimit: {requests: 0}", "productionLimit.requests: Use a whole number from 1 to 1,000,000."),
        ("sandboxLimit: {requests: 1, per: day}", "sandboxLimit.per: Use one of SECOND, MINUTE, HOUR."),
        ("type: websub", "type: Use one of graphql, grpc, http, soap, sse, ws."),
        ("operations: [GET]", "operations: Write method and path"),
        ("operations: [GET /a*]", "operations: The gateway can't compare"),
        ("onlyListedOperations: true", "lists no operations"),
    ],
)
def test_invalid_rules_are_reported_with_their_field(command, write, rules, problem):
    assert problem in command.fail("diff", "-f", write(f"{API}, version: 1, {rules}"))
