"""
Reads API archives, which are untrusted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from holdfast.apis.definitions.documents import read_document
from holdfast.apis.definitions.servers import MAX_UNUSED, IneffectivePart
from holdfast.apis.errors import UnreadableArchive, UnreadableDocument
from holdfast.apis.transfer import layout
from holdfast.apis.transfer import parameters as environment
from holdfast.apis.transfer.archive import Archive
from holdfast.apis.transfer.certificate_lists import (
    MAX_CERTIFICATES,
    ArchivedCaller,
    Files,
    read_caller,
    read_certificate,
)
from holdfast.apis.transfer.documents import read_documents, read_image
from holdfast.apis.transfer.older_layout import convert_description
from holdfast.apis.transfer.zip_files import Allowance, read_zip
from holdfast.certificates.errors import PrivateKeyRefused
from holdfast.certificates.formats.keys import has_mark_of_key

# Folders and files without which an import is complete, and why Holdfast doesn't need or have them.
_UNUSED = {
    "Policies": "Holdfast doesn't have policies.",
    "Sequences": "Holdfast doesn't have mediation sequences.",
}
_SILENT = ("api_meta", "README", layout.IMAGE, layout.DOCUMENTS, "Endpoint-certificates/", "Meta-information/")


def unpack(data: bytes) -> Archive:
    """
    Read an archive.

    Raises:
        UnreadableArchive: It isn't an archive, is too large, or lacks a part.
        PrivateKeyRefused: One of its files contains a private key.
    """
    files, allowance = read_zip(data, Allowance())
    _refuse_keys(files)
    deployment: Files | None = None
    if source := files.pop(layout.SOURCE, None):
        deployment = files
        files, _ = read_zip(source, allowance)
        _refuse_keys(files)
    description = _read_document(files, layout.DESCRIPTIONS)
    if not isinstance(description, dict):
        raise UnreadableArchive("The archive has no api.yaml with the description of an API. Export the API again.")
    full_description = convert_description(_unwrap(description))
    archive = Archive(
        full_description,
        _read_document(files, layout.DEFINITIONS),
        tuple(read_certificate(entry, files) for entry in _read_list(files, layout.CERTIFICATES)),
        _read_callers(files),
        read_image(files),
        tuple(read_documents(files, lambda name: _unwrap(_read_document(files, (name,))))),
        environment.read_deployment_environments(_unwrap(_read_document(files, layout.DEPLOYMENTS))),
        _list_unused(files),
    )
    return archive if deployment is None else _apply_parameters(archive, deployment)


def _refuse_keys(files: Files) -> None:
    for position, (name, content) in enumerate(files.items(), 1):
        # A definition may contain a key as an example.
        if not name.startswith(layout.DEFINITIONS) and has_mark_of_key(content):
            raise PrivateKeyRefused(position, len(files), f"{name} in the archive", what="a file with a private key")


def _apply_parameters(archive: Archive, deployment: Files) -> Archive:
    parameters = _read_document(deployment, layout.PARAMETERS)
    if not isinstance(parameters, dict):
        raise UnreadableArchive("The archive has SourceArchive.zip but no intermediate_params.yaml with parameters.")
    certificates, callers = archive.certificates, archive.callers
    if (entries := environment.list_certificate_entries(parameters, "certs")) is not None:
        certificate_files = _list_certificate_files(entries, deployment)
        certificates = tuple(read_certificate(entry, certificate_files) for entry in entries)
    if (entries := environment.list_certificate_entries(parameters, "mutualSslCerts")) is not None:
        certificate_files = _list_certificate_files(entries, deployment)
        callers = tuple(read_caller(entry, certificate_files) for entry in entries)
    return replace(
        archive,
        description=environment.apply_parameters(archive.description, parameters),
        certificates=certificates,
        callers=callers,
        deployments=environment.read_deployment_environments(parameters.get("deploymentEnvironments"))
        or archive.deployments,
        unused=(*archive.unused, *environment.list_unknown(parameters)),
        has_replaced_endpoints=environment.has_endpoints(parameters) and certificates is archive.certificates,
    )


def _read_callers(files: Files) -> tuple[ArchivedCaller, ...]:
    """Return the caller certificates; one that the folders of both environments have is accepted in both."""
    callers = {caller.alias: caller for caller in (read_caller(e, files) for e in _read_list(files, layout.CALLERS))}
    for folder, names in layout.CALLERS_OF.items():
        for entry in _read_list(files, names):
            caller = read_caller(entry, files, folder)
            first_caller = callers.get(caller.alias)
            if first_caller and first_caller.data != caller.data:
                raise UnreadableArchive(
                    f"The archive has two caller certificates with the alias {caller.alias[:60]}. Rename one of them."
                )
            is_in_both = first_caller is not None and first_caller.environment != folder
            callers[caller.alias] = replace(caller, environment="") if is_in_both else caller
    return tuple(callers.values())


def _list_certificate_files(entries: Sequence[Mapping[str, Any]], deployment: Files) -> Files:
    """Return the files of these entries by the paths that they would have in an archive."""
    if len(entries) > MAX_CERTIFICATES:
        raise UnreadableArchive(f"The parameters have more than {MAX_CERTIFICATES} certificates.")
    files: dict[str, bytes] = {}
    for path in (str(entry.get("certificate")) for entry in entries):
        if (content := deployment.get(layout.CERTIFICATE_FOLDER + path)) is None:
            raise UnreadableArchive(
                f"The archive has no file {layout.CERTIFICATE_FOLDER}{path[:200]}, which the parameters name. Put it "
                "into the folder certificates of a deployment directory, and pass this directory to --params."
            )
        files |= {f"Endpoint-certificates/{path}": content, f"Client-certificates/{path}": content}
    return files


def _list_unused(files: Files) -> tuple[IneffectivePart, ...]:
    of_environments = (name for names in layout.CALLERS_OF.values() for name in names)
    known_names = {
        *layout.DESCRIPTIONS,
        *layout.DEFINITIONS,
        *layout.CERTIFICATES,
        *layout.CALLERS,
        *layout.DEPLOYMENTS,
    }
    known_names.update(of_environments)
    reasons: dict[str, str] = {}
    for name in files:
        if name.rpartition(".")[0] in known_names or name.startswith(_SILENT):
            continue
        place = next((place for place in _UNUSED if name.startswith(f"{place}/")), "")
        if place or not name.startswith("Client-certificates/"):
            what = place or name.partition("/")[0]
            reasons[what[:200]] = _UNUSED.get(what, "Holdfast doesn't import this part of an archive.")
    return tuple(IneffectivePart(what, why) for what, why in list(reasons.items())[:MAX_UNUSED])


def _read_list(files: Files, names: Sequence[str]) -> list[dict[str, Any]]:
    certificates = _unwrap(_read_document(files, names)) or []
    if not isinstance(certificates, list) or len(certificates) > MAX_CERTIFICATES:
        name = names[0].partition("/")[2]
        raise UnreadableArchive(f"{name}.yaml must be a list of at most {MAX_CERTIFICATES} certificates.")
    return [certificate if isinstance(certificate, dict) else {} for certificate in certificates]


def _unwrap(document: Any) -> Any:
    return document["data"] if isinstance(document, dict) and "data" in document else document


def _read_document(files: Files, names: Sequence[str]) -> Any | None:
    for name in (f"{name}{ending}" for name in names for ending in (".yaml", ".json", ".yml")):
        if name in files:
            try:
                return read_document(files[name])
            except UnreadableDocument as error:
                raise UnreadableArchive(f"{name} can't be read. {error}") from error
    return None
