"""Sessions of the subprotocol: a client that can come back, with its messages in both directions.

The session has the client's place in the topics, or its actor. While a connection is attached, its messages go through
it; while there is none, they wait in `Retained`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Protocol

from websockets.frames import CloseCode

from zefnb.core.wire import encode_content
from zefnb.net.websocket.backlog import Piece, joined
from zefnb.net.websocket.connection import CLOSED_BY_CLIENT, Connection
from zefnb.net.websocket.frames import build
from zefnb.net.websocket.resume import Resume
from zefnb.net.websocket.retained import Retained
from zefnb.net.websocket.subprotocol import ACK_EVERY, NUL, control, is_escaped, is_resumable, parse_control

# Bytes that are sent again before the transport is checked.
_CHUNK = 262_144
_NOTHING: tuple[Piece, ...] = ()


class Endpoint(Protocol):
    """The route of a session."""

    clients: dict[int, Connection]

    @property
    def resume(self) -> Resume:
        """For how long, and for how many bytes, its sessions stay without a connection."""

    @property
    def address(self) -> tuple[int, str]:
        """The port and the path, which stay the same when the server is replaced."""

    def leave(self, client: Any) -> None:
        """Take a client out of the topics, or end its actor."""

    def away_changed(self, session: Session) -> None:
        """A client that can come back has lost its connection, or has come back."""

    def take_over(self, session: Session, previous: Any, begin: Callable[[Session], None]) -> None:
        """Serve a session of the route that this one has replaced. `begin` gives it topics or an actor."""


class Owner(Protocol):
    """The sessions of all servers, as one of them uses them."""

    last_piece: Piece

    def acknowledge_soon(self, session: Session) -> None:
        """Call `send_ack` of this session within a fraction of a second."""

    def away(self, session: Session) -> None:
        """The session has no connection: end it when its time is over."""

    def forget(self, session: Session) -> None:
        """The session has ended."""

    def missing(self, session: Session, count: int) -> None:
        """Report messages that the client of this session does not get."""


def login_of(visitor: Any) -> Any:
    """The value that is the same for all connections of one login."""
    if visitor is None:
        return None
    return visitor.user if visitor.session is None else visitor.session.digest


def _gap(missing: int, last: bytes = b"") -> bytes:
    return control("gap", missing=missing)


class Session:
    """A client that can come back. It takes the place of its connection in topics and actors. Used on the loop only."""

    __slots__ = (
        "_cursor",
        "_is_ending",
        "_owner",
        "_received_acked",
        "_retained",
        "actor",
        "channel_id",
        "client_ip",
        "close_code",
        "close_reason",
        "connect_time",
        "connection",
        "endpoint",
        "id",
        "ignored",
        "is_over",
        "login",
        "mailbox",
        "nan",
        "on_message",
        "origin",
        "path",
        "pushes",
        "query_params",
        "received",
        "topic_out",
        "visitor",
    )
    only_encodes = keeps_nothing = escapes = True
    is_compressed = False
    # That of the route: the program does not see this one.
    subprotocol = None

    def __init__(self, owner: Owner, endpoint: Endpoint, connection: Connection, received: int) -> None:
        # 192 random bits.
        self.id = secrets.token_urlsafe(24)
        self.endpoint = endpoint
        self.visitor = connection.visitor
        self.login = login_of(connection.visitor)
        self.connection: Connection | None = None
        self.channel_id = connection.channel_id
        self.client_ip, self.path, self.origin = connection.client_ip, connection.path, connection.origin
        self.query_params, self.connect_time = connection.query_params, connection.connect_time
        self.nan = connection.nan
        self.actor: Any = None
        self.topic_out: Any = None
        self.mailbox: Any = None
        self.pushes = self.is_over = False
        self.ignored = 0
        self.close_code: int | None = None
        self.close_reason = ""
        # Messages of the client, and the number of those that are acknowledged.
        self.received = self._received_acked = received
        self._owner = owner
        self._retained = Retained(endpoint.resume.bytes)
        # The number of the next message while earlier ones are sent again; `None` while messages are sent at once.
        self._cursor: int | None = None
        self._is_ending = False
        # Called with each message of the client. The endpoint sets it.
        self.on_message: Callable[[Any], None] = lambda message: None

    # Its connections

    def open(self, connection: Connection, *, missing: int | None = 0) -> None:
        """Begin with this connection. `missing` is the number of messages that its client has lost before, if known."""
        self._attach(connection)
        self._welcome(connection, resumed=False, position=self._retained.end, missing=missing)

    def resume(self, connection: Connection, received: int) -> None:
        """Continue with this connection, whose client has `received` messages so far."""
        self._retained.acknowledge(received)
        missing = max(0, self._retained.start - received)
        self._attach(connection)
        self.endpoint.away_changed(self)
        self._cursor = received + missing
        self._welcome(connection, resumed=True, position=self._cursor, missing=missing)
        if missing:
            self._owner.missing(self, missing)
        self._send_again()

    def detach(self) -> None:
        """Cut the present connection, which another one replaces. Its unread messages are sent again."""
        previous, self.connection = self.connection, None
        if previous is not None:
            self._detach(previous)
            previous.abort()

    def can_resume(self, received: int) -> bool:
        """Whether a client can have `received` messages of this session."""
        return received <= self._retained.end

    def _attach(self, connection: Connection) -> None:
        self.endpoint.clients.pop(connection.channel_id, None)
        connection.channel_id = self.channel_id
        self.endpoint.clients[self.channel_id] = self.connection = connection
        self.close_reason = ""
        connection.session, connection.endpoint = self, self.endpoint
        connection.on_lost, connection.on_message, connection.on_drained = self._lost, self._receive, self._send_again
        connection.on_dropped = _gap
        self.update(connection)
        if self.visitor is not None and self.visitor.session is not None:
            self.visitor.session.sockets.discard(self)
        self.visitor = connection.visitor

    def update(self, connection: Connection) -> None:
        """Let the connection work for the actor and the topics of this session."""
        connection.actor, connection.topic_out = self.actor, self.topic_out
        connection.mailbox, connection.pushes = self.mailbox, self.pushes

    def _detach(self, connection: Connection) -> None:
        connection.detach_mailbox()
        connection.on_drained = connection.on_dropped = None
        self.endpoint.clients.pop(self.channel_id, None)
        self.ignored = 0

    def _welcome(self, connection: Connection, *, resumed: bool, position: int, missing: int | None) -> None:
        self._received_acked = self.received
        fields = {"resumed": resumed, "received": self.received, "position": position, "missing": missing}
        connection.write_control(control("welcome", session=self.id, seconds=self.endpoint.resume.seconds, **fields))

    def _lost(self, connection: Connection) -> None:
        if connection is not self.connection:
            return
        self.connection = self._cursor = None
        self._detach(connection)
        self.close_code, self.close_reason = connection.close_code, self.close_reason or connection.close_reason
        if self._is_ending or not self.endpoint.resume.seconds or not is_resumable(self.close_code):
            self.end()
            return
        if self.visitor is not None and self.visitor.session is not None:
            # The end of the login ends the session, too.
            self.visitor.session.sockets.add(self)
        self.endpoint.away_changed(self)
        self._owner.away(self)

    def closing(self, code: int, reason: str) -> None:
        """Send what must precede a close frame: the last acknowledgement, and the code, which proxies do not pass on.

        Without it, a client would send messages again to the server that starts after this one.
        """
        if self.has_unacknowledged:
            self.send_ack()
        if self._is_ending or is_resumable(code) or self.connection is None:
            return
        self._is_ending = True
        self.connection.write_control(control("end", code=code, reason=reason))

    def close(self, code: int, reason: str = "") -> None:
        """End the session with its connection."""
        if self.connection is not None:
            self.connection.close(code, reason)
        else:
            self.end(reason)

    def close_now(self, code: int, reason: str) -> None:
        """End the session, whose client may receive no more."""
        if self.connection is not None:
            self.connection.close_now(code, reason)
        else:
            self.end(reason)

    def end(self, reason: str = "") -> None:
        """Leave the topics or end the actor, perhaps for a reason of the server. The client cannot come back."""
        if self.is_over:
            return
        self.is_over = True
        self.close_reason = reason or self.close_reason
        if self.visitor is not None and self.visitor.session is not None:
            self.visitor.session.sockets.discard(self)
        self._owner.forget(self)
        self.endpoint.leave(self)

    # From the client

    def _receive(self, message: Any) -> None:
        if type(message) is str and message[:1] == NUL:
            if message[1:2] != NUL:
                self._control(message)
                return
            message = message[1:]
        self.received += 1
        if self.received - self._received_acked >= ACK_EVERY:
            self.send_ack()
        else:
            self._owner.acknowledge_soon(self)
        self.on_message(message)

    def send_ack(self) -> None:
        """Acknowledge the messages of the client."""
        connection = self.connection
        if connection is not None and connection.is_open and not connection.is_writing_paused:
            self._received_acked = self.received
            connection.write_control(control("ack", received=self.received))

    @property
    def has_unacknowledged(self) -> bool:
        """Whether the last messages of the client are yet to be acknowledged."""
        return self.connection is not None and self.received > self._received_acked

    def _control(self, message: str) -> None:
        connection = self.connection
        assert connection is not None
        connection.received -= 1
        fields = parse_control(message)
        if fields is None:
            connection.close(CloseCode.PROTOCOL_ERROR, "an invalid control message")
        elif fields["type"] == "ack":
            if fields["received"] <= self._retained.end:
                self._retained.acknowledge(fields["received"])
        elif fields["type"] == "ping":
            self.send_ack()
        elif fields["type"] == "bye":
            self._is_ending = True
            self.close_reason = CLOSED_BY_CLIENT
            connection.close(CloseCode.NORMAL_CLOSURE)

    # To the client

    @property
    def pending(self) -> Any:
        """The pieces that wait in this loop iteration."""
        return _NOTHING if self.connection is None else self.connection.pending

    def flush(self) -> None:
        """Write these pieces."""
        if self.connection is not None:
            self.connection.flush()

    def deliver(self, content: Any) -> None:
        """Send one message to this client, at the end of this loop iteration. Content as in `encode_content`."""
        opcode, payload = encode_content(content, self.nan)
        if is_escaped(opcode, payload):
            payload = b"\0" + payload
        self.send_raw(build(opcode, payload), 1)

    def without(self, sender: Any) -> Session:
        """The subscriber for a message of `sender`: a session subscribes to no topic into which it pushes."""
        return self

    def send_raw(self, data: bytes, count: int) -> None:
        """Send whole frames that hold `count` messages, after everything sent before."""
        self._retain(data, count)
        if self.connection is not None and self._cursor is None:
            self.connection.send_raw(data, count)

    def write(self, data: bytes, count: int) -> None:
        """Hand bytes to the connection, if there is one."""
        self._retain(data, count)
        if self.connection is not None and self._cursor is None:
            self.connection.write(data, count)

    def _retain(self, data: bytes, count: int) -> None:
        # All sessions that get these bytes share one tuple, too.
        piece = self._owner.last_piece
        if piece[0] is not data:
            piece = self._owner.last_piece = (data, count)
        self._retained.add(piece)

    def _send_again(self) -> None:
        """Send retained messages until the transport takes no more. Then send further ones at once."""
        connection = self.connection
        while self._cursor is not None and connection is not None and connection.is_open:
            if connection.is_writing_paused:
                return  # called again when the transport has written
            self._skip_missing(connection)
            pieces = self._retained.after(self._cursor, _CHUNK)
            if not pieces:
                self._cursor = None
            for data, count in joined(pieces) if pieces else ():
                self._cursor += count  # type: ignore[operator]
                connection.write(data, count)

    def _skip_missing(self, connection: Connection) -> None:
        assert self._cursor is not None
        missing = self._retained.start - self._cursor
        if missing > 0:
            self._cursor = self._retained.start
            connection.write_control(_gap(missing))
            self._owner.missing(self, missing)

    @property
    def unacknowledged(self) -> int:
        """The number of messages of which it is not known that the client has them."""
        return self._retained.end - self._retained.start

    @property
    def retained(self) -> Retained:
        """The messages that can be sent again."""
        return self._retained

    def __repr__(self) -> str:
        return f"<session of client {self.channel_id} of {self.path}>"
