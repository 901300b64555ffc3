"""The head of a request, in one form for the gate, whether h11 or the fast handshake has parsed it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class RequestHead(NamedTuple):
    """Method, target, headers and peer of a request.

    The path is decoded, the query is not. `headers` maps each name, in lower case, to its values. A WebSocket handshake
    is a GET with `is_handshake`.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, Sequence[str]]
    client_ip: str = ""
    is_secure: bool = False
    is_handshake: bool = False
    # The part of the path that a trusted proxy has removed.
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
        """All values of a header.

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
    """The head of a request that uvicorn has parsed."""
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
