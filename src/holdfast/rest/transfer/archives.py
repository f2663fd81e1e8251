"""
`/apis/export` and `/apis/import`: an API with its definition and certificates as a zip file.
"""

from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import Query, Response, UploadFile
from pydantic import ValidationError

from holdfast.apis.definitions.openapi import parse_definition
from holdfast.apis.errors import InvalidField, InvalidFields
from holdfast.apis.transfer.archive import Archive, pack, unpack
from holdfast.rest.access.authentication import CurrentRuntime, RequestContext
from holdfast.rest.catalog.api_body import ApiAnswer, ApiBody, in_rest_words
from holdfast.rest.catalog.apis import answer_created
from holdfast.rest.catalog.description import describe_api
from holdfast.rest.errors import PREFIX, invalid_body
from holdfast.rest.inputs import ignores
from holdfast.rest.responses import files
from holdfast.rest.router import Router
from holdfast.services.catalog import api_names
from holdfast.services.transfer import archives

router = Router(prefix=f"{PREFIX}/apis", tags=["Import and export"])
MAX_ARCHIVE = 2 * 1024 * 1024  # bytes; the size of bodies is already limited to this

_NO_REVISIONS = "Holdfast has no revisions."


@router.get(
    "/export",
    response_class=Response,
    responses=files("application/zip"),
    openapi_extra=ignores(revisionNumber=_NO_REVISIONS, latestRevision=_NO_REVISIONS),
)
def export_api(
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: Annotated[str, Query(alias="apiId")] = "",
    name: Annotated[str, Query(description="The name of the API, if there is no `apiId`.")] = "",
    version: Annotated[str, Query(description="The version of the API, if there is no `apiId`.")] = "",
    provider: Annotated[str, Query(alias="providerName", description="The provider of the API; any if empty.")] = "",
    form: Annotated[
        Literal["YAML", "JSON"], Query(alias="format", description="The format of the files in the archive.")
    ] = "YAML",
    keep_state: Annotated[
        bool, Query(alias="preserveStatus", description="Keep the lifecycle state. Otherwise it is `CREATED`.")
    ] = True,
) -> Response:
    """
    Export an API.

    Downloads an API with its definition, endpoint certificates and caller certificates as a zip file. Trust settings
    and gateway identities aren't included.
    """
    wanted = api_id or api_names.find_id(context, name, version, provider)
    servers = list(runtime.gateways.values())
    export = archives.export_api(context, wanted, servers, keep_state=keep_state)
    archive = Archive(describe_api(export.described), export.definition, export.certificates, export.callers)
    file = f"{archive.description['name']}-{archive.description['version']}.zip"
    disposition = f"attachment; filename*=UTF-8''{quote(file, safe='')}"
    if file.isascii():
        disposition = f'attachment; filename="{file}"'
    content = pack(archive, as_json=form == "JSON")
    return Response(content, media_type="application/zip", headers={"Content-Disposition": disposition})


@router.post("/import", responses={200: {"model": ApiAnswer}}, openapi_extra=ignores(rotateRevision=_NO_REVISIONS))
def import_api(
    context: RequestContext,
    response: Response,
    file: UploadFile,
    overwrite: Annotated[
        bool, Query(description="Update the API with this name and version, if there is one.")
    ] = False,
    preserve_provider: Annotated[
        bool, Query(alias="preserveProvider", description="Ignored: the provider is the user who imports.")
    ] = True,
    dry_run: Annotated[bool, Query(alias="dryRun", description="Not supported.")] = False,
) -> dict[str, Any]:
    """
    Import an API.

    Creates an API with its definition and certificates from an exported zip file. Either everything is imported or
    nothing.
    """
    del preserve_provider
    if dry_run:
        raise InvalidField("dryRun", "dryRun isn't supported. Nothing was imported. Leave it out to import.")
    archive = unpack(file.file.read(MAX_ARCHIVE + 1))
    try:
        body = ApiBody.model_validate(archive.description)
    except ValidationError as error:
        raise invalid_body(error, "file") from error
    definition = parse_definition(archive.definition) if archive.definition else None
    state = str(archive.description.get("lifeCycleStatus", ""))
    try:
        described = archives.import_api(
            context,
            body.draft(),
            state,
            definition,
            archive.certificates,
            archive.callers,
            overwrite=overwrite,
        )
    except InvalidFields as error:
        raise in_rest_words(error) from error
    return answer_created(context, described, response)
