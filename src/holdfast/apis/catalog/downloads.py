"""
Headers under which browsers can neither run nor embed what users uploaded.
"""

from urllib.parse import quote

_SANDBOX = {"content-security-policy": "default-src 'none'; sandbox", "x-content-type-options": "nosniff"}
_MEDIA_TYPES = {"pdf": "application/pdf", "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg"}
BINARY = "application/octet-stream"


def build_inline_headers() -> dict[str, str]:
    """Return the headers of an image or a text, which browsers show."""
    return {**_SANDBOX, "content-disposition": "inline"}


def build_file_headers(name: str) -> dict[str, str]:
    """Return the headers of a file, which browsers save instead of showing it (RFC 6266)."""
    plain = name if name.isascii() and name.isprintable() and not {'"', "\\"} & {*name} else "document"
    encoded_name = quote(name, safe="")
    return {**_SANDBOX, "content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded_name}"}


def guess_media_type(name: str) -> str:
    """Return the media type of a file by the end of its name, if browsers can't run such a file."""
    return _MEDIA_TYPES.get(name.rpartition(".")[2].lower(), BINARY)
