"""Styles, scripts and icons: few and small, so they are read once and served from memory."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"
_FOR_EVER = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


class Files:
    """The files of `static/`. Their URLs hold a digest of all of them, so a browser keeps each for
    ever, and a new release's modules never meet old ones."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        whole = hashlib.sha256(b"".join(self._files.values())).hexdigest()
        self.version = whole[:12]

    def url(self, base: str, name: str) -> str:
        """Of a file that is there. Raises `KeyError` for another."""
        if name not in self._files:
            raise KeyError(name)
        return f"{base}/static/{self.version}/{name}"

    async def serve(self, request: Request) -> Response:
        """The file. One of another release is answered with this one's, but not kept."""
        name = request.path_params["name"]
        content = self._files.get(name)
        if content is None:
            return Response("no such file\n", 404, media_type="text/plain")
        suffix = Path(name).suffix
        kind = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        current = request.path_params["version"] == self.version
        keeping = _FOR_EVER if current else "no-store"
        return Response(content, media_type=kind, headers={"cache-control": keeping})
