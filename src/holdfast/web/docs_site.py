"""
The docs site at /help, which anyone can read without signing in. `make docs` builds it into this package.
"""

import base64
import hashlib
import os
import re
from functools import lru_cache
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.types import Scope

from holdfast.web.compression import CompressedFiles
from holdfast.web.content_policy import write_policy
from holdfast.web.rendering import render
from holdfast.web.static_files import FOREVER

DIRECTORY = Path(__file__).parent / "help"
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_NAME_WITH_HASH = re.compile(r"\.[0-9a-f]{8}\.min\.(?:css|js)$")


class _Site(CompressedFiles):
    async def check_config(self) -> None:
        """Accept that the directory is missing: the site may not be built, or may be built later."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if scope["method"] in {"GET", "HEAD"} and not (DIRECTORY / "index.html").is_file():
            return render(Request(scope), "help.html", section="help")
        return await super().get_response(path, scope)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        path = Path(full_path)
        response.headers["cache-control"] = FOREVER if _NAME_WITH_HASH.search(path.name) else "no-cache"
        if path.suffix == ".html":
            # Also with 304: browsers replace the policy that they have stored with the one of this response.
            hashes = _hash_inline_scripts(path, stat_result.st_mtime_ns)
            response.headers["content-security-policy"] = write_policy(hashes)
        return response


@lru_cache(maxsize=1000)
def _hash_inline_scripts(page: Path, changed_at: int) -> list[str]:
    del changed_at  # only part of the key: after a build, the page is read again
    digests = [hashlib.sha256(script).digest() for script in _INLINE_SCRIPT.findall(page.read_bytes())]
    return [f"sha256-{base64.b64encode(digest).decode()}" for digest in digests]


def mount_docs_site(app: FastAPI) -> None:
    """Serve the site below /help, or, where it isn't built, a page that says how to build it."""
    app.mount("/help", _Site(directory=DIRECTORY, html=True, check_dir=False))
