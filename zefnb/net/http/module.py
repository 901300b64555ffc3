"""The module `/zef.js`, the client of WebSocket routes for pages, which each server serves."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from zefnb.net.http.response import Response

PATH = "/zef.js"


@cache
def source() -> str:
    """The text of the module."""
    return (Path(__file__).parent / "static" / "zef.js").read_text("utf-8")


@cache
def module() -> Response:
    """The response with the module. A browser checks its copy by the ETag.

    >>> module().header('content-type')
    'text/javascript; charset=utf-8'
    """
    body = source().encode()
    response = Response(body, media_type="text/javascript; charset=utf-8")
    response.set_header("etag", f'"{hashlib.sha256(body).hexdigest()[:16]}"')
    response.set_header("cache-control", "no-cache")
    return response
