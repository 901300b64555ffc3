"""One outward connection: that of `websockets`, with bounds on the memory that a server can make it use.

The library sends each pong at once, into a buffer that grows while the server does not read. It also parses all bytes
of one read of the socket at once: for the shortest frames, these become more than a hundred thousand objects.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN
from websockets.proxy import get_proxy
from websockets.uri import WebSocketURI

# Bound once: in Python 3.11 each access to a member of the enum costs a call.
_TEXT, _BINARY, _CONT = Opcode.TEXT, Opcode.BINARY, Opcode.CONT
_CLOSE, _PING = Opcode.CLOSE, Opcode.PING
# Bytes that are parsed between two checks whether there is room for more.
_PARSE_CHUNK = 16 << 10
# Pings in one slice that each get their own pong; of further ones only the newest gets one.
_MOST_PONGS = 64
# After so many pings of a server that does not read, the client does not read either.
MOST_PINGS_WAITING = 256
# The library has the same limit since version 17.4, and allows more by WEBSOCKETS_MAX_FRAGMENTS.
MOST_FRAGMENTS = 4_096


class OutwardProtocol(ClientProtocol):
    """Sends pongs within bounds: while nothing can be written, only for the newest ping (RFC 6455, section 5.5.3)."""

    can_write = True
    pongs_left = _MOST_PONGS
    newest_ping: bytes | None = None
    pings_waiting = 0
    # Fragments of the message that is not complete.
    fragments = 0

    def recv_frame(self, frame: Frame) -> None:
        """Take one frame."""
        opcode = frame.opcode
        if (opcode is _TEXT or opcode is _BINARY) and frame.fin and self.current_size is None:
            # A whole message: the same as in the library, without another call for each.
            self.events.append(frame)
            return None
        if opcode is _TEXT or opcode is _BINARY or opcode is _CONT:
            self.fragments = self.fragments + 1 if opcode is _CONT else 1
            if self.fragments > MOST_FRAGMENTS:
                return self.fail(CloseCode.MESSAGE_TOO_BIG, f"more than {MOST_FRAGMENTS} fragments")
        elif opcode is _CLOSE:
            # Section 5.4 allows it between fragments; the library would treat it as a protocol error.
            self.current_size = None
        if opcode is not _PING or self.state is not OPEN:
            return super().recv_frame(frame)
        if self.can_write and self.pongs_left:
            self.pongs_left -= 1
            return super().recv_frame(frame)
        self.newest_ping = bytes(frame.data)
        self.pings_waiting += 1
        return None


class OutwardConnection(ClientConnection):
    """Reads only while messages are consumed, and sends pongs only while the server reads."""

    protocol: OutwardProtocol

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._unparsed: deque[memoryview] = deque()
        # Reasons why reading is paused: "messages" that wait for a consumer, "pings" of a server that does not read.
        self._pauses: set[str] = set()
        self._is_reading = True
        self._abort_timer: asyncio.TimerHandle | None = None

    async def handshake(self, *given: Any, **options: Any) -> None:
        """Send the request, and wait for the response."""
        try:
            await super().handshake(*given, **options)
        except (AssertionError, ConnectionClosed):
            # The library expects no response before its request: a server that is full sends one and closes.
            if self.protocol.handshake_exc is None:
                raise
            raise self.protocol.handshake_exc from None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is connected."""
        super().connection_made(transport)
        self.recv_messages.pause = lambda: self._pause("messages")
        self.recv_messages.resume = lambda: self._resume("messages")

    def data_received(self, data: bytes) -> None:
        """Parse bytes from the server while there is room for their messages."""
        self._unparsed.append(memoryview(data))
        self._parse()

    def _parse(self) -> None:
        while self._unparsed and not self._pauses:
            piece = self._unparsed.popleft()
            if len(piece) > _PARSE_CHUNK:
                self._unparsed.appendleft(piece[_PARSE_CHUNK:])
            self.protocol.pongs_left = _MOST_PONGS
            super().data_received(bytes(piece[:_PARSE_CHUNK]))
            self._pong_newest()
            if not self.protocol.can_write and self.protocol.pings_waiting > MOST_PINGS_WAITING:
                self._pause("pings")
        if self._abort_timer is None and self.protocol.close_expected() and self.close_timeout is not None:
            # The library waits forever for a server that sends a close frame and does not close.
            self._abort_timer = self.loop.call_later(self.close_timeout, self.transport.abort)
        if not self._pauses and not self._is_reading and not self.transport.is_closing():
            self._is_reading = True
            self.transport.resume_reading()

    def _pong_newest(self) -> None:
        protocol = self.protocol
        if protocol.newest_ping is None or not protocol.can_write or protocol.state is not OPEN:
            return
        ping, protocol.newest_ping, protocol.pings_waiting = protocol.newest_ping, None, 0
        protocol.send_pong(ping)
        self.send_data()

    def _pause(self, reason: str) -> None:
        self._pauses.add(reason)
        if self._is_reading and not self.transport.is_closing():
            self._is_reading = False
            self.transport.pause_reading()

    def _resume(self, reason: str) -> None:
        self._pauses.discard(reason)
        # Not now: the caller is just taking a message out of the queue.
        self.loop.call_soon(self._parse)

    def pause_writing(self) -> None:
        """The server does not read.

        The client still reads from it: otherwise an echo server and the client would wait for each other forever.
        """
        super().pause_writing()
        self.protocol.can_write = False

    def resume_writing(self) -> None:
        """The server reads again."""
        super().resume_writing()
        self.protocol.can_write = True
        self._pong_newest()
        self._resume("pings")

    def eof_received(self) -> None:
        """The server sends no more."""
        self._parse_rest()
        super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        if self._abort_timer is not None:
            self._abort_timer.cancel()
        self.protocol.can_write = False
        self._parse_rest()
        super().connection_lost(exc)

    def _parse_rest(self) -> None:
        """Parse all bytes from before the end, even without room: they are at most one read of the socket."""
        while self._unparsed:
            super().data_received(bytes(self._unparsed.popleft()))


class Attempt(connect):
    """One attempt to connect, without redirects. `peer` is the address of the connection, but `None` for a proxy's."""

    peer: str | None = None

    def __init__(self, url: str, *, max_size: int, **options: Any) -> None:
        super().__init__(url, create_connection=OutwardConnection, **options)
        close_timeout = options["close_timeout"]
        subprotocols, logger = options["subprotocols"], options["logger"]

        def make_connection(uri: WebSocketURI) -> OutwardConnection:
            protocol = OutwardProtocol(uri, subprotocols=subprotocols, max_size=max_size, logger=logger)
            return OutwardConnection(protocol, ping_interval=None, close_timeout=close_timeout)

        self.factory = make_connection

    def process_redirect(self, exc: Exception) -> Exception:
        """Return the exception, so that the caller decides which redirects to follow."""
        return exc

    async def open_tcp_connection(self) -> ClientConnection:
        """Connect, and set `peer`."""
        connection = await super().open_tcp_connection()
        address = connection.transport.get_extra_info("peername")
        is_direct = self.proxy is None or get_proxy(self.ws_uri) is None
        self.peer = address[0] if is_direct and isinstance(address, tuple) else None
        return connection
