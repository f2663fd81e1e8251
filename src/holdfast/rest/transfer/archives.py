"""
`/apis/export` and `/apis/import`: an API with its definition and certificates as a zip file.
"""

from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import Query, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from pydantic import BeforeValidator, ValidationError

from holdfast.apis.catalog.revision import read_number
from holdfast.apis.definitions.openapi import parse_definition
from holdfast.apis.errors import InvalidField, InvalidFields
from holdfast.apis.transfer.archive import Archive, pack
from holdfast.apis.transfer.unpacking import unpack
from holdfast.refusals import Refusal
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.catalog.api_body import ApiBody
from holdfast.rest.catalog.apis import answer_created
from holdfast.rest.catalog.description import describe_api
from holdfast.rest.catalog.endpoint_config import rename_fields
from holdfast.rest.errors import PREFIX, build_body_error, list_details
from holdfast.rest.inputs import declare_ignored
from holdfast.rest.responses import declare_files
from holdfast.rest.router import Router
from holdfast.rest.transfer.dry_run import report
from holdfast.rest.transfer.responses import ArchiveAnswer, DryRun
from holdfast.services.access.context import Context
from holdfast.services.catalog import api_names
from holdfast.services.credentials.sealing import seal_drafts
from holdfast.services.runtime import Runtime
from holdfast.services.transfer import exports, imports
from holdfast.services.transfer.imports import ImportedArchive

router = Router(prefix=f"{PREFIX}/apis", tags=["Import and export"])
MAX_ARCHIVE = 2 * 1024 * 1024  # bytes; the size of bodies is already limited to this


@router.get(
    "/export",
    response_class=Response,
    responses=declare_files("application/zip"),
    openapi_extra=declare_ignored(preserveCredentials="passwords are never exported."),
)
def export_api(
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: Annotated[str, Query(alias="apiId")] = "",
    name: Annotated[str, Query(description="The name of the API, if there is no `apiId`.")] = "",
    version: Annotated[str, Query(description="The version of the API, if there is no `apiId`.")] = "",
    provider: Annotated[str, Query(alias="providerName", description="The provider of the API; any if empty.")] = "",
    form: Annotated[
        Literal["YAML", "JSON"],
        BeforeValidator(str.upper),
        Query(alias="format", description="The format of the files in the archive, in any case."),
    ] = "YAML",
    keep_state: Annotated[
        bool, Query(alias="preserveStatus", description="Keep the lifecycle state. Otherwise it is `CREATED`.")
    ] = True,
    number: Annotated[
        str, Query(alias="revisionNumber", description="Export this revision, not the working copy.")
    ] = "",
    latest: Annotated[bool, Query(alias="latestRevision", description="Export the newest revision.")] = False,
) -> Response:
    """
    Export an API.

    Downloads an API with its definition, documents, endpoint certificates and caller certificates as a zip file. Trust
    settings and gateway identities aren't included.
    """
    exported_id = api_id or api_names.find_id(context, name, version, provider)
    servers = list(runtime.gateways.values())
    if number and read_number(number) is None:
        raise InvalidField("revisionNumber", "Enter the number of a revision, such as 1.")
    export = exports.export_api(
        context, exported_id, servers, keep_state=keep_state, number=read_number(number), latest=latest
    )
    archive = Archive(
        describe_api(export.full_api),
        export.definition,
        export.certificates,
        export.callers,
        export.thumbnail,
        export.documents,
        export.deployments,
    )
    file = f"{archive.description['name']}-{archive.description['version']}.zip"
    disposition = f"attachment; filename*=UTF-8''{quote(file, safe='')}"
    if file.isascii():
        disposition = f'attachment; filename="{file}"'
    content = pack(archive, as_json=form == "JSON")
    return Response(content, media_type="application/zip", headers={"Content-Disposition": disposition})


@router.post(
    "/import",
    responses={200: {"model": ArchiveAnswer | DryRun}},
)
def import_api(
    runtime: CurrentRuntime,
    context: RequestContext,
    response: Response,
    file: UploadFile,
    overwrite: Annotated[
        bool, Query(description="Update the API with this name and version, if there is one.")
    ] = False,
    preserve_provider: Annotated[
        bool, Query(alias="preserveProvider", description="Ignored: the provider is the user who imports.")
    ] = True,
    rotate: Annotated[
        bool,
        Query(
            alias="rotateRevision",
            description="Delete an old revision if there are too many for the one that the import deploys.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, Query(alias="dryRun", description="Only report what would be rejected or left out. Nothing is saved.")
    ] = False,
) -> Any:
    """
    Import an API.

    Creates an API with its definition, documents and certificates from an exported zip file, or from one that `apictl`
    wrote with the parameters of an environment. Either everything is imported or nothing. If the archive has
    deployments, `revision` is the ID of the revision that was deployed. `notImported` lists the parts of the archive
    that Holdfast doesn't have.
    """
    del preserve_provider
    data = file.file.read(MAX_ARCHIVE + 1)
    if dry_run:
        try:
            return report(
                {}, _import(runtime, context, data, overwrite=overwrite, rotate=rotate, dry_run=True).unused_parts
            )
        except RequestValidationError as error:
            return report(list_details(error.errors()), ())
        except Refusal as error:
            return report(error.map_to_fields("file"), ())
    result = _import(runtime, context, data, overwrite=overwrite, rotate=rotate)
    answer = answer_created(context, result.full_api, response) | {"revision": result.revision or None}
    parts = [{"what": part.what, "why": part.why} for part in result.unused_parts]
    return answer | {"notImported": parts} if parts else answer


def _import(
    runtime: Runtime, context: Context, data: bytes, *, overwrite: bool, rotate: bool, dry_run: bool = False
) -> ImportedArchive:
    archive = unpack(data)
    try:
        body = ApiBody.model_validate(archive.description)
    except ValidationError as error:
        raise build_body_error(error, "file") from error
    definition = parse_definition(archive.definition) if archive.definition else None
    try:
        draft = body.to_draft(seal_drafts(context, runtime.sealing, body.securities))
        return imports.import_api(
            context, archive, draft, definition, overwrite=overwrite, rotate=rotate, dry_run=dry_run
        )
    except InvalidFields as error:
        raise rename_fields(error) from error
