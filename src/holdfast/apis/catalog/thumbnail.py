"""
Thumbnails: the images of APIs in lists.
"""

from dataclasses import dataclass

from holdfast.apis.errors import InvalidField

MAX_BYTES = 256 * 1024
# Not SVG, which can contain scripts and refer to other files.
_SIGNATURES = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
}
ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif"}


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """An image in a format that browsers can't run as a program."""

    media_type: str
    content: bytes


def read_thumbnail(data: bytes, field: str = "file") -> Thumbnail:
    """
    Return the image in *data*, whose format is that of its first bytes.

    Raises:
        InvalidField: It is too large, or neither PNG, JPEG nor GIF.
    """
    if len(data) > MAX_BYTES:
        raise InvalidField(field, f"The image is larger than {MAX_BYTES // 1024} KiB. Make it smaller.")
    for media_type, signatures in _SIGNATURES.items():
        if data.startswith(signatures):
            return Thumbnail(media_type, data)
    raise InvalidField(field, "The file isn't a PNG, JPEG or GIF image. SVG isn't supported: save it as PNG.")
