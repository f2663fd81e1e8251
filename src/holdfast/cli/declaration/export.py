"""
Exports the current state of an organization as YAML.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from holdfast.apis.catalog.connection_settings import SETTINGS
from holdfast.apis.gateways.group import DEFAULT_GROUP
from holdfast.apis.identities.caller_certificate import BOTH
from holdfast.cli.declaration.current_state import (
    ExistingApi,
    find_origin,
    read_certificate,
    read_content,
    read_crls,
    read_details,
    read_trust,
)
from holdfast.cli.declaration.endpoint_groups import export_groups
from holdfast.cli.declaration.endpoint_security import export_security
from holdfast.cli.declaration.existing_identities import read_caller_content, read_callers, read_identity
from holdfast.cli.declaration.format import FORMAT
from holdfast.cli.declaration.plan import DEFAULTS
from holdfast.cli.declaration.request_rules import export_rules
from holdfast.cli.declaration.variables import escape
from holdfast.cli.requests.client import Client
from holdfast.cli.terminal.files import make_folder, write_file
from holdfast.cli.terminal.output import tell
from holdfast.cli.terminal.progress import show_progress
from holdfast.cli.trust.certificates import PATH as CERTIFICATES

FILE = "holdfast.yaml"
CERTIFICATE_FOLDER = "certificates"
PREVIOUS_FOLDER = f"{CERTIFICATE_FOLDER}/previous"
CALLER_FOLDER = "callers"
CRL_FOLDER = "crls"


class _Block(str):
    """A text that is written as a block of lines."""

    __slots__ = ()


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # PyYAML has no types
    """Writes `_Block` texts as blocks."""


def _represent_block(dumper: Any, text: _Block) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")


_Dumper.add_representer(_Block, _represent_block)


def export(client: Client, folder: Path | None) -> str:
    """
    Return the YAML of all APIs, certificates and trust settings of the organization.

    With *folder*, certificates and CRLs are written to files in it; otherwise they are part of the YAML.
    """
    ids = [api["id"] for api in client.list_entries("/apis", "list")]
    apis = [read_details(client, api_id) for api_id in show_progress(ids, "Reading APIs")]
    own_origins = {origin for api in apis for origin in api.origins}
    aliases = _list_aliases(client, own_origins)
    certificates = [
        _export_certificate(client, alias, folder) for alias in show_progress(aliases, "Reading certificates")
    ]
    origins = sorted(origin for origin in own_origins if origin.startswith("https:"))
    trust = [_export_trust(client, origin, folder) for origin in show_progress(origins, "Reading trust settings")]
    _report_identities(client, origins)
    document = {
        "holdfast": int(FORMAT),
        "apis": [_export_api(client, api, folder) for api in apis],
        "certificates": certificates,
        "trust": [entry for entry in trust if len(entry) > 1],
    }
    return write_document(_escape(document))


def _list_aliases(client: Client, own_origins: Collection[str]) -> list[str]:
    """Return the aliases of the certificates at *own_origins*, and report the others."""
    aliases = []
    for entry in client.list_entries(CERTIFICATES, "certificates"):
        if find_origin(entry["endpoint"]) in own_origins:
            aliases.append(entry["alias"])
        else:
            tell(
                f"Skipped certificate {entry['alias']}: no API has an endpoint at {find_origin(entry['endpoint'])}, so "
                "apply would reject it."
            )
    return aliases


def _report_identities(client: Client, origins: Sequence[str]) -> None:
    """Report which gateway identities aren't exported."""
    for origin in show_progress(origins, "Reading gateway identities"):
        if read_identity(client, origin).chain:
            tell(
                f"Skipped the gateway identity for {origin}: its private key can't be read. Declare it with keyFile or "
                "keyVariable."
            )


def _export_api(client: Client, api: ExistingApi, folder: Path | None) -> dict[str, Any]:
    return _remove_nothing(
        name=api.name,
        context=api.context,
        version=api.version,
        description=api.description,
        state=api.state.lower(),
        production=api.production,
        productionConnection=_list_values(api.production_connection),
        sandbox=api.sandbox,
        sandboxConnection=_list_values(api.sandbox_connection),
        productionSecurity=export_security(api, "production"),
        sandboxSecurity=export_security(api, "sandbox"),
        **export_rules(api),
        endpointGroup=export_groups(api.body.get("endpointConfig") or {}),
        environments=[] if api.environments == (DEFAULT_GROUP,) else list(api.environments),
        requireCallerCertificate=api.requires_certificate,
        callerCertificates=_export_callers(client, api, folder),
    )


def _escape(value: Any) -> Any:
    """Escape references to variables in all texts; in certificates and CRLs, they aren't expanded."""
    if isinstance(value, dict):
        return {name: _escape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_escape(part) for part in value]
    return escape(value) if isinstance(value, str) and not isinstance(value, _Block) else value


def _export_callers(client: Client, api: ExistingApi, folder: Path | None) -> list[dict[str, str]]:
    if not api.requires_certificate:
        return []
    entries = []
    for alias, caller in read_callers(client, api.id, None).items():
        pem, name = read_caller_content(client, api.id, alias).pem, f"{api.name} {api.version} {alias}"
        tier = {"tier": caller.tier} if caller.tier else {}
        tier |= {"environment": caller.environment} if caller.environment != BOTH else {}
        entries.append({"alias": alias} | tier | _export_content(pem, "pem", "file", folder, CALLER_FOLDER, name))
    return entries


def write_document(document: dict[str, Any]) -> str:
    """Write *document* as YAML."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def write_export(client: Client, output: Path) -> Path:
    """Export to a directory or a YAML file, and return the path of the YAML."""
    if output.suffix in {".yaml", ".yml"} and not output.is_dir():
        write_file(output, export(client, None).encode())
        return output
    make_folder(output)
    write_file(output / FILE, export(client, output).encode())
    return output / FILE


def _export_certificate(client: Client, alias: str, folder: Path | None) -> dict[str, Any]:
    entry = read_certificate(client, alias)
    current = _export_content(_read_pem(client, alias), "pem", "file", folder, CERTIFICATE_FOLDER, alias)
    previous = {}
    if entry.previous:
        pem = _read_pem(client, alias, previous=True)
        previous = _export_content(pem, "previousPem", "previousFile", folder, PREVIOUS_FOLDER, alias)
    return {"alias": alias, "endpoint": entry.endpoint} | current | previous


def _read_pem(client: Client, alias: str, *, previous: bool = False) -> str:
    # Written from parsed certificates, so that nothing else gets into the file.
    return "".join(certificate.pem for certificate in read_content(client, alias, previous=previous))


def _export_trust(client: Client, origin: str, folder: Path | None) -> dict[str, Any]:
    trust = read_trust(client, origin)
    settings = trust.settings if trust else {}
    if settings.get("exception"):
        tell(f"Verification is temporarily off for {origin}. Exceptions aren't exported.")
    own_settings = {name: settings[name] for name in DEFAULTS if name in settings and settings[name] != DEFAULTS[name]}
    if not own_settings:
        return {"endpoint": origin}
    has_crls = bool(own_settings.pop("crls", None))
    pem = "".join(crl.pem for crl in read_crls(client, origin)) if has_crls else ""
    # Without this field, apply keeps existing CRLs, so write it even if there are none.
    crls = _export_content(
        pem, "crls", "crlFile", folder if has_crls else None, CRL_FOLDER, origin.removeprefix("https://")
    )
    return {"endpoint": origin} | own_settings | crls


def _export_content(pem: str, inline: str, file: str, folder: Path | None, below: str, name: str) -> dict[str, str]:
    """Return the YAML field with *pem*, or with the path of the file *name* that it is written to."""
    if folder is None:
        return {inline: _Block(pem)}
    # Users choose names; quoted, a name can't lead out of the folder.
    path = f"{below}/{quote(name, safe='')}.pem"
    make_folder(folder / below)
    write_file(folder / path, pem.encode())
    return {file: path}


def _list_values(connection: dict[str, Any]) -> dict[str, Any]:
    """Return connection settings by their names in files."""
    return {setting.name: connection[setting.member] for setting in SETTINGS.values() if setting.member in connection}


def _remove_nothing(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
