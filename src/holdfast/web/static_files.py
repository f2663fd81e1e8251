"""
Style sheets, scripts and icons, which browsers cache until they change.
"""

import hashlib
import re
from functools import cache
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import Scope

from holdfast.web.compression import CompressedFiles

DIRECTORY = Path(__file__).parent / "static"
# In the folder css, in the order in which pages load them: a later one overrides an earlier one.
STYLE_SHEETS = (
    "tabler.css",
    "base.css",
    "components.css",
    "frame.css",
    "home.css",
    "apis.css",
    "trust.css",
    "watch.css",
    "inventory.css",
    "failures.css",
    "gateways.css",
    "notifications.css",
    "traffic.css",
    "dialogs.css",
    "account.css",
    "audit.css",
    "search.css",
    "api-docs.css",
)
FOREVER = "public, max-age=31536000, immutable"
# Scripts import each other by relative paths, so they share a version, which is part of their path.
_SCRIPT = re.compile(r"js/[0-9a-f]{12}/([\w-]+\.js)")


class _VersionedFiles(CompressedFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        script, query = _SCRIPT.fullmatch(path), scope["query_string"].decode("latin-1")
        name = f"js/{script[1]}" if script else path
        response = await super().get_response(name, scope)
        url = f"/static/{path}?{query}" if query else f"/static/{path}"
        # Only if the URL has the version of this content. During an upgrade, the page can be from a control plane with
        # another version, and browsers would keep this content as that of the page for a year.
        is_same = response.status_code in {200, 304} and url == get_static_url(name)
        response.headers["cache-control"] = FOREVER if is_same else "no-cache"
        return response


def mount_static_files(app: FastAPI) -> None:
    """Serve the files below /static."""
    app.mount("/static", _VersionedFiles(directory=DIRECTORY))


def get_static_url(path: str) -> str:
    """Return the URL of a static file, with a version computed from its content; of a script, from that of all."""
    folder, _, name = path.rpartition("/")
    return f"/static/js/{_read_version('js')}/{name}" if folder == "js" else f"/static/{path}?v={_read_version(path)}"


@cache
def _read_version(path: str) -> str:
    paths = sorted((DIRECTORY / path).iterdir()) if path == "js" else [DIRECTORY / path]
    return hashlib.sha256(b"".join(file.read_bytes() for file in paths)).hexdigest()[:12]
