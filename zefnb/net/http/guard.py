"""The guard: uvicorn's HTTP protocol with deadlines, limits and strict checks.

The parts of uvicorn that it uses (the constructor, `conn`, `flow`, `handle_websocket_upgrade`, `send_400_response`,
`on_response_complete`) are not public. tests/net/http/test_guard.py checks them, and the minor version is pinned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol
from uvicorn.server import ServerState

from zefnb.net.budget import Held
from zefnb.net.http.decision import Accepted, Ask, Decision, Reply, refuse
from zefnb.net.http.request_head import RequestHead, head_of
from zefnb.net.http.strict import StrictConnection
from zefnb.net.kernel import unsent_bytes

HEAD_WITHIN = 5.0
KEEP_ALIVE = 30.0
# Bytes of a body, and seconds, that are read after its response has been sent, so that the peer can read the response.
REST_LIMIT = 1 << 20
REST_WITHIN = 10.0
# Seconds after which a client that takes nothing of its response is disconnected; fewer while the memory for responses
# is scarce. Progress is visible in steps only, since a kernel reports room when there is much: at 10 KB/s every 13 s,
# at 20 KB/s every 5 s.
ANSWER_PROGRESS_WITHIN = 20.0
SCARCE_PROGRESS_WITHIN = 8.0
_LOOK_EVERY = 0.25
_ENDING_LIMIT = 16 << 20
# Unread bytes are counted from this number on.
_COUNTED = 4_096
_NO_PHRASE = b"Error"


class _Flow(FlowControl):
    """uvicorn's flow control, with one more reason not to read: received bytes that are not parsed yet."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self._is_held = False

    def hold(self, held: bool) -> None:
        """Pause reading until `hold(False)`, whatever `resume_reading` requests."""
        self._is_held = held
        if self.read_paused or self._transport.is_closing():
            return
        if held:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def pause_reading(self) -> None:
        if self._is_held:
            self.read_paused = True
        else:
            super().pause_reading()

    def resume_reading(self) -> None:
        if self._is_held:
            self.read_paused = False
        else:
            super().resume_reading()


class GuardedHTTP(H11Protocol):
    """One HTTP connection: each head must arrive within 5 s and have at most 32 KiB, and upgrades must be valid.

    A peer that does not read its response, or sends an endless body behind it, is disconnected. No input blocks the
    loop for more than some milliseconds, and zefnb's own errors while it reads are not left to asyncio.
    """

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any], _loop: Any = None) -> None:
        super().__init__(config, server_state, {**app_state, "peer": self}, _loop)
        self.conn: StrictConnection = StrictConnection()
        # The gate's decision about a handshake, and the call that makes this connection a WebSocket or rejects it.
        self.original: Callable[[RequestHead], RequestHead]
        self.decide: Callable[[RequestHead], Decision]
        self.accept: Callable[[asyncio.Transport, RequestHead, Accepted], asyncio.BaseProtocol | Reply]
        self.on_reply: Callable[[Reply], None] = lambda reply: None
        self.on_refused: Callable[[int, str], None] = lambda status, why: None
        # Called after a response without the application: with the status, the peer, and the request if it is readable.
        self.on_replied: Callable[[int, str, RequestHead | None], None] = lambda status, client_ip, head: None
        self.on_fault: Callable[[Exception], None] = lambda error: None
        self.on_left: Callable[[], None] | None = None
        # Whether responses have used up much of their budget.
        self.is_scarce: Callable[[], bool] = lambda: False
        self.has_left = False
        # Received bytes that are not parsed yet; more than some KiB count in the budget of bodies.
        self.unread_held: Held | None = None
        # The task that waits for the gate's decision about a handshake.
        self._asking: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._pipelined = False
        # The deadline for the rest of a request whose response has already been sent.
        self._rest_deadline: asyncio.TimerHandle | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._taken, self._taken_at = 0, 0.0
        # The deadline for the first head, by the loop's clock. It counts from when the connection was accepted.
        self.head_due = self.loop.time() + HEAD_WITHIN

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow: _Flow = _Flow(transport)
        self._deadline = self.loop.call_at(self.head_due, self._too_late)

    # Reading

    def data_received(self, data: bytes) -> None:
        try:
            self.conn.begin_turn()
            super().data_received(data)
            self._read()
        except Exception as error:
            self._failed(error)

    def _read_on(self) -> None:
        """Parse the rest, for which there was no time, in the next loop iteration."""
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        self.flow.hold(False)
        try:
            self.conn.begin_turn()
            self.handle_events()
            self._read()
        except Exception as error:
            self._failed(error)

    def _read(self) -> None:
        if self.conn.has_more and not self.transport.is_closing() and self.transport.get_protocol() is self:
            self.flow.hold(True)
            self.loop.call_soon(self._read_on)
        if self._rest_deadline is not None:
            self._check_rest()
        self._mind_the_head()
        self._hold_unread()

    def _hold_unread(self) -> None:
        """Count the unread bytes: the beginning of a head, or requests behind one that is being handled."""
        held, size = self.unread_held, self.conn.unread_bytes
        if held is None or (size < _COUNTED and not held.amount):
            return
        if not held.settle(size if size >= _COUNTED else 0) and not self.transport.is_closing():
            self.conn.forget_unread()
            self._refuse("too much waits to be read; try again later", 503)

    def _failed(self, error: Exception) -> None:
        """Report an error of zefnb to the journal, and send 500."""
        if isinstance(error, OSError):  # the peer has disconnected
            return self.transport.abort()
        self.on_fault(error)
        try:
            self._refuse("Internal Server Error", 500)
        except Exception:
            self.transport.abort()
        return None

    # Deadlines

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
        if self.conn.unread:
            self._refuse("the head took too long", 408)
        else:
            self.connections.discard(self)
            self.transport.abort()

    def _mind_the_head(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._head_came()
        elif self.conn.unread:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self.has_left = True
        self._head_came()
        super().connection_lost(exc)
        on_left, self.on_left = self.on_left, None
        if on_left is not None:
            on_left()
        self._let_go()

    def _let_go(self) -> None:
        """Break the reference cycle of a request and its peer, so that it needs no garbage collection."""
        self._rest_came()
        self._look_no_more()
        if self.unread_held is not None:
            self.unread_held.release()
        self.app_state = {}
        self._asking = None
        self.scope = self.cycle = None  # type: ignore[assignment]

    # The rest of a request behind its response

    def _expect_rest(self) -> None:
        if self.conn.their_state is h11.SEND_BODY and self._rest_deadline is None:
            self._rest_deadline = self.loop.call_later(REST_WITHIN, self._close_gently)

    def _check_rest(self) -> None:
        if self.conn.rest_bytes > REST_LIMIT:
            self._rest_came()
            self._close_gently()
        elif self.conn.their_state is not h11.SEND_BODY:
            self._rest_came()

    def _rest_came(self) -> None:
        if self._rest_deadline is not None:
            self._rest_deadline.cancel()
        self._rest_deadline = None

    # A peer that does not read

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look_soon()

    def _look_soon(self) -> None:
        if self._looking is None:
            self._taken, self._taken_at = self._bytes_taken(), self.loop.time()
            self._looking = self.loop.call_later(_LOOK_EVERY, self._look)

    def _look(self) -> None:
        """Check, while bytes wait to be written, whether the peer has taken any since the last check."""
        self._looking = None
        if not self.transport.get_write_buffer_size():
            return
        taken, now = self._bytes_taken(), self.loop.time()
        if taken != self._taken:
            self._taken, self._taken_at = taken, now
        else:
            within = SCARCE_PROGRESS_WITHIN if self.is_scarce() else ANSWER_PROGRESS_WITHIN
            if now - self._taken_at > within:
                self.on_refused(0, f"took nothing of its answer for {within:.0f} s")
                self.transport.abort()
                return
        self._looking = self.loop.call_later(_LOOK_EVERY, self._look)

    def _look_no_more(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def _bytes_taken(self) -> int:
        return self.conn.sent_bytes - self.transport.get_write_buffer_size() - unsent_bytes(self.transport)

    # Upgrades, responses and refusals

    def _should_upgrade(self) -> bool:
        return self.scope["method"] == "GET" and self._get_upgrade() == b"websocket"

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._head_came()
        names = [name for name, _ in self.headers]
        if event.http_version != b"1.1" or b"content-length" in names or b"transfer-encoding" in names:
            return self._refuse("a WebSocket handshake is HTTP/1.1 and has no body")
        if self._pipelined:
            return self._refuse("a WebSocket handshake cannot be pipelined behind a request")
        head = self.original(head_of(self.scope, is_handshake=True))
        decision = self.decide(head)
        if not isinstance(decision, Ask):
            return self._decided(head, decision)
        self.flow.hold(True)
        self._asking = self.loop.create_task(self._ask(head, decision))
        self.tasks.add(self._asking)
        self._asking.add_done_callback(self.tasks.discard)
        return None

    async def _ask(self, head: RequestHead, ask: Ask[Accepted]) -> None:
        try:
            decision = await ask.settle()
            if not self.transport.is_closing():
                self.flow.hold(False)
                self._decided(head, decision)
        except Exception as error:
            self._failed(error)

    def _decided(self, head: RequestHead, decision: Accepted | Reply) -> None:
        if isinstance(decision, Reply):
            self.on_reply(decision)
            return self._reply(decision, head)
        # Frames may follow the handshake in the same segment.
        following = self.conn.unread
        protocol: Any = self.accept(self.transport, head, decision)
        if isinstance(protocol, Reply):
            return self._reply(protocol, head)
        self.connections.discard(self)
        self._let_go()
        if following:
            protocol.data_received(following)
        return None

    def shutdown(self) -> None:
        """Close the connection: the server stops."""
        if self._asking is None:
            super().shutdown()
        else:
            self.transport.close()

    def _refuse(self, why: str, status: int = 400) -> None:
        self.conn.refusal = status
        self.send_400_response(why)

    def on_response_complete(self) -> None:
        self._pipelined = bool(self.conn.unread)
        try:
            self.conn.begin_turn()
            super().on_response_complete()
            self._read()
        except Exception as error:  # parsing continues with bytes from the peer
            self._failed(error)
        self._pipelined = False
        self._expect_rest()
        if not self.transport.is_closing() and self.transport.get_write_buffer_size():
            self._look_soon()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request with the status that fits, and close."""
        self.on_refused(self.conn.refusal, msg)
        self._reply(refuse(self.conn.refusal, msg))

    def _reply(self, reply: Reply, head: RequestHead | None = None) -> None:
        """Send this in place of the requested response, and close."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self.transport.is_closing():
            self.on_replied(reply.status, self.client[0] if self.client else "", head)
            given = [(name, value) for name, value in reply.headers if name != "connection"]
            headers = [
                *self.server_state.default_headers,
                *((name.encode("latin-1"), value.encode("latin-1")) for name, value in given),
                (b"x-content-type-options", b"nosniff"),
                (b"content-length", b"%d" % len(reply.body)),
                (b"connection", b"close"),
            ]
            phrase = STATUS_PHRASES.get(reply.status) or _NO_PHRASE
            response = h11.Response(status_code=reply.status, reason=phrase, headers=headers)
            for part in (response, h11.Data(data=b"" if self.conn.is_head else reply.body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(part) or b"")
        self.connections.discard(self)
        if self.cycle is not None:
            # A handler that still reads the invalid body must not send a second response.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._close_gently()

    def _close_gently(self) -> None:
        """Send FIN, and close a second later: closing with unread bytes would reset the connection.

        The peer would then lose what it has yet to read.
        """
        if self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.transport.set_protocol(_Ending(self.transport, self.loop, self.connection_lost))
        else:
            self.transport.close()


class _Ending(asyncio.Protocol):
    """Reads and drops further bytes, for at most a second and 16 MiB."""

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, lost: Callable[[Exception | None], None]
    ) -> None:
        self._lost = lost
        self._timer = loop.call_later(1.0, transport.abort)
        self._transport = transport
        self._received = 0

    def data_received(self, data: bytes) -> None:
        """Drop the bytes, and abort when there are too many."""
        self._received += len(data)
        if self._received > _ENDING_LIMIT:
            self._transport.abort()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._lost(exc)
