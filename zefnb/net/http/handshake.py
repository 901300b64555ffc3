"""Plain handshakes of RFC 6455 (section 4), as browsers and libraries send them.

Nearly all handshakes are plain. This module handles them in a tenth of the time that h11 and `websockets` need
together. It only accepts: h11 and `websockets` handle any other handshake, and all refusals.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from websockets.utils import accept_key

from zefnb.net.http.request_head import RequestHead
from zefnb.net.websocket.subprotocol import MARK, NAME

# Longer handshakes are not plain: a limit of h11 or websockets may apply to them.
_LONGEST = 8_000
_MOST_FIELDS = 100
_HEAD = re.compile(rb"GET (/[!-~]*) HTTP/1\.1\r\n((?:[\w!#$%&'*+.^`|~-]+:[ -~]*\r\n)+)\r\n")
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")
_EXTENSION = r"[\w-]+(?:; ?[\w-]+(?:=\w+)?)*"
_EXTENSIONS = re.compile(rf"{_EXTENSION}(?:, ?{_EXTENSION})*")
_UPGRADES = ("upgrade", "keep-alive, upgrade")
_NEEDED = {"host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version"}
_NOT_PLAIN = {"content-length", "transfer-encoding"}


class Handshake(NamedTuple):
    """A valid handshake of a client. `target` is the path and the query, not decoded."""

    target: str
    path: str
    query: str
    headers: dict[str, tuple[str]]

    @property
    def key(self) -> str:
        """Sec-WebSocket-Key."""
        return self.headers["sec-websocket-key"][0]

    @property
    def offers_session(self) -> bool:
        """Whether the client offers the subprotocol of zefnb, and no other."""
        return "sec-websocket-protocol" in self.headers

    def head(self, client_ip: str, is_secure: bool) -> RequestHead:
        """The head for the gate's decision."""
        return RequestHead("GET", self.path, self.query, self.headers, client_ip, is_secure, True)

    def response(self, date: bytes) -> bytes:
        """The response that accepts the handshake (section 4.2.2). `date` is in HTTP's format."""
        chosen = _CHOSEN if "sec-websocket-protocol" in self.headers else b""
        return _ACCEPTED % (date, accept_key(self.key).encode(), chosen)


_ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nDate: %b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\n%b\r\n"
)
_CHOSEN = f"Sec-WebSocket-Protocol: {NAME}\r\n{MARK}: 1\r\n".encode()


def read_plain(data: bytes) -> Handshake | None:
    """The handshake that `data` consists of, without further bytes; `None` for anything that is not plain.

    >>> head = "GET /ws?a=b HTTP/1.1\\r\\nHost: localhost:8000\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
    >>> key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n"
    >>> handshake = read_plain((head + key).encode())
    >>> handshake.path, handshake.query, handshake.headers['host']
    ('/ws', 'a=b', ('localhost:8000',))
    >>> handshake.response(b"today").split()[-1]
    b's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
    """
    if len(data) > _LONGEST:
        return None
    head = _HEAD.fullmatch(data)
    if head is None:
        return None
    lines = head[2].decode().split("\r\n")[:-1]
    headers = {name.lower(): (value.strip(" "),) for name, _, value in [line.partition(":") for line in lines]}
    if len(headers) != len(lines) or len(headers) > _MOST_FIELDS or not _is_plain(headers):
        return None
    target = head[1].decode()
    path, _, query = target.partition("?")
    return Handshake(target, unquote(path), query, headers)


def _is_plain(headers: dict[str, tuple[str]]) -> bool:
    return (
        headers.keys() >= _NEEDED
        and not headers.keys() & _NOT_PLAIN
        and headers["host"][0] != ""
        and ("sec-websocket-protocol" not in headers or headers["sec-websocket-protocol"][0] == NAME)
        and headers["upgrade"][0].lower() == "websocket"
        and headers["connection"][0].lower() in _UPGRADES
        and headers["sec-websocket-version"][0] == "13"
        and _KEY.fullmatch(headers["sec-websocket-key"][0]) is not None
        and (
            "sec-websocket-extensions" not in headers
            or _EXTENSIONS.fullmatch(headers["sec-websocket-extensions"][0]) is not None
        )
    )
