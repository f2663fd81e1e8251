"""
Documents for people who call an API: texts, files, and links.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from holdfast.apis.errors import InvalidField
from holdfast.apis.text import check_prose, check_visible
from holdfast.certificates.formats.keys import has_mark_of_key

MAX_DOCUMENTS = 50  # of an API
MAX_BYTES = 1024 * 1024  # of the contents of an API's documents together
MAX_SUMMARY = 32_766
MAX_URL = 2_000
_NAME = re.compile(r"[^/\\:]{1,60}")
_FILE_NAME = re.compile(r"[^/\\:]{1,200}")


class DocumentType(StrEnum):
    """The purpose of a document."""

    HOWTO = "HOWTO"
    SAMPLES = "SAMPLES"
    PUBLIC_FORUM = "PUBLIC_FORUM"
    SUPPORT_FORUM = "SUPPORT_FORUM"
    API_MESSAGE_FORMAT = "API_MESSAGE_FORMAT"
    SWAGGER_DOC = "SWAGGER_DOC"
    OTHER = "OTHER"


class DocumentSource(StrEnum):
    """Where the content of a document is: in a text, in a file, or at a URL."""

    INLINE = "INLINE"
    MARKDOWN = "MARKDOWN"
    URL = "URL"
    FILE = "FILE"

    @property
    def is_text(self) -> bool:
        """Whether the content is text."""
        return self in {DocumentSource.INLINE, DocumentSource.MARKDOWN}


class DocumentVisibility(StrEnum):
    """The people that WSO2 shows a document to; Holdfast shows it to everyone who can see the API."""

    OWNER_ONLY = "OWNER_ONLY"
    PRIVATE = "PRIVATE"
    API_LEVEL = "API_LEVEL"


@dataclass(frozen=True, slots=True)
class DocumentDraft:
    """The values that users choose for a document."""

    name: str
    type: DocumentType
    source: DocumentSource
    visibility: DocumentVisibility = DocumentVisibility.API_LEVEL
    summary: str = ""
    url: str = ""  # of a document elsewhere
    other_type: str = ""  # the name of the type OTHER


@dataclass(frozen=True, slots=True)
class Document:
    """A document of an API; its content is stored separately."""

    id: str
    api_id: str
    organization: str
    draft: DocumentDraft
    file_name: str  # empty unless it is a file
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str


def check_document(draft: DocumentDraft) -> DocumentDraft:
    """Return *draft* as stored. Raises InvalidField."""
    name = check_visible(draft.name.strip(), "name", "The name")
    if not _NAME.fullmatch(name) or name in {".", ".."}:
        raise InvalidField("name", "The name of a document must have 1 to 60 characters and none of / \\ :.")
    check_visible(draft.other_type, "otherTypeName", "The type")
    if len(draft.other_type) > MAX_URL or len(draft.summary) > MAX_SUMMARY:
        raise InvalidField("summary", f"The summary can have at most {MAX_SUMMARY:,} characters.")
    check_prose(draft.summary, "summary", "The summary")
    if has_mark_of_key(draft.summary.encode()):
        raise InvalidField("summary", "The summary contains a private key. Nothing was stored. Remove the key.")
    if draft.source is DocumentSource.URL:
        _check_url(draft.url)
    return DocumentDraft(
        name,
        draft.type,
        draft.source,
        draft.visibility,
        draft.summary,
        draft.url if draft.source is DocumentSource.URL else "",
        draft.other_type if draft.type is DocumentType.OTHER else "",
    )


def check_content(source: DocumentSource, content: bytes, file_name: str, field: str) -> str:
    """
    Return the file name to store with *content*, empty for a text.

    Raises:
        InvalidField: The content doesn't fit the source, is too large, or contains a private key.
    """
    if len(content) > MAX_BYTES:
        raise InvalidField(field, f"A document can have at most {MAX_BYTES // 1024} KiB. Link to it instead.")
    if has_mark_of_key(content):
        raise InvalidField(field, "The document contains a private key. Nothing was stored. Remove the key.")
    if source.is_text:
        try:
            check_prose(content.decode(), field, "The text")
        except UnicodeDecodeError as error:
            raise InvalidField(field, "The text isn't UTF-8. Save it as UTF-8.") from error
        return ""
    name = check_visible(re.split(r"[/\\]", file_name)[-1], field, "The file name")
    if not _FILE_NAME.fullmatch(name) or name in {".", ".."}:
        raise InvalidField(field, "The file name must have 1 to 200 characters and no colon.")
    return name


def check_size(sizes: Sequence[int], field: str) -> None:
    """Raise InvalidField if documents with contents of these *sizes*, in bytes, are too many or too large together."""
    if len(sizes) > MAX_DOCUMENTS:
        raise InvalidField(field, f"An API can have at most {MAX_DOCUMENTS} documents. Delete one first.")
    if sum(sizes) > MAX_BYTES:
        text = (
            f"The documents of an API can have at most {MAX_BYTES // 1024} KiB together. Link to one of them instead."
        )
        raise InvalidField(field, text)


def _check_url(url: str) -> None:
    check_visible(url, "sourceUrl", "The URL")
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or len(url) > MAX_URL or any(map(str.isspace, url)):
        raise InvalidField("sourceUrl", "Enter an http or https URL, such as https://example.com/docs.")
