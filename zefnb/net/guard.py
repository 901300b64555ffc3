"""The guard: uvicorn's HTTP protocol with deadlines, bounds and strictness.

The seams used here (the constructor, `conn`, `handle_websocket_upgrade`, `send_400_response`,
`on_response_complete`) are not public; tests/net/test_guard.py holds them, and the minor version is pinned.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol
from uvicorn.server import ServerState

HEAD_LIMIT = 32_768
HEAD_WITHIN = 5.0
KEEP_ALIVE = 30.0
# As h11 finds the end of a head.
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_FOLDED = re.compile(rb"\r?\n[ \t]")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NO_PHRASE = b"Error"


class StrictConnection(h11.Connection):
    """h11, refusing what it tolerates: folded headers, two lengths for one body, heads without end."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, HEAD_LIMIT)
        self.refusal = 400
        # How much of a head that still comes has been searched: if it drips, the search goes on where it was.
        self._looked_at = 0

    def next_event(self) -> Any:
        """The next event; `h11.RemoteProtocolError` for what the guard refuses."""
        head_expected = self.their_state is h11.IDLE
        if head_expected:
            self._check_head(self.trailing_data[0])
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            self.refusal = error.error_status_hint
            raise
        if event is not h11.NEED_DATA:
            self._looked_at = 0
        if isinstance(event, h11.Request):
            self._check_request(event)
        return event

    def _check_head(self, received: bytes) -> None:
        end = _END_OF_HEAD.search(received, self._looked_at)
        length = len(received) if end is None else end.start()
        if length > HEAD_LIMIT:
            self._refuse("request head too large", 431)
        if _FOLDED.search(received, self._looked_at, length):
            self._refuse("folded header", 400)
        # What is searched for may have begun in the last three bytes.
        self._looked_at = max(0, length - 3)

    def _check_request(self, request: h11.Request) -> None:
        if request.http_version not in (b"1.0", b"1.1"):
            self._refuse("HTTP/1.1 is spoken here", 400)
        names = [name for name, _ in request.headers]
        if b"content-length" in names and b"transfer-encoding" in names:
            self._refuse("both Content-Length and Transfer-Encoding", 400)
        if any(_CONTROL.search(value) for _, value in request.headers):
            self._refuse("control character in a header", 400)

    def _refuse(self, why: str, status: int) -> None:
        self.refusal = status
        raise h11.RemoteProtocolError(why, error_status_hint=status)


class GuardedHTTP(H11Protocol):
    """One HTTP connection: its heads come within 5 s and 32 KiB, its upgrades are what they should be."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any], _loop: Any = None) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn: StrictConnection = StrictConnection()
        self._deadline: asyncio.TimerHandle | None = None
        self._pipelined = False
        # By the loop's clock: when the first head must be there. It counts from when the connection came.
        self.head_due = self.loop.time() + HEAD_WITHIN

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_at(self.head_due, self._too_late)

    def _expect_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_WITHIN, self._too_late)

    def _head_came(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self.conn.trailing_data[0]:
            self._refuse("the head took too long", 408)
        else:
            self.connections.discard(self)
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._mind_the_head()

    def _mind_the_head(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._head_came()
        elif self.conn.trailing_data[0]:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        super().connection_lost(exc)

    def _should_upgrade(self) -> bool:
        return self.scope["method"] == "GET" and self._get_upgrade() == b"websocket" and self._should_upgrade_to_ws()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._head_came()
        names = [name for name, _ in self.headers]
        if event.http_version != b"1.1" or b"content-length" in names or b"transfer-encoding" in names:
            return self._refuse("a WebSocket handshake is HTTP/1.1 and has no body")
        if self._pipelined:
            return self._refuse("a WebSocket handshake cannot be pipelined behind a request")
        # Frames may follow the handshake in the same segment.
        following = self.conn.trailing_data[0]
        super().handle_websocket_upgrade(event)
        protocol: Any = self.transport.get_protocol()
        if following and protocol is not self:
            protocol.data_received(following)
        return None

    def _refuse(self, why: str, status: int = 400) -> None:
        self.conn.refusal = status
        self.send_400_response(why)

    def on_response_complete(self) -> None:
        self._pipelined = bool(self.conn.trailing_data[0])
        super().on_response_complete()
        self._pipelined = False
        self._mind_the_head()

    def send_400_response(self, msg: str) -> None:
        """Answer what is refused, with the status that fits, and close."""
        status = self.conn.refusal
        phrase = STATUS_PHRASES.get(status) or _NO_PHRASE
        body = f"{status} {msg}\n".encode()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self.transport.is_closing():
            headers = [
                *self.server_state.default_headers,
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", b"%d" % len(body)),
                (b"connection", b"close"),
            ]
            response = h11.Response(status_code=status, reason=phrase, headers=headers)
            for part in (response, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(part) or b"")
        self.connections.discard(self)
        if self.cycle is not None:
            # Whoever still reads the body that turned out wrong is answered already.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._close_gently()

    def _close_gently(self) -> None:
        """FIN first and the rest a second later: bytes still unread would reset what the peer has yet to read."""
        if self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.transport.set_protocol(_Ending(self.transport, self.loop, self.connection_lost))
        else:
            self.transport.close()


class _Ending(asyncio.Protocol):
    """Reads and forgets what still comes, for a second."""

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, lost: Callable[[Exception | None], None]
    ) -> None:
        self._lost = lost
        self._timer = loop.call_later(1.0, transport.abort)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Nothing of it matters any more."""

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._lost(exc)
