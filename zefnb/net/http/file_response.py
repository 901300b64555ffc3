"""A file as a response: read in pieces by Starlette, which also serves ranges (RFC 9110, section 14).

This module is loaded for the first file, since Starlette takes a while.
"""

from __future__ import annotations

import os

from starlette.responses import FileResponse as StarletteFile

from zefnb.net.http.response import Receive, Response, Scope, Send


class FileResponse(Response):
    """The file at `path`, whose `version` its headers identify. Its type follows from its name without `media_type`."""

    def __init__(self, path: str | os.PathLike[str], media_type: str | None, version: os.stat_result) -> None:
        self._file = StarletteFile(path, media_type=media_type, stat_result=version)
        self.status_code, self.raw_headers, self.body = 200, self._file.raw_headers, None

    async def send(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, or the ranges that the request names. Only GET has ranges (RFC 9110, section 14.2)."""
        if scope["method"] != "GET":
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0].lower() != b"range"]}
        self._file.status_code = self.status_code
        # Starlette reads some headers again; it must find these.
        self._file.raw_headers[:] = self.raw_headers
        await self._file(scope, receive, send)
