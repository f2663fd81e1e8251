"""
The thumbnail and the documents in archives.

    Image/icon.png
    Docs/<Name>/document.yaml    the document as in REST
    Docs/<Name>/<file>           its content, unless it is at a URL
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.apis.catalog.document import (
    MAX_DOCUMENTS,
    DocumentDraft,
    DocumentSource,
    DocumentType,
    DocumentVisibility,
    check_content,
    check_document,
)
from holdfast.apis.catalog.thumbnail import ENDINGS, Thumbnail, read_thumbnail
from holdfast.apis.errors import InvalidField, UnreadableArchive
from holdfast.apis.transfer import layout
from holdfast.apis.transfer.certificate_lists import Files


@dataclass(frozen=True, slots=True)
class ArchivedDocument:
    """A document in an archive, with its content; *file_name* is empty unless it is a file."""

    draft: DocumentDraft
    content: bytes
    file_name: str = ""


def describe_document(draft: DocumentDraft, file_name: str) -> dict[str, Any]:
    """Return the members of `document.yaml`."""
    return {
        "name": draft.name,
        "type": draft.type.value,
        "summary": draft.summary,
        "sourceType": draft.source.value,
        "sourceUrl": draft.url,
        "fileName": file_name,
        "otherTypeName": draft.other_type,
        "visibility": draft.visibility.value,
    }


def name_content(document: ArchivedDocument) -> str:
    """Return the path of a document's content in an archive."""
    return f"{layout.DOCUMENTS}{document.draft.name}/{document.file_name or document.draft.name}"


def name_thumbnail(thumbnail: Thumbnail) -> str:
    """Return the path of a thumbnail in an archive."""
    return f"{layout.IMAGE}.{ENDINGS[thumbnail.media_type]}"


def read_image(files: Files) -> Thumbnail | None:
    """Return the thumbnail in an archive. Raises UnreadableArchive."""
    for name, content in files.items():
        if name.startswith(f"{layout.IMAGE}."):
            try:
                return read_thumbnail(content)
            except InvalidField as error:
                raise UnreadableArchive(f"{name} can't be used. {error}") from error
    return None


def read_documents(files: Files, read_member: Callable[[str], Any]) -> list[ArchivedDocument]:
    """
    Return the documents in an archive; *read_member* returns the description in a file without `.yaml` or `.json`.

    Raises:
        UnreadableArchive: A document is invalid, or there are too many.
    """
    folders = dict.fromkeys(name.split("/")[1] for name in files if name.startswith(layout.DOCUMENTS))
    if len(folders) > MAX_DOCUMENTS:
        raise UnreadableArchive(f"The archive has {len(folders)} documents; the limit is {MAX_DOCUMENTS}.")
    descriptions = [(folder, read_member(f"{layout.DOCUMENTS}{folder}/{layout.DOCUMENT}")) for folder in folders]
    return [_read(folder, members, files) for folder, members in descriptions if isinstance(members, dict)]


def _read(folder: str, members: dict[str, Any], files: Files) -> ArchivedDocument:
    path = f"{layout.DOCUMENTS}{folder}/"
    texts = {name: value if isinstance(value, str) else "" for name, value in members.items()}
    try:
        draft = check_document(
            DocumentDraft(
                texts.get("name", ""),
                DocumentType(texts.get("type", "")),
                DocumentSource(texts.get("sourceType", "")),
                DocumentVisibility(texts.get("visibility") or DocumentVisibility.API_LEVEL),
                texts.get("summary", ""),
                texts.get("sourceUrl", ""),
                texts.get("otherTypeName", ""),
            )
        )
        if draft.source is DocumentSource.URL:
            return ArchivedDocument(draft, b"")
        names = [name for name in files if name.startswith(path) and not name.startswith(path + layout.DOCUMENT + ".")]
        name = _find_content_name(path, texts.get("fileName", ""), draft.name, names)
        if name is None:
            text = texts.get("inlineContent", "").encode() if draft.source.is_text else b""
            check_content(DocumentSource.INLINE, text, "", "inlineContent")
            return ArchivedDocument(draft, text)
        return ArchivedDocument(draft, files[name], check_content(draft.source, files[name], name, "content"))
    except ValueError as error:  # includes InvalidField, and values that aren't of an enumeration
        raise UnreadableArchive(f"The document {folder[:60]} in the archive can't be used. {error}") from error


def _find_content_name(path: str, file_name: str, name: str, names: Sequence[str]) -> str | None:
    """Return the path of a document's content: its file, the file with its name, or the only one; None without any."""
    paths = (f"{path}{file_name}", f"{path}{name}")
    return next((candidate for candidate in paths if candidate in names), names[0] if len(names) == 1 else None)
