"""
API archives: zip files in the format of WSO2 API Manager.

    <Name>-<Version>/api.yaml                                            the description
    <Name>-<Version>/Definitions/swagger.yaml                            the definition
    <Name>-<Version>/Endpoint-certificates/endpoint_certificates.yaml    alias, endpoint, file
    <Name>-<Version>/Endpoint-certificates/<alias>.crt                   PEM
    <Name>-<Version>/Client-certificates/client_certificates.yaml        caller certificates: alias, tier, file
    <Name>-<Version>/Client-certificates/<alias>.crt                     PEM

Older archives have `Meta-information/api.yaml`, `swagger.yaml` and `endpoint_certificates.yaml`, which contains the
certificates. Each YAML file may be JSON instead.
"""

import base64
import binascii
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.apis.definitions.documents import read_document, write_yaml
from holdfast.apis.errors import InvalidField, UnreadableArchive, UnreadableDocument
from holdfast.apis.text import check_visible
from holdfast.certificates.errors import PrivateKeyRefused
from holdfast.certificates.formats.keys import has_mark_of_key

MAX_FILES = 500
MAX_BYTES = 8 * 1024 * 1024  # of all files, uncompressed
MAX_CERTIFICATES = 200
_VERSION = "v4.0.0"  # of the layout
_WHEN = (2000, 1, 1, 0, 0, 0)  # fixed, so that the same content gives the same file
_DEFINITIONS = ("Definitions/swagger", "Meta-information/swagger")
_DESCRIPTIONS = ("api", "Meta-information/api")
_CERTIFICATES = ("Endpoint-certificates/endpoint_certificates", "Meta-information/endpoint_certificates")
_CALLERS = ("Client-certificates/client_certificates", "Meta-information/client_certificates")


@dataclass(frozen=True, slots=True)
class ArchivedCertificate:
    """An endpoint certificate in an archive; *data* is its file, in any supported format."""

    alias: str
    endpoint: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ArchivedCaller:
    """A caller certificate in an archive."""

    alias: str
    tier: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Archive:
    """An archived API: its description as in REST, its definition, its endpoint and caller certificates."""

    description: dict[str, Any]
    definition: Any | None
    certificates: tuple[ArchivedCertificate, ...]
    callers: tuple[ArchivedCaller, ...] = ()


def pack(archive: Archive, *, as_json: bool = False) -> bytes:
    """Return *archive* as a zip file; equal archives give equal bytes."""
    root = f"{archive.description['name']}-{archive.description['version']}"
    ending, write = (".json", _json) if as_json else (".yaml", write_yaml)
    listed = [{"alias": c.alias, "endpoint": c.endpoint, "certificate": f"{c.alias}.crt"} for c in archive.certificates]
    files = {
        f"{root}/api{ending}": write(_wrapped("api", archive.description)).encode(),
        f"{root}/Definitions/swagger{ending}": write(archive.definition).encode(),
    }
    if listed:
        files[f"{root}/{_CERTIFICATES[0]}{ending}"] = write(_wrapped("endpoint_certificates", listed)).encode()
    files |= {f"{root}/Endpoint-certificates/{c.alias}.crt": c.data for c in archive.certificates}
    callers = [{"alias": c.alias, "tierName": c.tier, "certificate": f"{c.alias}.crt"} for c in archive.callers]
    if callers:
        files[f"{root}/{_CALLERS[0]}{ending}"] = write(_wrapped("client_certificates", callers)).encode()
    files |= {f"{root}/Client-certificates/{c.alias}.crt": c.data for c in archive.callers}
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as packed:
        for name, data in files.items():
            packed.writestr(zipfile.ZipInfo(name, _WHEN), data, zipfile.ZIP_DEFLATED)
    return output.getvalue()


def unpack(data: bytes) -> Archive:
    """
    Read an archive.

    Raises:
        UnreadableArchive: It isn't an archive, is too large, or lacks a part.
        PrivateKeyRefused: One of its files contains a private key.
    """
    files = _without_root(_files(data))
    for position, (name, content) in enumerate(files.items(), 1):
        # A definition may contain a key as an example.
        if not name.startswith(_DEFINITIONS) and has_mark_of_key(content):
            raise PrivateKeyRefused(position, len(files), f"{name} in the archive", what="a file with a private key")
    description = _document(files, _DESCRIPTIONS)
    if not isinstance(description, dict):
        raise UnreadableArchive("The archive has no api.yaml with the description of an API. Export the API again.")
    return Archive(
        _modern(_unwrapped(description)),
        _document(files, _DEFINITIONS),
        tuple(_certificate(entry, files) for entry in _listed(files, _CERTIFICATES)),
        tuple(_caller(entry, files) for entry in _listed(files, _CALLERS)),
    )


def _listed(files: dict[str, bytes], names: Sequence[str]) -> list[dict[str, Any]]:
    certificates = _unwrapped(_document(files, names)) or []
    if not isinstance(certificates, list) or len(certificates) > MAX_CERTIFICATES:
        name = names[0].partition("/")[2]
        raise UnreadableArchive(f"{name}.yaml must be a list of at most {MAX_CERTIFICATES} certificates.")
    return [certificate if isinstance(certificate, dict) else {} for certificate in certificates]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _wrapped(kind: str, data: Any) -> dict[str, Any]:
    return {"type": kind, "version": _VERSION, "data": data}


def _unwrapped(document: Any) -> Any:
    return document["data"] if isinstance(document, dict) and "data" in document else document


def _files(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            entries = [entry for entry in packed.infolist() if not entry.filename.endswith("/")]
            if len(entries) > MAX_FILES:
                raise UnreadableArchive(f"The archive has {len(entries)} files; the limit is {MAX_FILES}.")
            contents: dict[str, bytes] = {}
            left = MAX_BYTES
            for entry in entries:
                contents[_name(entry)] = content = _content(packed, entry, left)
                left -= len(content)
            return contents
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, RuntimeError, OSError) as error:
        if isinstance(error, UnreadableArchive):
            raise
        raise UnreadableArchive("The file isn't a zip archive, or it is damaged. Export the API again.") from error


def _name(entry: zipfile.ZipInfo) -> str:
    parts = entry.filename.split("/")
    if "\\" in entry.filename or ":" in parts[0] or not all(parts) or {".", ".."} & set(parts):
        raise UnreadableArchive("A file in the archive has a path that leads outside. Nothing was imported.")
    try:
        return check_visible(entry.filename, "file", "The name of a file in the archive")
    except InvalidField as error:
        raise UnreadableArchive(str(error)) from error


def _content(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, left: int) -> bytes:
    if entry.flag_bits & 1 or entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise UnreadableArchive(f"{entry.filename} is encrypted or has an unsupported compression. Use zip.")
    with packed.open(entry) as file:
        content = file.read(left + 1)  # the stated size may be wrong
    if len(content) > left:
        raise UnreadableArchive(f"The archive has more than {MAX_BYTES // 1024} KiB. Remove files that aren't needed.")
    return content


def _without_root(files: dict[str, bytes]) -> dict[str, bytes]:
    roots = {name.partition("/")[0] for name in files if "/" in name}
    if len(roots) != 1 or any("/" not in name for name in files):
        return files
    root = f"{roots.pop()}/"
    # An archive without a root folder can also consist of folders only.
    return files if root.startswith(("Meta-", "Definitions/")) else {n.removeprefix(root): c for n, c in files.items()}


def _document(files: dict[str, bytes], names: Sequence[str]) -> Any | None:
    for name in (f"{name}{ending}" for name in names for ending in (".yaml", ".json", ".yml")):
        if name in files:
            try:
                return read_document(files[name])
            except UnreadableDocument as error:
                raise UnreadableArchive(f"{name} can't be read. {error}") from error
    return None


def _modern(description: Any) -> dict[str, Any]:
    """Convert the description of an older archive, in WSO2's registry format, to that of REST."""
    if not isinstance(description, dict):
        raise UnreadableArchive("api.yaml doesn't describe an API. Export the API again.")
    identity = description.get("id")
    if not isinstance(identity, dict):
        return description
    version = identity.get("version", identity.get("apiVersion"))
    template = str(description.get("contextTemplate", description.get("context", "")))
    config = description.get("endpointConfig")
    try:
        endpoints = json.loads(config) if isinstance(config, str) else config
    except (ValueError, RecursionError) as error:
        raise UnreadableArchive("endpointConfig in api.yaml isn't JSON. Export the API again.") from error
    return {
        "name": identity.get("name", identity.get("apiName")),
        "version": version,
        "context": template.replace("/{version}", "").removesuffix(f"/{version}"),
        "description": description.get("description"),
        "lifeCycleStatus": description.get("status"),
        "endpointConfig": endpoints,
        "tags": description.get("tags"),
        "securityScheme": str(description["apiSecurity"]).split(",") if description.get("apiSecurity") else None,
    }


def _certificate(entry: dict[str, Any], files: dict[str, bytes]) -> ArchivedCertificate:
    what = "Each entry in endpoint_certificates.yaml must have alias, endpoint and certificate."
    alias = _text(entry.get("alias"), what)
    endpoint = _text(entry.get("endpoint", entry.get("hostName")), what)
    return ArchivedCertificate(alias, endpoint, _file("Endpoint-certificates", alias, entry, files, what))


def _caller(entry: dict[str, Any], files: dict[str, bytes]) -> ArchivedCaller:
    what = "Each entry in client_certificates.yaml must have alias and certificate."
    alias = _text(entry.get("alias"), what)
    tier = _text(entry.get("tierName") or "", what)
    return ArchivedCaller(alias, tier, _file("Client-certificates", alias, entry, files, what))


def _file(folder: str, alias: str, entry: dict[str, Any], files: dict[str, bytes], what: str) -> bytes:
    """Return the certificate of an alias from its file, or from the list itself in PEM or base64."""
    certificate = _text(entry.get("certificate"), what)
    path = f"{folder}/{certificate}"
    if path in files:
        return files[path]
    if "BEGIN CERTIFICATE" in certificate:
        return certificate.encode()
    try:
        return base64.b64decode("".join(certificate.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnreadableArchive(f"The archive has no file {path[:200]} for the alias {alias[:60]}.") from error


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise UnreadableArchive(what)
    return value
