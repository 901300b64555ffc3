"""The head of a request, in the form in which the gate reads it, however the request comes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class RequestHead(NamedTuple):
    """Method, target, headers and peer of a request.

    The path is decoded and the query is not. `headers` has the values of each name, which is in lower case. A WebSocket
    handshake is a GET with `is_handshake`.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, Sequence[str]]
    client_ip: str = ""
    is_secure: bool = False
    is_handshake: bool = False
    # Of the path, where a trusted proxy has taken it away.
    prefix: str = ""
    is_proxied: bool = False

    @property
    def base_url(self) -> str:
        """The address of the server as the client sees it, without a slash at its end.

        >>> RequestHead('GET', '/', '', {'host': ('hub.example',)}, is_secure=True, prefix='/proxy/8000').base_url
        'https://hub.example/proxy/8000'
        """
        return f"{'https' if self.is_secure else 'http'}://{self.first('host')}{self.prefix}"

    def values(self, name: str) -> Sequence[str]:
        """The values of a header, as often as it came.

        >>> head = RequestHead('GET', '/', '', {'host': ('localhost',)})
        >>> head.values('host'), head.values('origin')
        (('localhost',), ())
        """
        return self.headers.get(name, ())

    def first(self, name: str) -> str:
        """The first value of a header, or an empty text."""
        values = self.headers.get(name)
        return values[0] if values else ""


def head_of(scope: Mapping[str, Any], *, is_handshake: bool = False) -> RequestHead:
    """The head of a request that the HTTP server library has parsed."""
    headers: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    peer = scope["client"]
    return RequestHead(
        scope["method"],
        scope["path"],
        scope["query_string"].decode("latin-1"),
        headers,
        peer[0] if peer else "",
        scope["scheme"] == "https",
        is_handshake,
    )
