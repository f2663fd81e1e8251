"""
Static files, compressed with gzip for browsers that accept it.

Only for public files: compressing a response that has both a secret and what an attacker chose, as pages can, would let
the length of the response reveal the secret (BREACH).
"""

import gzip
from functools import lru_cache
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_COMPRESSIBLE = {".css", ".html", ".js", ".json", ".svg", ".txt", ".xml"}
_LEVEL = 9  # each file is compressed once


class CompressedFiles(StaticFiles):
    """Serve a directory of public files."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the response of StaticFiles, compressed if the browser accepts gzip."""
        response = await super().get_response(path, scope)
        if not isinstance(response, FileResponse) or Path(response.path).suffix not in _COMPRESSIBLE:
            return response
        response.headers["vary"] = "accept-encoding"
        # Both encodings have one entity tag, so it is a weak one (RFC 9110, section 8.8.3).
        response.headers["etag"] = f"W/{response.headers['etag']}"
        request_headers = Headers(scope=scope)
        accept_encoding = request_headers.get("accept-encoding", "")
        if response.status_code != 200 or "range" in request_headers or not _accepts_gzip(accept_encoding):
            return response
        content = await run_in_threadpool(_read_compressed, Path(response.path))
        headers = {
            name: value for name, value in response.headers.items() if name not in {"content-length", "accept-ranges"}
        }
        return Response(content, 200, {**headers, "content-encoding": "gzip"})


def _accepts_gzip(accept_encoding: str) -> bool:
    weights = {
        coding.strip().lower(): "".join(weight.split())
        for coding, _, weight in (choice.partition(";") for choice in accept_encoding.split(","))
    }
    return "gzip" in weights and weights["gzip"] not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}


def _read_compressed(path: Path) -> bytes:
    return _compress(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=500)
def _compress(path: Path, changed_at: int) -> bytes:
    del changed_at  # only part of the key: a file that has changed is compressed again
    return gzip.compress(path.read_bytes(), _LEVEL, mtime=0)
