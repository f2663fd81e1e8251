"""The JSON schema of configuration files accepts the files that the reader accepts, and no others."""

import json
import re
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from holdfast.cli.declaration.format import DOCUMENT, FieldKind
from holdfast.cli.declaration.reader import read_desired_state
from holdfast.cli.declaration.schema import describe_format
from holdfast.cli.failures import WrongFile
from issuing import issue

DOCS = Path(__file__).parents[2] / "docs"
API = "{name: a, context: /a, version: 1"
CERTIFICATE = "{alias: a, endpoint: 'https://a'"
ACCEPTED = [
    "holdfast: 1",
    "{holdfast: '1', label: team-a, apis: [], certificates: null, trust: []}",
    f"{{holdfast: 1, apis: [{API}}}]}}",
    f"{{holdfast: 1, apis: [{API}, state: retired, production: 'https://a', environments: [a, 1]}}]}}",
    f"{{holdfast: 1, apis: [{API}, productionConnection: {{protocol: http2, rewriteResponses: false}}}}]}}",
    f"{{holdfast: 1, apis: [{API}, cors: {{origins: ['*']}}, productionLimit: {{requests: 5, per: hour}}}}]}}",
    f"{{holdfast: 1, apis: [{API}, sandboxLimit: {{requests: unlimited}}, operations: [GET /a]}}]}}",
    f"{{holdfast: 1, apis: [{API}, callerCertificates: [{{alias: a, file: a.pem, tier: gold}}]}}]}}",
    f"{{holdfast: 1, apis: [{API}, callerCertificates: [{{alias: a, file: a.pem, environment: sandbox}}]}}]}}",
    f"{{holdfast: 1, apis: [{API}, requireCallerCertificate: '${{REQUIRED}}', state: '${{STATE:-created}}'}}]}}",
    f"{{holdfast: 1, certificates: [{CERTIFICATE}, file: a.pem, pem: null, keepPrevious: false}}]}}",
    "{holdfast: 1, trust: [{endpoint: 'https://a', tlsMinimum: 1.3, tlsMaximum: '1.3', names: [a], anchors: public}]}",
    "{holdfast: 1, gatewayIdentities: [{endpoint: 'https://a', file: a.pem, keyFile: a.key}]}",
]
REJECTED = [
    "{}",
    "[]",
    "holdfast: 2",
    "{holdfast: 1, api: []}",
    "{holdfast: 1, apis: {}}",
    "{holdfast: 1, apis: [1]}",
    "{holdfast: 1, label: [a]}",
    "{holdfast: 1, apis: [{name: a, version: 1}]}",
    f"{{holdfast: 1, apis: [{API}, state: sold}}]}}",
    f"{{holdfast: 1, apis: [{API}, environments: a}}]}}",
    f"{{holdfast: 1, apis: [{API}, colour: red}}]}}",
    f"{{holdfast: 1, apis: [{API}, requireCallerCertificate: yes please}}]}}",
    f"{{holdfast: 1, apis: [{API}, productionConnection: {{protocol: http3}}}}]}}",
    f"{{holdfast: 1, apis: [{API}, productionLimit: {{per: hour}}}}]}}",
    f"{{holdfast: 1, apis: [{API}, sandboxLimit: {{requests: 5, per: day}}}}]}}",
    f"{{holdfast: 1, apis: [{API}, cors: {{allowed: ['*']}}}}]}}",
    f"{{holdfast: 1, apis: [{API}, callerCertificates: [{{alias: a}}]}}]}}",
    f"{{holdfast: 1, apis: [{API}, callerCertificates: [{{alias: a, file: a.pem, environment: test}}]}}]}}",
    f"{{holdfast: 1, certificates: [{CERTIFICATE}}}]}}",
    f"{{holdfast: 1, certificates: [{CERTIFICATE}, file: a.pem, pem: a}}]}}",
    f"{{holdfast: 1, certificates: [{CERTIFICATE}, file: a.pem, previousFile: a.pem, previousPem: a}}]}}",
    "{holdfast: 1, certificates: [{alias: " + "a" * 46 + ", endpoint: 'https://a', file: a.pem}]}",
    "{holdfast: 1, trust: [{endpoint: 'https://a', tlsMinimum: 1.1}]}",
    "{holdfast: 1, trust: [{endpoint: 'https://a', anchors: none}]}",
    "{holdfast: 1, trust: [{anchors: public}]}",
    "{holdfast: 1, gatewayIdentities: [{endpoint: 'https://a', file: a.pem}]}",
    "{holdfast: 1, gatewayIdentities: [{endpoint: 'https://a', keyFile: a.key}]}",
    "{holdfast: 1, gatewayIdentities: [{endpoint: 'https://a', file: a.pem, keyFile: a.key, keyVariable: KEY}]}",
]


@pytest.fixture(scope="module")
def validator():
    schema = describe_format()
    jsonschema_rs.meta.validate(schema)
    return jsonschema_rs.validator_for(schema)


@pytest.fixture
def read(tmp_path):
    leaf = issue("a")
    (tmp_path / "a.pem").write_bytes(leaf.pem)
    (tmp_path / "a.key").write_bytes(leaf.key_pem)

    def read(text):
        (tmp_path / "a.yaml").write_text(text)
        return read_desired_state([str(tmp_path / "a.yaml")], variables={"REQUIRED": "true"})

    return read


@pytest.mark.parametrize("text", ACCEPTED)
def test_the_schema_and_the_reader_accept_valid_files(validator, read, text):
    validator.validate(yaml.safe_load(text))
    read(text)


@pytest.mark.parametrize("text", REJECTED)
def test_the_schema_and_the_reader_reject_invalid_files(validator, read, text):
    assert not validator.is_valid(yaml.safe_load(text))
    with pytest.raises(WrongFile):
        read(text)


def test_the_examples_in_the_documentation_match_the_schema(validator):
    examples = []
    for page in DOCS.rglob("*.md"):
        complete = page.read_text().partition("\n## Overlays\n")[0]
        blocks = re.findall(r"^( *)```yaml\n(.*?)^\1```", complete, re.MULTILINE | re.DOTALL)
        examples += [yaml.safe_load(block) for _, block in blocks if "holdfast: 1" in block]
    assert len(examples) >= 2
    for example in examples:
        validator.validate(example)


def test_the_published_schema_is_the_one_that_the_command_prints(guest):
    body = guest.run("schema").json
    assert body == describe_format() == json.loads((DOCS / "reference/holdfast.schema.json").read_text())


def test_every_mapping_has_a_section_and_every_field_a_description():
    sections = [DOCUMENT]
    for section in sections:
        sections += [field.section for field in section.fields if field.section]
        for field in section.fields:
            assert (field.kind in {FieldKind.MAPPING, FieldKind.MAPPINGS}) == (field.section is not None), field.name
            assert field.about.endswith("."), field.name
    assert len(sections) >= 7
