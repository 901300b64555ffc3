"""An open file as a response, or one range of it (RFC 9110, section 14)."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import cache
from typing import TYPE_CHECKING, Any

from zefnb.net.http.response import Disconnected, RawHeaders, Receive, Response, Scope, Send

if TYPE_CHECKING:
    from mimetypes import MimeTypes

# Bytes that are read at once.
_READ = 262_144
_RANGE = rb"(?i:bytes)=[ \t]*(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))[ \t]*"
_MORE_TYPES = {
    ".avif": "image/avif",
    ".js": "text/javascript",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}


@cache
def _types() -> MimeTypes:
    """Python's own table: those of systems differ from machine to machine. Loaded for the first file."""
    from mimetypes import MimeTypes

    return MimeTypes()


def media_type(name: str) -> str:
    """The content type for the name of a file.

    >>> media_type('page.html'), media_type('data.csv.gz'), media_type('unknown')
    ('text/html; charset=utf-8', 'application/gzip', 'application/octet-stream')
    """
    kind, encoding = _types().guess_type(f"x{os.path.splitext(name)[1]}")
    if encoding is not None:
        return "application/gzip" if encoding == "gzip" else "application/octet-stream"
    kind = _MORE_TYPES.get(os.path.splitext(name)[1].lower(), kind)
    if kind is None:
        return "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


class OpenedFile(Response):
    """The file with this descriptor, which `close` closes; `name` gives its type, unless `kind` is its type."""

    def __init__(self, descriptor: int, name: str, kind: str | None = None) -> None:
        self._descriptor: int | None = descriptor
        version = os.fstat(descriptor)
        self._size = version.st_size
        self.status_code, self.body = 200, None
        self.raw_headers: RawHeaders = [
            (b"content-length", b"%d" % self._size),
            (b"content-type", (media_type(name) if kind is None else kind).encode("latin-1", "replace")),
            (b"last-modified", formatdate(version.st_mtime, usegmt=True).encode()),
            (b"etag", b'"%x-%x"' % (version.st_mtime_ns, self._size)),
            (b"accept-ranges", b"bytes"),
        ]
        # Calls a function in a thread: reading may take time.
        self.read_in_thread: Callable[..., Awaitable[Any]]
        # A descriptor that is closed while it is read could be that of another file by then.
        self._lock = threading.Lock()

    async def send(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, or the range that the request names. Raises `EOFError` when the file has become shorter."""
        start, stop = self._apply_range(scope)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        while start < stop and scope["method"] != "HEAD":
            part = await self.read_in_thread(self.read, start, min(_READ, stop - start))
            if not part:
                raise EOFError("a file has become shorter while it was sent")
            start += len(part)
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def read(self, start: int, size: int) -> bytes:
        """Read at most `size` bytes from `start` on. In any thread."""
        with self._lock:
            if self._descriptor is None:
                raise Disconnected
            os.lseek(self._descriptor, start, os.SEEK_SET)
            return os.read(self._descriptor, size)

    def _apply_range(self, scope: Scope) -> tuple[int, int]:
        """The place of the bytes to send. Sets the status and the headers for a range; several are not served."""
        whole = (0, self._size)
        given = [value for name, value in scope["headers"] if name.lower() == b"range"]
        found = re.fullmatch(_RANGE, given[0]) if len(given) == 1 else None
        if found is None or scope["method"] != "GET" or self.status_code != 200 or not self._is_same_version(scope):
            return whole
        first, last, suffix = found.groups()
        start = max(0, self._size - int(suffix)) if suffix else int(first)
        stop = min(self._size, int(last) + 1) if last else self._size
        if last and int(last) < int(first):
            return whole  # not valid, and so ignored
        if start >= self._size or suffix == b"0":
            self.status_code = 416
            self.set_header("content-range", f"bytes */{self._size}")
            self.set_header("content-length", "0")
            return 0, 0
        self.status_code = 206
        self.set_header("content-range", f"bytes {start}-{stop - 1}/{self._size}")
        self.set_header("content-length", str(stop - start))
        return start, stop

    def _is_same_version(self, scope: Scope) -> bool:
        """Whether the client's condition for a range holds (section 13.1.5)."""
        conditions = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"if-range"]
        return all(each in (self.header("etag"), self.header("last-modified")) for each in conditions)

    async def close(self) -> None:
        """Close the file."""
        self._close()

    def _close(self) -> None:
        with self._lock:
            if self._descriptor is not None:
                descriptor, self._descriptor = self._descriptor, None
                os.close(descriptor)

    def __del__(self) -> None:
        self._close()  # of a request that was cancelled before it had its response
