"""One outward connection: `websockets`' own, with bounds on what a server can make it hold.

The library answers each ping at once, into a buffer that grows while the server does not read, and takes in whatever
one read of the socket brings: of the shortest frames, more than a hundred thousand objects.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.proxy import get_proxy
from websockets.uri import WebSocketURI

# Bound once: in Python 3.11 each look into the enum costs a call.
_TEXT, _BINARY, _CLOSE, _PING = Opcode.TEXT, Opcode.BINARY, Opcode.CLOSE, Opcode.PING
# Bytes that are parsed before it is asked again whether there is room for more.
_SLICE = 16 << 10
# Pings answered in one slice, each with a pong of its own; of more only the newest.
_MOST_PONGS = 64
# A server that does not read and has sent this many pings meanwhile is not read either.
MOST_UNANSWERED = 256


class OutwardProtocol(ClientProtocol):
    """Answers pings within bounds: while nothing can be written, only the newest (RFC 6455, section 5.5.3)."""

    can_write = True
    pongs_left = _MOST_PONGS
    newest_ping: bytes | None = None
    unanswered = 0

    def recv_frame(self, frame: Frame) -> None:
        """Take one frame."""
        opcode = frame.opcode
        if (opcode is _TEXT or opcode is _BINARY) and frame.fin and self.current_size is None:
            # A whole message: all that the library does with it, without one more call for each.
            self.events.append(frame)
            return None
        if opcode is _CLOSE:
            # Section 5.4 allows it between fragments; the library would call it a breach.
            self.current_size = None
        if opcode is not _PING or self.state is not OPEN:
            return super().recv_frame(frame)
        if self.can_write and self.pongs_left:
            self.pongs_left -= 1
            return super().recv_frame(frame)
        self.newest_ping = bytes(frame.data)
        self.unanswered += 1
        return None


class OutwardConnection(ClientConnection):
    """Reads no more than is taken, and answers no more than is read."""

    protocol: OutwardProtocol

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._unparsed: deque[memoryview] = deque()
        # Why nothing is read at the moment: "messages" that nobody takes, "pings" of a server that does not read.
        self._pauses: set[str] = set()
        self._is_reading = True
        self._cut: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is connected."""
        super().connection_made(transport)
        self.recv_messages.pause = lambda: self._pause("messages")
        self.recv_messages.resume = lambda: self._resume("messages")

    def data_received(self, data: bytes) -> None:
        """Bytes from the server: parsed as far as there is room for what is in them."""
        self._unparsed.append(memoryview(data))
        self._parse()

    def _parse(self) -> None:
        while self._unparsed and not self._pauses:
            piece = self._unparsed.popleft()
            if len(piece) > _SLICE:
                self._unparsed.appendleft(piece[_SLICE:])
            self.protocol.pongs_left = _MOST_PONGS
            super().data_received(bytes(piece[:_SLICE]))
            self._answer_newest()
            if not self.protocol.can_write and self.protocol.unanswered > MOST_UNANSWERED:
                self._pause("pings")
        if self._cut is None and self.protocol.close_expected() and self.close_timeout is not None:
            # The library waits for ever for a server that says that it closes and does not.
            self._cut = self.loop.call_later(self.close_timeout, self.transport.abort)
        if not self._pauses and not self._is_reading and not self.transport.is_closing():
            self._is_reading = True
            self.transport.resume_reading()

    def _answer_newest(self) -> None:
        protocol = self.protocol
        if protocol.newest_ping is None or not protocol.can_write or protocol.state is not OPEN:
            return
        ping, protocol.newest_ping, protocol.unanswered = protocol.newest_ping, None, 0
        protocol.send_pong(ping)
        self.send_data()

    def _pause(self, why: str) -> None:
        self._pauses.add(why)
        if self._is_reading and not self.transport.is_closing():
            self._is_reading = False
            self.transport.pause_reading()

    def _resume(self, why: str) -> None:
        self._pauses.discard(why)
        # Not now: whoever takes a message is in the middle of it.
        self.loop.call_soon(self._parse)

    def pause_writing(self) -> None:
        """The server does not read.

        It is still read from, or one that sends back what it gets would wait for us as we for it.
        """
        super().pause_writing()
        self.protocol.can_write = False

    def resume_writing(self) -> None:
        """The server reads again."""
        super().resume_writing()
        self.protocol.can_write = True
        self._answer_newest()
        self._resume("pings")

    def eof_received(self) -> None:
        """The server sends no more."""
        self._parse_rest()
        super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        if self._cut is not None:
            self._cut.cancel()
        self.protocol.can_write = False
        self._parse_rest()
        super().connection_lost(exc)

    def _parse_rest(self) -> None:
        """What came before the end counts, room or not: it is one read of the socket at most."""
        while self._unparsed:
            super().data_received(bytes(self._unparsed.popleft()))


class Attempt(connect):
    """One attempt to connect that follows no redirect. `peer` is the address that was reached, if it is no proxy's."""

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
        """Leave it to the caller, who knows which redirects may be followed."""
        return exc

    async def open_tcp_connection(self) -> ClientConnection:
        """Connect, and note with whom."""
        connection = await super().open_tcp_connection()
        address = connection.transport.get_extra_info("peername")
        is_direct = self.proxy is None or get_proxy(self.ws_uri) is None
        self.peer = address[0] if is_direct and isinstance(address, tuple) else None
        return connection
