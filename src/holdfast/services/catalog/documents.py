"""
Thumbnails and documents of APIs: read and change them.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.document import (
    Document,
    DocumentDraft,
    DocumentSource,
    check_content,
    check_document,
    check_size,
)
from holdfast.apis.catalog.thumbnail import Thumbnail, read_thumbnail
from holdfast.apis.errors import InvalidField
from holdfast.apis.text import describe_character
from holdfast.apis.wso2_wording import ALREADY_EXISTS
from holdfast.services.access.audit import write_down
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog.apis import find_api
from holdfast.services.catalog.change_records import name_subject
from holdfast.services.errors import Conflict, NotFound
from holdfast.services.versions import Expected, check_expected, make_document_tag
from holdfast.store.audit import Action, ChangedSetting, ChangedSettings
from holdfast.store.catalog import apis, documents

_CHANGERS = (Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
_READERS = (Permission.VIEW_APIS, Permission.CHANGE_DOCUMENTS)


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a document."""

    document: Document
    data: bytes


def get_thumbnail(context: Context, api_id: str) -> Thumbnail:
    """Return the thumbnail of an API. Raises NotFound."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        find_api(session, context, api_id)
        thumbnail = documents.get_thumbnail(session, context.user.organization, api_id)
    if thumbnail is None:
        raise NotFound("thumbnail of API", api_id)
    return thumbnail


def put_thumbnail(context: Context, api_id: str, data: bytes) -> Thumbnail:
    """Replace the thumbnail of an API. Raises InvalidField, NotFound."""
    context.user.require(*_CHANGERS)
    thumbnail = read_thumbnail(data)
    with context.write() as session:
        save_thumbnail(session, context, find_api(session, context, api_id), thumbnail)
    return thumbnail


def delete_thumbnail(context: Context, api_id: str) -> None:
    """Delete the thumbnail of an API. Raises NotFound if there is none."""
    context.user.require(*_CHANGERS)
    with context.write() as session:
        api = find_api(session, context, api_id)
        if not api.has_thumbnail:
            raise NotFound("thumbnail of API", api_id)
        save_thumbnail(session, context, api, None)


def save_thumbnail(session: Session, context: Context, api: Api, thumbnail: Thumbnail | None) -> Api:
    """Replace or delete the thumbnail of *api*, in the caller's transaction; return the API as stored."""
    before = documents.get_thumbnail(session, api.organization, api.id)
    if before == thumbnail:
        return api
    documents.save_thumbnail(session, api, thumbnail)
    after = replace(api, has_thumbnail=thumbnail is not None, updated_at=context.now)
    apis.update(session, after)
    formats = [(image.media_type,) if image else () for image in (before, thumbnail)]
    details = ChangedSettings((ChangedSetting("thumbnail", *formats),))
    write_down(session, context.user, context.now, Action.CHANGE_THUMBNAIL, name_subject(api), details)
    return after


def list_documents(context: Context, api_id: str) -> list[Document]:
    """Return the documents of an API, ordered by name. Raises NotFound."""
    context.user.require(*_READERS)
    with context.read() as session:
        find_api(session, context, api_id)
        return documents.list_of_api(session, context.user.organization, api_id)


def get_document(context: Context, api_id: str, document_id: str) -> Content:
    """Return a document of an API with its content. Raises NotFound."""
    context.user.require(*_READERS)
    with context.read() as session:
        document = _find(session, context, api_id, document_id)
        return Content(document, documents.get_content(session, document))


def read_documents(context: Context, api_id: str) -> list[Content]:
    """Return the documents of an API with their contents, ordered by name. Raises NotFound."""
    context.user.require(*_READERS)
    with context.read() as session:
        find_api(session, context, api_id)
        return [
            Content(document, documents.get_content(session, document))
            for document in documents.list_of_api(session, context.user.organization, api_id)
        ]


def create_document(context: Context, api_id: str, draft: DocumentDraft, text: str = "") -> Content:
    """
    Add a document to an API; only one with a text has its content at once.

    Raises:
        InvalidField: A value is invalid, or the API has too many documents.
        Conflict: The name is taken.
        NotFound: The API doesn't exist.
    """
    context.user.require(*_CHANGERS, Permission.CHANGE_DOCUMENTS)
    draft, content = check_document(draft), _encode(text) if draft.source.is_text else b""
    check_content(draft.source, content, "content", "inlineContent")
    with context.write() as session:
        api = find_api(session, context, api_id)
        return add_document(session, context, api, draft, content)


def add_document(
    session: Session, context: Context, api: Api, draft: DocumentDraft, content: bytes, file_name: str = ""
) -> Content:
    """Add a checked document, in the caller's transaction. Raises Conflict, InvalidField."""
    user, now = context.user.name, context.now
    document = Document(str(uuid.uuid4()), api.id, api.organization, draft, file_name, now, user, now, user)
    _check(session, document, len(content))
    documents.insert(session, document, content)
    _record(session, context, api, (), (draft.name,))
    return Content(document, content)


def save_document(
    session: Session, context: Context, api: Api, draft: DocumentDraft, content: bytes, file_name: str = ""
) -> None:
    """Add a checked document or replace the one with its name, in the caller's transaction. Raises InvalidField."""
    documents_of_api = documents.list_of_api(session, api.organization, api.id)
    before = next((document for document in documents_of_api if document.draft.name == draft.name), None)
    if before is None:
        add_document(session, context, api, draft, content, file_name)
        return
    if (before.draft, before.file_name, documents.get_content(session, before)) == (draft, file_name, content):
        return
    after = replace(before, draft=draft, file_name=file_name, updated_at=context.now, updated_by=context.user.name)
    _check(session, after, len(content))
    documents.save(session, after, content)
    _record(session, context, api, (draft.name,), (draft.name,))


def change_document(
    context: Context,
    api_id: str,
    document_id: str,
    draft: DocumentDraft,
    text: str | None = None,
    expected: Expected = None,
) -> Content:
    """
    Change a document; None keeps its content, which is deleted if it doesn't fit the source.

    Raises InvalidField, Conflict, NotFound, ContentChanged.
    """
    context.user.require(*_CHANGERS, Permission.CHANGE_DOCUMENTS)
    draft = check_document(draft)
    content = _encode(text) if text is not None and draft.source.is_text else None
    if content is not None:
        check_content(draft.source, content, "", "inlineContent")
    with context.write() as session:
        api = find_api(session, context, api_id)
        before = _find(session, context, api_id, document_id)
        check_expected(expected, make_document_tag(before))
        if content is None and _find_kind(draft.source) != _find_kind(before.draft.source):
            content = b""
        is_file = draft.source is DocumentSource.FILE
        after = replace(
            before,
            draft=draft,
            file_name=before.file_name if is_file else "",
            updated_at=context.now,
            updated_by=context.user.name,
        )
        old_content = documents.get_content(session, before)
        _check(session, after, len(old_content if content is None else content))
        documents.save(session, after, content)
        _record(session, context, api, (before.draft.name,), (draft.name,))
        return Content(after, old_content if content is None else content)


def put_content(context: Context, api_id: str, document_id: str, data: bytes, file_name: str, field: str) -> Content:
    """
    Replace the content of a document by a text, or by a file with a name.

    Raises InvalidField, NotFound.
    """
    context.user.require(*_CHANGERS, Permission.CHANGE_DOCUMENTS)
    with context.write() as session:
        api = find_api(session, context, api_id)
        before = _find(session, context, api_id, document_id)
        source = before.draft.source
        if source is DocumentSource.URL or source.is_text == bool(file_name):
            missing = "inlineContent" if source.is_text else "a file"
            text = "Its content is at its URL." if source is DocumentSource.URL else f"Send {missing}."
            raise InvalidField(field, f"The sourceType of this document is {source}. {text}")
        name = check_content(source, data, file_name, field)
        after = replace(before, file_name=name, updated_at=context.now, updated_by=context.user.name)
        _check(session, after, len(data))
        documents.save(session, after, data)
        _record(session, context, api, (before.draft.name,), (after.draft.name,))
        return Content(after, data)


def delete_document(context: Context, api_id: str, document_id: str) -> None:
    """Delete a document. Raises NotFound."""
    context.user.require(*_CHANGERS, Permission.CHANGE_DOCUMENTS)
    with context.write() as session:
        api = find_api(session, context, api_id)
        document = _find(session, context, api_id, document_id)
        documents.remove(session, document)
        _record(session, context, api, (document.draft.name,), ())


def _find_kind(source: DocumentSource) -> DocumentSource:
    return DocumentSource.INLINE if source.is_text else source


def _find(session: Session, context: Context, api_id: str, document_id: str) -> Document:
    find_api(session, context, api_id)
    document = documents.get(session, context.user.organization, api_id, document_id)
    if document is None:
        raise NotFound("document", document_id)
    return document


def _check(session: Session, document: Document, size: int) -> None:
    """Raise Conflict or InvalidField if *document*, with a content of *size* bytes, can't be added or saved."""
    organization, api_id = document.organization, document.api_id
    for other in documents.list_of_api(session, organization, api_id):
        if other.draft.name == document.draft.name and other.id != document.id:
            raise Conflict("name", f"A document called {document.draft.name} {ALREADY_EXISTS}. Choose another name.")
    sizes = documents.list_sizes(session, organization, api_id) | {document.id: size}
    check_size(list(sizes.values()), "name")


def _record(session: Session, context: Context, api: Api, before: Sequence[str], after: Sequence[str]) -> None:
    details = ChangedSettings((ChangedSetting("document", tuple(before), tuple(after)),))
    write_down(session, context.user, context.now, Action.CHANGE_DOCUMENTS, name_subject(api), details)


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        character = describe_character(text[error.start])
        raise InvalidField("inlineContent", f"The text contains {character}. Remove it.") from error
