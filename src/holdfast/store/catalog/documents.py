"""
Queries for thumbnails and documents of APIs.
"""

import uuid
from dataclasses import replace

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.document import (
    Document,
    DocumentDraft,
    DocumentSource,
    DocumentType,
    DocumentVisibility,
)
from holdfast.apis.catalog.thumbnail import ENDINGS, Thumbnail
from holdfast.store.stored_values import read_choice
from holdfast.store.tables import DocumentRow, ThumbnailRow


def get_thumbnail(session: Session, organization: str, api_id: str) -> Thumbnail | None:
    """Return the thumbnail of an API."""
    table = ThumbnailRow
    row = session.scalar(select(table).where(table.organization_id == organization, table.api_id == api_id))
    if row is None:
        return None
    return Thumbnail(row.media_type if row.media_type in ENDINGS else next(iter(ENDINGS)), row.content)


def save_thumbnail(session: Session, api: Api, thumbnail: Thumbnail | None) -> None:
    """Replace the thumbnail of *api*; None deletes it."""
    table = ThumbnailRow
    session.execute(delete(table).where(table.organization_id == api.organization, table.api_id == api.id))
    if thumbnail:
        session.add(
            table(
                api_id=api.id,
                organization_id=api.organization,
                media_type=thumbnail.media_type,
                content=thumbnail.content,
            )
        )
        session.flush()


def list_of_api(session: Session, organization: str, api_id: str) -> list[Document]:
    """Return the documents of an API, ordered by name."""
    table = DocumentRow
    query = select(table).where(table.organization_id == organization, table.api_id == api_id)
    return [read_document(row) for row in session.scalars(query.order_by(table.name))]


def get(session: Session, organization: str, api_id: str, document_id: str) -> Document | None:
    """Return a document of an API."""
    table = DocumentRow
    row = session.scalar(select(table).where(*_is(organization, api_id), table.id == document_id))
    return read_document(row) if row else None


def get_content(session: Session, document: Document) -> bytes:
    """Return the content of a document; empty if it has none."""
    table = DocumentRow
    this = (*_is(document.organization, document.api_id), table.id == document.id)
    return session.scalar(select(table.content).where(*this)) or b""


def list_sizes(session: Session, organization: str, api_id: str) -> dict[str, int]:
    """Return the sizes of an API's documents in bytes, by id."""
    query = select(DocumentRow.id, DocumentRow.size).where(*_is(organization, api_id))
    return {row.id: row.size for row in session.execute(query)}


def insert(session: Session, document: Document, content: bytes) -> None:
    """Insert a new document."""
    values = _write_values(document) | {"content": content, "size": len(content)}
    session.add(DocumentRow(id=document.id, organization_id=document.organization, api_id=document.api_id, **values))
    session.flush()


def save(session: Session, document: Document, content: bytes | None = None) -> None:
    """Update a document; None keeps its content."""
    values = _write_values(document) | ({} if content is None else {"content": content, "size": len(content)})
    this = (*_is(document.organization, document.api_id), DocumentRow.id == document.id)
    session.execute(update(DocumentRow).where(*this).values(**values))


def remove(session: Session, document: Document) -> None:
    """Delete a document."""
    this = (*_is(document.organization, document.api_id), DocumentRow.id == document.id)
    session.execute(delete(DocumentRow).where(*this))


def copy(session: Session, source: Api, target: Api) -> None:
    """Copy the thumbnail and the documents of *source* to *target*."""
    save_thumbnail(session, target, get_thumbnail(session, source.organization, source.id))
    for document in list_of_api(session, source.organization, source.id):
        document_copy = replace(document, id=str(uuid.uuid4()), organization=target.organization, api_id=target.id)
        insert(session, document_copy, get_content(session, document))


def _is(organization: str, api_id: str) -> tuple[ColumnElement[bool], ...]:
    return (DocumentRow.organization_id == organization, DocumentRow.api_id == api_id)


def _write_values(document: Document) -> dict[str, object]:
    draft = document.draft
    return {
        "name": draft.name,
        "type": draft.type.value,
        "source": draft.source.value,
        "visibility": draft.visibility.value,
        "summary": draft.summary,
        "url": draft.url,
        "other_type": draft.other_type,
        "file_name": document.file_name,
        "created_at": document.created_at,
        "created_by": document.created_by,
        "updated_at": document.updated_at,
        "updated_by": document.updated_by,
    }


def read_document(row: DocumentRow) -> Document:
    """Return the document in *row*, without its content."""
    return Document(
        id=row.id,
        api_id=row.api_id,
        organization=row.organization_id,
        draft=DocumentDraft(
            row.name,
            read_choice(DocumentType, row.type, DocumentType.OTHER),
            read_choice(DocumentSource, row.source, DocumentSource.FILE),
            read_choice(DocumentVisibility, row.visibility, DocumentVisibility.OWNER_ONLY),
            row.summary,
            row.url,
            row.other_type,
        ),
        file_name=row.file_name,
        created_at=row.created_at,
        created_by=row.created_by,
        updated_at=row.updated_at,
        updated_by=row.updated_by,
    )
