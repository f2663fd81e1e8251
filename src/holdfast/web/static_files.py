"""
Style sheets, scripts and icons, which browsers cache until they change.
"""

import hashlib
from functools import cache
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

DIRECTORY = Path(__file__).parent / "static"
FOREVER = "public, max-age=31536000, immutable"


class _VersionedFiles(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        # Only a URL with a version can be cached without revalidation.
        response.headers["cache-control"] = FOREVER if scope["query_string"].startswith(b"v=") else "no-cache"
        return response


def mount_static_files(app: FastAPI) -> None:
    """Serve the files below /static."""
    app.mount("/static", _VersionedFiles(directory=DIRECTORY))


@cache
def get_static_url(path: str) -> str:
    """Return the URL of a static file, with a version computed from its content."""
    digest = hashlib.sha256((DIRECTORY / path).read_bytes()).hexdigest()[:12]
    return f"/static/{path}?v={digest}"
