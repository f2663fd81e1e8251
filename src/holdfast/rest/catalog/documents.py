"""
`/apis/{apiId}/thumbnail` and `/apis/{apiId}/documents`.
"""

from typing import Annotated, Any

from fastapi import File, Form, Query, Response, UploadFile
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from holdfast.apis.catalog import thumbnail
from holdfast.apis.catalog.document import (
    MAX_BYTES,
    Document,
    DocumentDraft,
    DocumentSource,
    DocumentType,
    DocumentVisibility,
)
from holdfast.apis.catalog.downloads import build_file_headers, build_inline_headers, guess_media_type
from holdfast.apis.errors import InvalidField
from holdfast.rest.authentication import RequestContext
from holdfast.rest.catalog.responses import ApiDocument, ApiDocuments, StoredFile
from holdfast.rest.conditions import IfMatch, IfNoneMatch, quote_tag
from holdfast.rest.errors import PREFIX
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, paginate
from holdfast.rest.responses import declare_files
from holdfast.rest.router import Router
from holdfast.services.catalog import documents
from holdfast.services.catalog.documents import Content
from holdfast.services.errors import NotFound
from holdfast.services.versions import make_document_tag, make_file_tag

router = Router(prefix=f"{PREFIX}/apis", tags=["Documents"])
_EMPTY: dict[int | str, dict[str, Any]] = {200: {"description": "Done.", "content": {}}}


class DocumentBody(BaseModel):
    """A document. Values of other members, such as times, are set by Holdfast."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")
    name: str
    type: DocumentType
    source_type: DocumentSource
    visibility: DocumentVisibility = DocumentVisibility.API_LEVEL
    summary: str | None = None
    source_url: str | None = None
    other_type_name: str | None = None
    inline_content: str | None = None

    def to_draft(self) -> DocumentDraft:
        """Return the draft that the service takes."""
        return DocumentDraft(
            self.name,
            self.type,
            self.source_type,
            self.visibility,
            self.summary or "",
            self.source_url or "",
            self.other_type_name or "",
        )


@router.get("/{api_id}/thumbnail", response_class=Response, responses=declare_files(*thumbnail.ENDINGS))
def get_thumbnail(context: RequestContext, api_id: str, unless: IfNoneMatch) -> Response:
    """Get the thumbnail of an API."""
    image = documents.get_thumbnail(context, api_id)
    tag = make_file_tag(image.content)
    unless.send_tag(tag)
    return Response(
        image.content, media_type=image.media_type, headers={**build_inline_headers(), "ETag": quote_tag(tag)}
    )


@router.put("/{api_id}/thumbnail")
def put_thumbnail(context: RequestContext, api_id: str, file: UploadFile) -> StoredFile:
    """
    Replace the thumbnail of an API.

    It must be a PNG, JPEG or GIF image of at most 256 KiB.
    """
    image = documents.put_thumbnail(context, api_id, file.file.read(thumbnail.MAX_BYTES + 1))
    return {"relativePath": f"apis/{api_id}/thumbnail", "mediaType": image.media_type}


@router.delete("/{api_id}/thumbnail", response_class=Response, responses=_EMPTY)
def delete_thumbnail(context: RequestContext, api_id: str) -> Response:
    """Delete the thumbnail of an API."""
    documents.delete_thumbnail(context, api_id)
    return Response()


@router.get("/{api_id}/documents")
def list_documents(
    context: RequestContext, api_id: str, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0
) -> ApiDocuments:
    """List the documents of an API, ordered by name."""
    all_documents = documents.list_documents(context, api_id)
    page = all_documents[offset : offset + limit]
    return {
        "count": len(page),
        "list": [_describe(document) for document in page],
        "pagination": paginate(f"{PREFIX}/apis/{api_id}/documents", {}, offset, limit, len(all_documents)),
    }


@router.post("/{api_id}/documents", status_code=201)
def create_document(context: RequestContext, api_id: str, body: DocumentBody, response: Response) -> ApiDocument:
    """
    Add a document to an API.

    Upload the content of a `FILE` afterwards.
    """
    content = documents.create_document(context, api_id, body.to_draft(), body.inline_content or "")
    response.headers["Location"] = f"{PREFIX}/apis/{api_id}/documents/{content.document.id}"
    return _answer(content, response)


@router.post("/{api_id}/documents/validate", response_class=Response, responses=_EMPTY)
def validate_document(
    context: RequestContext, api_id: str, name: Annotated[str, Query(description="The name of a document.")]
) -> Response:
    """
    Check whether a document exists.

    Responds 200 if the API has a document with this name, otherwise 404.
    """
    if all(document.draft.name != name for document in documents.list_documents(context, api_id)):
        raise NotFound("document", name)
    return Response()


@router.get("/{api_id}/documents/{document_id}")
def get_document(
    context: RequestContext, api_id: str, document_id: str, unless: IfNoneMatch, response: Response
) -> ApiDocument:
    """Get a document of an API."""
    content = documents.get_document(context, api_id, document_id)
    unless.send_tag(make_document_tag(content.document))
    return _answer(content, response)


@router.put("/{api_id}/documents/{document_id}")
def update_document(
    context: RequestContext, api_id: str, document_id: str, body: DocumentBody, expected: IfMatch, response: Response
) -> ApiDocument:
    """
    Update a document of an API.

    A file is kept as long as the document is a `FILE`.
    """
    text = body.inline_content
    return _answer(documents.change_document(context, api_id, document_id, body.to_draft(), text, expected), response)


@router.delete("/{api_id}/documents/{document_id}", response_class=Response, responses=_EMPTY)
def delete_document(context: RequestContext, api_id: str, document_id: str) -> Response:
    """Delete a document of an API."""
    documents.delete_document(context, api_id, document_id)
    return Response()


@router.get(
    "/{api_id}/documents/{document_id}/content",
    response_class=Response,
    responses=declare_files("application/octet-stream", "text/plain")
    | {303: {"description": "The document is at a URL."}},
)
def get_document_content(context: RequestContext, api_id: str, document_id: str, unless: IfNoneMatch) -> Response:
    """
    Get the content of a document.

    A text is `text/plain`, a file is a download, and a document at a URL is a redirection (303).
    """
    content = documents.get_document(context, api_id, document_id)
    draft, name = content.document.draft, content.document.file_name
    if draft.source is DocumentSource.URL:
        return Response(status_code=303, headers={"Location": draft.url})
    tag = make_file_tag(content.data)
    unless.send_tag(tag)
    headers = {"ETag": quote_tag(tag)}
    if draft.source.is_text:
        return Response(content.data, media_type="text/plain", headers=headers | build_inline_headers())
    if not name:
        raise NotFound("content of document", document_id)
    return Response(content.data, media_type=guess_media_type(name), headers=headers | build_file_headers(name))


@router.post("/{api_id}/documents/{document_id}/content")
def put_document_content(
    context: RequestContext,
    api_id: str,
    document_id: str,
    response: Response,
    file: Annotated[UploadFile | None, File(description="The content of a `FILE`.")] = None,
    inline_content: Annotated[
        str | None, Form(alias="inlineContent", description="The content of an `INLINE` or `MARKDOWN` document.")
    ] = None,
) -> ApiDocument:
    """Replace the content of a document."""
    if (file is None) == (inline_content is None):
        raise InvalidField("file", "Send either file or inlineContent.")
    if file is not None:
        data, name = file.file.read(MAX_BYTES + 1), file.filename or "document"
        return _answer(documents.put_content(context, api_id, document_id, data, name, "file"), response)
    text = (inline_content or "").encode()
    return _answer(documents.put_content(context, api_id, document_id, text, "", "inlineContent"), response)


def _answer(content: Content, response: Response) -> ApiDocument:
    response.headers["ETag"] = quote_tag(make_document_tag(content.document))
    answer = _describe(content.document)
    if content.document.draft.source.is_text:
        answer["inlineContent"] = content.data.decode(errors="replace")
    return answer


def _describe(document: Document) -> ApiDocument:
    draft = document.draft
    return {
        "documentId": document.id,
        "name": draft.name,
        "type": draft.type,
        "summary": draft.summary,
        "sourceType": draft.source,
        "sourceUrl": draft.url,
        "fileName": document.file_name,
        "otherTypeName": draft.other_type,
        "visibility": draft.visibility,
        "createdTime": document.created_at.isoformat(),
        "createdBy": document.created_by,
        "lastUpdatedTime": document.updated_at.isoformat(),
        "lastUpdatedBy": document.updated_by,
    }
