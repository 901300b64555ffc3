"""All sessions of the subprotocol: they begin, are resumed and end here, and share a limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from websockets.frames import CloseCode

from zefnb.engine.runtime import Runtime
from zefnb.net.websocket.backlog import Piece, size_text
from zefnb.net.websocket.connection import Connection
from zefnb.net.websocket.session import Endpoint, Session, login_of
from zefnb.net.websocket.subprotocol import CONTROL_LIMIT, parse_control

# Seconds until the first message of a connection, which names the session.
HELLO_TIMEOUT = 10.0
# Sessions without a connection.
AWAY_LIMIT = 10_000
# Bytes of the messages that are retained for all sessions together.
RETAINED_LIMIT = 256 << 20
# Seconds between acknowledgements, and between checks of the bytes.
_TICK = 0.25
_CHECK_INTERVAL = 1.0
# Bytes of memory for a piece that a session shares, and for one of its own.
_SHARED_PIECE, _OWN_PIECE = 8, 72

Begin = Callable[[Session], None]


class Sessions:
    """The sessions by their secret ids: a service of the runtime, used on the loop only."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._by_id: dict[str, Session] = {}
        # When each session without a connection ends, in the order in which they lost it.
        self._away: dict[Session, float] = {}
        self._to_acknowledge: dict[Session, None] = {}
        self._is_ticking = False
        self._checked_at = 0.0
        self.last_piece: Piece = (b"", 0)

    def __len__(self) -> int:
        return len(self._by_id)

    def of(self, endpoint: Endpoint) -> list[Session]:
        """The sessions of a route."""
        return [each for each in self._by_id.values() if each.endpoint is endpoint]

    # Beginnings

    def greet(self, connection: Connection, endpoint: Endpoint, begin: Begin) -> None:
        """Wait for the first message of a client. `begin` gives a new session its topics or its actor."""
        timer = self._runtime.loop.call_later(
            HELLO_TIMEOUT, connection.close, CloseCode.PROTOCOL_ERROR, "a hello is missing"
        )

        def lost(connection: Connection) -> None:
            timer.cancel()
            endpoint.clients.pop(connection.channel_id, None)

        def receive(message: Any) -> None:
            timer.cancel()
            connection.received -= 1
            fields = parse_control(message) if isinstance(message, str) else None
            kind = None if fields is None else fields["type"]
            if fields is None or kind not in ("hello", "resume"):
                connection.close(CloseCode.PROTOCOL_ERROR, "a hello is missing")
            elif kind == "hello":
                self._open(connection, endpoint, begin, 0, 0)
            else:
                self._resume(connection, endpoint, begin, fields)

        connection.max_size = max(connection.max_size, CONTROL_LIMIT)
        connection.on_lost, connection.on_message = lost, receive

    def _open(
        self, connection: Connection, endpoint: Endpoint, begin: Begin, confirmed: int, missing: int | None
    ) -> None:
        session = Session(self, endpoint, connection, confirmed)
        self._by_id[session.id] = session
        session.open(connection, missing=missing)
        begin(session)
        session.update(connection)
        self._start_ticking()

    def _resume(self, connection: Connection, endpoint: Endpoint, begin: Begin, fields: dict[str, Any]) -> None:
        session = self._find(fields.get("session"), connection, endpoint)
        received: int = fields["received"]
        if session is None or not session.can_resume(received):
            self._note_unknown(connection, received)
            self._open(connection, endpoint, begin, fields["confirmed"], None)
            return
        self._away.pop(session, None)
        session.detach()
        if session.endpoint is not endpoint:
            self._move(session, connection, endpoint, begin)
        session.resume(connection, received)

    def _find(self, id: Any, connection: Connection, endpoint: Endpoint) -> Session | None:
        """The session with this id, if it belongs to this route and to this login."""
        session = self._by_id.get(id) if isinstance(id, str) else None
        if session is None or session.endpoint.address != endpoint.address:
            return None
        return session if session.login == login_of(connection.visitor) else None

    def _move(self, session: Session, connection: Connection, endpoint: Endpoint, begin: Begin) -> None:
        """Move a session to the route that has replaced its own."""
        previous, session.endpoint = session.endpoint, endpoint
        session.channel_id, session.nan = connection.channel_id, connection.nan
        session.retained.set_limit(endpoint.resume.bytes)
        endpoint.take_over(session, previous, begin)

    # Endings

    def away(self, session: Session) -> None:
        """The session has no connection: end it when its time is over."""
        self._away[session] = time.monotonic() + session.endpoint.resume.seconds
        if len(self._away) > AWAY_LIMIT:
            self._end_away(next(iter(self._away)), f"more than {AWAY_LIMIT:,} clients are away")
        self._start_ticking()

    def _end_away(self, session: Session, why: str) -> None:
        self._away.pop(session, None)
        if session.unacknowledged:
            text = f"client {session.channel_id} of {session.path} did not come back: {why}"
            text = f"{text}; it may miss {session.unacknowledged:,} messages"
            self._note("info", text, "not back", session.endpoint, session.channel_id)
        session.end(f"it did not come back: {why}")

    def forget(self, session: Session) -> None:
        """The session has ended."""
        self._by_id.pop(session.id, None)
        self._away.pop(session, None)
        self._to_acknowledge.pop(session, None)

    def end_of(self, endpoint: Endpoint) -> None:
        """End the sessions of a route that is served no more, also of those before it whose clients did not return."""
        for session in list(self._by_id.values()):
            is_left = session.connection is None and session.endpoint.address == endpoint.address
            if is_left or session.endpoint is endpoint:
                session.end("the server stops")

    # Acknowledgements and limits

    def acknowledge_soon(self, session: Session) -> None:
        """Acknowledge the messages of this session within a fraction of a second."""
        self._to_acknowledge[session] = None

    def _start_ticking(self) -> None:
        if not self._is_ticking:
            self._is_ticking = True
            self._runtime.loop.call_later(_TICK, self._tick)

    def _tick(self) -> None:
        now = time.monotonic()
        waiting, self._to_acknowledge = self._to_acknowledge, {}
        for session in waiting:
            if session.has_unacknowledged:
                session.send_ack()
            if session.has_unacknowledged:
                self._to_acknowledge[session] = None
        for session in [each for each, end in self._away.items() if end <= now]:
            self._end_away(session, f"{session.endpoint.resume.seconds:g} s are over")
        if now - self._checked_at >= _CHECK_INTERVAL:
            self._checked_at = now
            self.last_piece = (b"", 0)
            self._check_bytes()
        self._is_ticking = bool(self._by_id)
        if self._is_ticking:
            self._runtime.loop.call_later(_TICK, self._tick)

    def _check_bytes(self) -> None:
        """Drop retained messages while all sessions together have too many bytes, the largest share first."""
        shares: dict[Any, list[Session]] = {}
        for session in self._by_id.values():
            shares.setdefault(session if session.actor is not None else session.endpoint, []).append(session)
        sizes = [(_size(each), each) for each in shares.values()]
        total = sum(size for size, _ in sizes)
        if total <= RETAINED_LIMIT:
            return
        for size, sessions in sorted(sizes, key=lambda each: each[0], reverse=True):
            for session in sessions:
                session.retained.clear()
            total -= size
            text = (
                f"{size_text(size)} of messages can be sent to no client again: more than {size_text(RETAINED_LIMIT)}"
            )
            self._note("warning", f"{text} wait for all clients", "too much", sessions[0].endpoint, None)
            if total <= RETAINED_LIMIT:
                return

    # Reports

    def missing(self, session: Session, count: int) -> None:
        """Report messages that the client of this session does not get."""
        text = (
            f"client {session.channel_id} of {session.path} misses {count:,} messages: its route's `resume` is shorter"
        )
        self._note("warning", text, "missing", session.endpoint, session.channel_id)

    def _note_unknown(self, connection: Connection, received: int) -> None:
        text = f"client {connection.channel_id} of {connection.path} begins anew: its session has ended, or was one of"
        text = f"{text} another process; it had {received:,} messages, and may miss later ones"
        self._note("info", text, "unknown", connection.endpoint, connection.channel_id)

    def _note(self, level: Any, text: str, kind: str, endpoint: Any, channel_id: int | None) -> None:
        server, key = endpoint.server, ("resume", kind, endpoint.server, endpoint.path)
        details: dict[str, Any] = {} if channel_id is None else {"channel_id": channel_id}
        self._runtime.journal.note(level, text, key=key, example=text, server=server, **details)


def _size(sessions: list[Session]) -> int:
    """The memory of what is retained for sessions that share their messages."""
    if len(sessions) == 1:
        return sessions[0].retained.bytes + _OWN_PIECE * len(sessions[0].retained)
    pieces = _SHARED_PIECE * sum(len(each.retained) for each in sessions)
    return max(each.retained.bytes for each in sessions) + pieces
