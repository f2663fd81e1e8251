"""Archives with the parameters of an environment, as `apictl import api --params` writes them."""

import io
import json
import zipfile

import pytest

from holdfast.apis.errors import InvalidField, UnreadableArchive
from holdfast.apis.transfer.certificate_lists import ArchivedCaller, ArchivedCertificate
from holdfast.apis.transfer.unpacking import unpack
from holdfast.apis.transfer.zip_files import MAX_BYTES, MAX_FILES
from holdfast.certificates.errors import PrivateKeyRefused

SOURCE = {
    "name": "Pizza",
    "version": "1",
    "context": "/pizza",
    "policies": ["Unlimited"],
    "endpointConfig": {
        "endpoint_type": "http",
        "production_endpoints": {"url": "https://dev.test"},
        "sandbox_endpoints": {"url": "https://dev-sandbox.test"},
        "endpoint_security": {"production": {"enabled": True, "type": "BASIC", "username": "dev"}},
    },
}
OF_DEV = {"alias": "dev", "endpoint": "https://dev.test", "certificate": "dev.crt"}
PRODUCTION = {"endpoints": {"production": {"url": "https://prod.test"}}}


def make_zip(files):
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return output.getvalue()


def make_source(**files):
    return make_zip(
        {
            "SourceArchive/api.yaml": json.dumps({"type": "api", "data": SOURCE}),
            "SourceArchive/Endpoint-certificates/endpoint_certificates.yaml": json.dumps([OF_DEV]),
            "SourceArchive/Endpoint-certificates/dev.crt": "of dev",
        }
        | {name.replace("__", "/"): content for name, content in files.items()}
    )


def send_file(parameters):
    """Return an archive as `--params FILE` sends it."""
    return make_zip({"p/SourceArchive.zip": make_source(), "p/intermediate_params.yaml": json.dumps(parameters)})


def send_directory(parameters, **certificates):
    """Return an archive as `--params DIRECTORY` sends it."""
    files = {f"p/Deployment/certificates/{name}.crt": content for name, content in certificates.items()}
    files["p/Deployment/intermediate_params.yaml"] = json.dumps(parameters)
    return make_zip({"p/Deployment/params.yaml": "environments: []", "p/SourceArchive.zip": make_source()} | files)


@pytest.mark.parametrize(
    ("parameters", "endpoints"),
    [
        (PRODUCTION, {"endpoint_type": "http", "production_endpoints": {"url": "https://prod.test"}}),
        (
            {"endpointType": "soap", "endpoints": {"sandbox": {"url": "https://s.test", "config": {"factor": 2}}}},
            {"endpoint_type": "address", "sandbox_endpoints": {"url": "https://s.test", "config": {"factor": 2}}},
        ),
        (
            {
                "endpointRoutingPolicy": "load_balanced",
                "loadBalanceEndpoints": {
                    "production": [{"url": "https://a.test"}, {"url": "https://b.test"}],
                    "sessionManagement": "soap",
                    "sessionTimeOut": 12,
                },
            },
            {
                "endpoint_type": "load_balance",
                "sessionManagement": "soap",
                "sessionTimeOut": 12,
                "failOver": False,
                "production_endpoints": [{"url": "https://a.test"}, {"url": "https://b.test"}],
            },
        ),
        (
            {
                "endpointRoutingPolicy": "failover",
                "failoverEndpoints": {
                    "production": {"url": "https://a.test"},
                    "productionFailovers": [{"url": "https://b.test"}],
                },
            },
            {
                "endpoint_type": "failover",
                "failOver": True,
                "production_endpoints": {"url": "https://a.test"},
                "production_failovers": [{"url": "https://b.test"}],
            },
        ),
    ],
)
def test_the_endpoints_of_the_parameters_replace_all_of_the_archive(parameters, endpoints):
    archive = unpack(send_file(parameters))
    config = archive.description["endpointConfig"]
    assert config == endpoints | {"endpoint_security": SOURCE["endpointConfig"]["endpoint_security"]}
    assert archive.has_replaced_endpoints


@pytest.mark.parametrize(
    "blank",
    [
        {"endpoints": {"production": {"url": None}, "sandbox": {"url": None}}},
        {"security": {"enabled": None, "type": None}, "certs": [{"hostName": None, "alias": None, "path": None}]},
        {"policies": [None, None], "deploymentEnvironments": [{"deploymentEnvironment": None}]},
    ],
)
def test_parameters_without_values_change_nothing(blank):
    archive = unpack(send_file(blank))
    assert archive == unpack(make_source())


def test_other_parameters_replace_those_of_the_archive():
    parameters = {
        "security": {"production": {"enabled": False}, "sandbox": {"enabled": True, "type": "basic", "username": "x"}},
        "deploymentEnvironments": [
            {"deploymentEnvironment": "Default"},
            {"deploymentEnvironment": "europe", "displayOnDevportal": False},
        ],
        "policies": ["Gold"],
        "additionalProperties": [{"name": "team", "value": "pizza"}],
        "surprise": 1,
    }
    archive = unpack(send_file(parameters))
    assert archive.description["endpointConfig"]["endpoint_security"] == {
        "production": {"enabled": False, "type": "NONE"},
        "sandbox": {"enabled": True, "type": "BASIC", "username": "x"},
    }
    assert archive.deployments == {"Default": True, "europe": False}
    assert archive.description["policies"] == ["Gold"]
    assert archive.description["additionalProperties"] == [{"name": "team", "value": "pizza"}]
    assert [part.what for part in archive.unused] == ["params: surprise"]


def test_the_certificates_of_a_deployment_directory_replace_those_of_the_archive():
    parameters = PRODUCTION | {
        "certs": [{"hostName": "https://prod.test", "alias": "prod", "path": "prod.crt"}],
        "mutualSslCerts": [{"tierName": "Gold", "alias": "partner", "path": "partner.crt"}],
    }
    archive = unpack(send_directory(parameters, prod="of prod", partner="of a partner"))
    assert archive.certificates == (ArchivedCertificate("prod", "https://prod.test", b"of prod"),)
    assert archive.callers == (ArchivedCaller("partner", "Gold", b"of a partner"),)
    assert not archive.has_replaced_endpoints


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (send_file({"certs": [{"hostName": "a", "alias": "a", "path": "a.crt"}]}), "deployment directory"),
        (
            send_directory({"certs": [{"hostName": "a", "alias": "a", "path": "../params.yaml"}]}),
            "no file Deployment/certificates/../params.yaml",
        ),
        (send_file({"certs": [{"alias": "a"}]}), "no file"),
        (send_file({"certs": "x"}), "must be a list"),
        (send_file({"security": []}), "must contain names"),
        (send_file({"security": {"production": {"enabled": "perhaps"}}}), "true or false"),
        (send_file({"endpointType": "carrier pigeon"} | PRODUCTION), "endpointType"),
        (send_file({"endpointRoutingPolicy": "failover"} | PRODUCTION), "failoverEndpoints"),
        (send_file([]), "no intermediate_params.yaml"),
        (make_zip({"SourceArchive.zip": make_source()}), "no intermediate_params.yaml"),
        (make_zip({"SourceArchive.zip": b"no zip", "intermediate_params.yaml": "{}"}), "isn't a zip archive"),
        # A billion laughs, and an archive in an archive in an archive.
        (
            make_zip(
                {
                    "SourceArchive.zip": make_source(),
                    "intermediate_params.yaml": "a: &a [x, x, x, x, x, x, x, x]\n"
                    + "".join(
                        f"{b}: &{b} [{', '.join(f'*{a}' for _ in range(9))}]\n"
                        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
                    ),
                }
            ),
            "can't be read",
        ),
        (
            make_zip(
                {"SourceArchive.zip": make_zip({"SourceArchive.zip": make_source()}), "intermediate_params.yaml": "{}"}
            ),
            "no api.yaml",
        ),
        # Neither archive is too large, but both are together.
        (
            make_zip(
                {
                    "SourceArchive.zip": make_source(bomb=bytes(MAX_BYTES // 2 + 1)),
                    "intermediate_params.yaml": "{}",
                    "bomb": bytes(MAX_BYTES // 2),
                }
            ),
            "more than",
        ),
        (
            make_zip(
                {
                    "SourceArchive.zip": make_source(**{f"f{number}": b"" for number in range(MAX_FILES // 2)}),
                    "intermediate_params.yaml": "{}",
                }
                | {f"f{number}": b"" for number in range(MAX_FILES // 2)}
            ),
            "files; the limit is",
        ),
    ],
)
def test_unusable_parameters_are_refused_with_the_reason(data, says):
    with pytest.raises((UnreadableArchive, InvalidField), match=says):
        unpack(data)


def test_a_private_key_is_refused_in_either_archive_also_in_files_of_the_same_name():
    key = "-----BEGIN PRIVATE KEY-----"
    for outer, inner in (("x", key), (key, "x")):
        files = {"SourceArchive.zip": make_source(a__b=inner), "intermediate_params.yaml": "{}", "a/b": outer}
        with pytest.raises(PrivateKeyRefused):
            unpack(make_zip(files))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused():
    output = io.BytesIO(make_source())
    with zipfile.ZipFile(output, "a") as archive:
        archive.writestr("SourceArchive/api.yaml", "name: Another")
    with pytest.raises(UnreadableArchive, match="two files named"):
        unpack(output.getvalue())
