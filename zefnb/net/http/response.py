"""A response: its status, headers and body, sent as ASGI messages; and the refusals in place of one.

They are few lines, and each request needs them. To import those of Starlette takes longer than to import asyncio.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]

# RFC 9110, section 6.4.1: these have no content.
WITHOUT_BODY = (204, 304)


class Disconnected(Exception):
    """The peer has left, and needs no response."""


class Refusal(Exception):
    """A request that is not served: its response is a line of text with this status and these headers."""

    def __init__(self, status: int, detail: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {detail}")
        self.status = status
        self.detail = detail
        self.headers = headers


def as_refusal(error: BaseException) -> Refusal | None:
    """The refusal that `error` is, or means: a handler may raise Starlette's `HTTPException`; `None` for other errors.

    >>> as_refusal(Refusal(404, 'Not Found')), as_refusal(ValueError())
    (Refusal('404 Not Found'), None)
    """
    if isinstance(error, Refusal):
        return error
    starlette = sys.modules.get("starlette.exceptions")
    if starlette is not None and isinstance(error, starlette.HTTPException):
        return Refusal(error.status_code, error.detail, error.headers)
    return None


class Response:
    """A response with its body in memory. `raw_headers` has the names in lower case.

    >>> response = Response(b'hello', 200, 'text/plain; charset=utf-8')
    >>> response.header('content-length'), response.header('etag')
    ('5', None)
    """

    # The body; `None` when it is not in memory.
    body: bytes | None

    def __init__(self, body: bytes = b"", status_code: int = 200, media_type: str = "") -> None:
        self.status_code = status_code
        self.body = body
        self.raw_headers: RawHeaders = []
        if status_code not in WITHOUT_BODY:
            self.raw_headers.append((b"content-length", b"%d" % len(body)))
        if media_type:
            self.raw_headers.append((b"content-type", media_type.encode("latin-1")))

    def copy(self) -> Response:
        """A response with the same body, and headers of its own."""
        copied = Response.__new__(Response)
        copied.status_code, copied.body, copied.raw_headers = self.status_code, self.body, self.raw_headers.copy()
        return copied

    def without_body(self, status_code: int, left_out: Iterable[bytes]) -> Response:
        """A response with this status, no body, and these headers but for those whose names are `left_out`."""
        bodiless = Response(status_code=status_code)
        bodiless.raw_headers = [pair for pair in self.raw_headers if pair[0] not in left_out]
        return bodiless

    def values(self, name: str) -> list[str]:
        """All values of a header."""
        wanted = name.encode("latin-1")
        return [value.decode("latin-1") for each, value in self.raw_headers if each == wanted]

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        values = self.values(name)
        return values[0] if values else None

    def set_header(self, name: str, value: str) -> None:
        """Replace all values of a header by this one."""
        self.add_headers([(name, value)], replace=True)

    def add_headers(self, headers: Iterable[tuple[str, str]], *, replace: bool = False) -> None:
        """Add headers. With `replace`, they replace those with the same names that the response has."""
        added = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        if replace and added:
            names = {name for name, _ in added}
            self.raw_headers[:] = [pair for pair in self.raw_headers if pair[0] not in names]
        self.raw_headers += added

    async def send(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the status, the headers and the body."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body})

    async def close(self) -> None:
        """End the iterator that makes the body, if there is one. Called for each response in the end."""
