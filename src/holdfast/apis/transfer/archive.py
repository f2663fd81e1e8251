"""
API archives: zip files in the format of WSO2 API Manager.

    <Name>-<Version>/api.yaml                                            the description
    <Name>-<Version>/Definitions/swagger.yaml                            the definition
    <Name>-<Version>/Endpoint-certificates/endpoint_certificates.yaml    alias, endpoint, file
    <Name>-<Version>/Endpoint-certificates/<alias>.crt                   PEM
    <Name>-<Version>/Client-certificates/client_certificates.yaml        caller certificates: alias, tier, file
    <Name>-<Version>/Client-certificates/<alias>.crt                     PEM
    <Name>-<Version>/Image/icon.png, Docs/<name>/                        see `documents`

Older archives have `Meta-information/api.yaml`, `swagger.yaml` and `endpoint_certificates.yaml`, which contains the
certificates. Each YAML file may be JSON instead.

`apictl import api --params` puts such an archive into another one, with the parameters of an environment:

    <Name>/SourceArchive.zip
    <Name>/intermediate_params.yaml                 or, with a deployment directory:
    <Name>/Deployment/intermediate_params.yaml
    <Name>/Deployment/certificates/<file>
"""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.apis.catalog.thumbnail import Thumbnail
from holdfast.apis.definitions.documents import write_yaml
from holdfast.apis.definitions.servers import IneffectivePart
from holdfast.apis.transfer import layout
from holdfast.apis.transfer.certificate_lists import ArchivedCaller, ArchivedCertificate
from holdfast.apis.transfer.documents import ArchivedDocument, describe_document, name_content, name_thumbnail

_VERSION = "v4.0.0"  # of the layout
_WHEN = (2000, 1, 1, 0, 0, 0)  # fixed, so that the same content gives the same file


@dataclass(frozen=True, slots=True)
class Archive:
    """
    An archived API: its description as in REST, its definition, certificates and documents.

    *deployments* has the gateway environments that a revision of the API is deployed to, and for each whether WSO2's
    developer portal should show it. *unused* lists the files and parameters that aren't imported. With
    *has_replaced_endpoints*, parameters replaced the endpoints but not the certificates, so these may be for endpoints
    that the API no longer has.
    """

    description: dict[str, Any]
    definition: Any | None
    certificates: tuple[ArchivedCertificate, ...]
    callers: tuple[ArchivedCaller, ...] = ()
    thumbnail: Thumbnail | None = None
    documents: tuple[ArchivedDocument, ...] = ()
    deployments: Mapping[str, bool] = field(default_factory=dict)
    unused: tuple[IneffectivePart, ...] = ()
    has_replaced_endpoints: bool = False


def pack(archive: Archive, *, as_json: bool = False) -> bytes:
    """Return *archive* as a zip file; equal archives give equal bytes."""
    root = f"{archive.description['name']}-{archive.description['version']}"
    ending, write = (".json", _write_json) if as_json else (".yaml", write_yaml)
    certificates = [
        {"alias": c.alias, "endpoint": c.endpoint, "certificate": f"{c.alias}.crt"} for c in archive.certificates
    ]
    files = {
        f"{root}/api{ending}": write(_wrap("api", archive.description)).encode(),
        f"{root}/Definitions/swagger{ending}": write(archive.definition).encode(),
    }
    if certificates:
        files[f"{root}/{layout.CERTIFICATES[0]}{ending}"] = write(_wrap("endpoint_certificates", certificates)).encode()
    files |= {f"{root}/Endpoint-certificates/{c.alias}.crt": c.data for c in archive.certificates}
    callers = [
        {"alias": c.alias, "tierName": c.tier, "certificate": f"{c.alias}.crt"}
        | ({"environment": c.environment} if c.environment else {})
        for c in archive.callers
    ]
    if callers:
        files[f"{root}/{layout.CALLERS[0]}{ending}"] = write(_wrap("client_certificates", callers)).encode()
    files |= {f"{root}/Client-certificates/{c.alias}.crt": c.data for c in archive.callers}
    if archive.thumbnail:
        files[f"{root}/{name_thumbnail(archive.thumbnail)}"] = archive.thumbnail.content
    if archive.deployments:
        deployments = [
            {"displayOnDevportal": display, "deploymentEnvironment": name}
            for name, display in archive.deployments.items()
        ]
        files[f"{root}/{layout.DEPLOYMENTS[0]}{ending}"] = write(_wrap("deployment_environments", deployments)).encode()
    for document in archive.documents:
        description = _wrap("document", describe_document(document.draft, document.file_name))
        files[f"{root}/{layout.DOCUMENTS}{document.draft.name}/{layout.DOCUMENT}{ending}"] = write(description).encode()
        if document.draft.source.is_text or document.file_name:
            files[f"{root}/{name_content(document)}"] = document.content
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive_file:
        for name, data in files.items():
            archive_file.writestr(zipfile.ZipInfo(name, _WHEN), data, zipfile.ZIP_DEFLATED)
    return output.getvalue()


def _write_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _wrap(kind: str, data: Any) -> dict[str, Any]:
    return {"type": kind, "version": _VERSION, "data": data}
