"""The guard: uvicorn's HTTP protocol with deadlines, limits and strict checks.

The parts of uvicorn that it uses (the constructor, `conn`, `flow`, `handle_websocket_upgrade`, `send_400_response`,
`on_response_complete`) are not public. tests/net/http/test_guard.py checks them, and the minor version is pinned.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from time import monotonic
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from zefnb.net.budget import Share
from zefnb.net.http.decision import Accepted, Decision, Pending, Reply, refuse
from zefnb.net.http.lingering_close import close_lingering
from zefnb.net.http.parse_flow import ParseFlow
from zefnb.net.http.reply_events import reply_events
from zefnb.net.http.request_head import RequestHead, head_of
from zefnb.net.http.response_progress import ResponseProgress
from zefnb.net.http.strict import StrictConnection
from zefnb.net.read_scheduler import ReadScheduler

HEAD_TIMEOUT = 5.0
KEEP_ALIVE_TIMEOUT = 30.0
# Bytes of a body, and seconds, that are read after its response has been sent, so that the peer can read the response.
REST_LIMIT = 1 << 20
REST_TIMEOUT = 10.0
# Seconds until an expired deadline is tested again, when received bytes wait to be parsed.
_UNPARSED_PAUSE = 0.25
# The value of SO_LINGER that makes the end of a connection a reset.
_RESET = struct.pack("ii", 1, 0)
# Seconds that a response takes at least, on the loop: a loop iteration parses as many requests as it can respond to.
RESPONSE_TIME = 0.0003
# Unread bytes are counted from this number on.
_COUNTED = 4_096


class GuardedHTTP(H11Protocol):
    """One HTTP connection: each head must arrive within 5 s and have at most 32 KiB, and upgrades must be valid.

    A peer that does not read its response, or sends an endless body behind it, is disconnected. All connections share
    the time for parsing, and zefnb's own errors while it reads are not left to asyncio.
    """

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any], _loop: Any = None) -> None:
        super().__init__(config, server_state, {**app_state, "peer": self}, _loop)
        self.conn: StrictConnection = StrictConnection()
        self.reads: ReadScheduler
        self.is_queued = False
        # The gate's decision about a handshake, and the call that makes this connection a WebSocket or rejects it.
        self.original: Callable[[RequestHead], RequestHead]
        self.decide: Callable[[RequestHead], Decision]
        self.accept: Callable[[asyncio.Transport, RequestHead, Accepted], asyncio.BaseProtocol | Reply]
        self.on_reply: Callable[[Reply], None] = lambda reply: None
        self.on_refused: Callable[[int, str], None] = lambda status, reason: None
        # Called after a response without the application: with the status, the peer, and the request if it is readable.
        self.on_replied: Callable[[int, str, RequestHead | None], None] = lambda status, client_ip, head: None
        self.on_error: Callable[[Exception], None] = lambda error: None
        self.on_close: Callable[[], None] | None = None
        # Whether responses have used up much of their budget.
        self.is_scarce: Callable[[], bool] = lambda: False
        self.is_closed = False
        # Received bytes that are not parsed yet; more than some KiB count in the budget of bodies.
        self.unread_share: Share | None = None
        # The task that waits for the gate's decision about a handshake.
        self._decision_task: asyncio.Task[None] | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._pipelined = False
        # The deadline for the rest of a request whose response has already been sent.
        self._rest_timer: asyncio.TimerHandle | None = None
        self._progress: ResponseProgress | None = None
        # The deadline for the first head, by the loop's clock. It counts from when the connection was accepted.
        self.head_due = self.loop.time() + HEAD_TIMEOUT

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow: ParseFlow = ParseFlow(transport)
        self._progress = ResponseProgress(self.loop, transport, self.conn)
        self._head_timer = self.loop.call_at(self.head_due, self._on_head_timeout)

    # Reading

    def data_received(self, data: bytes) -> None:
        try:
            self._unset_keepalive_if_required()
            self.conn.receive_data(data)
            deadline = self.reads.deadline()
            if not self.is_queued and monotonic() < deadline:
                self._parse(deadline)
            else:
                self._parse_later()
        except Exception as error:
            self._on_exception(error)

    def parse_until(self, deadline: float) -> None:
        """Parse received bytes until `deadline` (`time.monotonic`), and queue again when some are left."""
        if not self._can_parse:
            return
        try:
            self._parse(deadline)
        except Exception as error:
            self._on_exception(error)

    def handle_events(self) -> None:
        super().handle_events()
        if self._can_parse:
            self.flow.enforce()

    @property
    def _can_parse(self) -> bool:
        return not self.transport.is_closing() and self.transport.get_protocol() is self

    def _parse(self, deadline: float) -> None:
        self.conn.set_deadline(deadline)
        previous = self.cycle
        self.handle_events()
        if self.cycle is not previous:
            self.reads.reserve(RESPONSE_TIME)
        if not self._can_parse:
            return
        if self.conn.has_more:
            return self._parse_later()
        self._pipelined = False
        if self._decision_task is None:
            # Requests wait behind the current one. Reading its body would otherwise resume the reading of the socket.
            self.flow.set_unparsed(self.conn.their_state is h11.DONE and self.conn.unread_bytes >= _COUNTED)
        self._after_parsing()

    def _parse_later(self) -> None:
        """Parse the rest, for which there was no time, in a later loop iteration."""
        # A short request may wait without the system calls of a pause.
        if self.conn.unread_bytes >= _COUNTED:
            self.flow.set_unparsed(True)
        self.reads.add(self)
        self._after_parsing()

    def _after_parsing(self) -> None:
        if self._rest_timer is not None:
            self._check_rest()
        self._update_head_timer()
        self._count_unread()

    def _count_unread(self) -> None:
        """Count the unread bytes: the beginning of a head, or requests behind one that is being handled."""
        share, size = self.unread_share, self.conn.unread_bytes
        if share is None or (size < _COUNTED and not share.amount):
            return
        if not share.settle(size if size >= _COUNTED else 0) and not self.transport.is_closing():
            self.conn.drop_unread()
            self._refuse("too many requests wait to be read; try again later", 503)

    def _on_exception(self, error: Exception) -> None:
        """Report an error of zefnb to the journal, and send 500."""
        if isinstance(error, OSError):  # the peer has disconnected
            return self.transport.abort()
        self.on_error(error)
        try:
            self._refuse("Internal Server Error", 500)
        except Exception:
            self.transport.abort()
        return None

    # Deadlines

    def _start_head_timer(self, seconds: float | None = None) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT if seconds is None else seconds, self._on_head_timeout)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _on_head_timeout(self) -> None:
        self._head_timer = None
        if self.transport.is_closing():
            return
        if self.is_queued:
            # Its bytes have arrived and wait to be parsed, which is not the client's delay.
            self._start_head_timer(_UNPARSED_PAUSE)
        elif self.conn.unread_bytes:
            self._refuse("the head took too long", 408)
        else:
            self.connections.discard(self)
            self.transport.abort()

    def has_body(self) -> bool:
        """Whether bytes of the body have arrived that wait to be parsed or handled, which is not the client's delay."""
        return self.is_queued or (self.cycle is not None and self.cycle.message_event.is_set())

    def _update_head_timer(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop_head_timer()
        elif self.conn.unread_bytes:
            self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True
        self._stop_head_timer()
        super().connection_lost(exc)
        on_close, self.on_close = self.on_close, None
        if on_close is not None:
            on_close()
        self._release()

    def _release(self) -> None:
        """Break the reference cycle of a request and its peer, so that it needs no garbage collection."""
        self._stop_rest_timer()
        if self._progress is not None:
            self._progress.stop()
        if self.unread_share is not None:
            self.unread_share.release()
        self.app_state = {}
        self._decision_task = None
        self.scope = self.cycle = None  # type: ignore[assignment]

    # The rest of a request behind its response

    def _start_rest_timer(self, seconds: float | None = None) -> None:
        if self.conn.their_state is h11.SEND_BODY and self._rest_timer is None:
            self._rest_timer = self.loop.call_later(REST_TIMEOUT if seconds is None else seconds, self._on_rest_timeout)

    def _on_rest_timeout(self) -> None:
        self._rest_timer = None
        if self.is_queued:
            self._start_rest_timer(_UNPARSED_PAUSE)
        else:
            self._close()

    def _check_rest(self) -> None:
        if self.conn.rest_bytes > REST_LIMIT:
            self._stop_rest_timer()
            self._close()
        elif self.conn.their_state is not h11.SEND_BODY:
            self._stop_rest_timer()

    def _stop_rest_timer(self) -> None:
        if self._rest_timer is not None:
            self._rest_timer.cancel()
        self._rest_timer = None

    # A peer that does not read

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_progress()

    def _watch_progress(self) -> None:
        if self._progress is not None:
            self._progress.watch(self.is_scarce, self._on_stalled)

    def _on_stalled(self, seconds: float) -> None:
        self.on_refused(0, f"read nothing of its response for {seconds:.0f} s")
        self.transport.abort()

    # Upgrades, responses and refusals

    def _should_upgrade(self) -> bool:
        return self.scope["method"] == "GET" and self._get_upgrade() == b"websocket"

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._stop_head_timer()
        names = [name for name, _ in self.headers]
        if event.http_version != b"1.1" or b"content-length" in names or b"transfer-encoding" in names:
            return self._refuse("a WebSocket handshake is HTTP/1.1 and has no body")
        if self._pipelined:
            return self._refuse("a WebSocket handshake cannot be pipelined behind a request")
        head = self.original(head_of(self.scope, is_handshake=True))
        decision = self.decide(head)
        if not isinstance(decision, Pending):
            return self._apply(head, decision)
        self.flow.set_unparsed(True)
        self._decision_task = self.loop.create_task(self._decide_later(head, decision))
        self.tasks.add(self._decision_task)
        self._decision_task.add_done_callback(self.tasks.discard)
        return None

    async def _decide_later(self, head: RequestHead, pending: Pending[Accepted]) -> None:
        try:
            decision = await pending.wait()
            if not self.transport.is_closing():
                self._apply(head, decision)
        except Exception as error:
            self._on_exception(error)

    def _apply(self, head: RequestHead, decision: Accepted | Reply) -> None:
        self.flow.set_unparsed(False)
        if isinstance(decision, Reply):
            self.on_reply(decision)
            return self._reply(decision, head)
        # Frames may follow the handshake in the same segment.
        frames = self.conn.unread
        protocol: Any = self.accept(self.transport, head, decision)
        if isinstance(protocol, Reply):
            return self._reply(protocol, head)
        self.connections.discard(self)
        self._release()
        if frames:
            protocol.data_received(frames)
        return None

    def shutdown(self) -> None:
        """Close the connection: the server stops."""
        if self._decision_task is None:
            super().shutdown()
        else:
            self.transport.close()

    def hand_over(self) -> asyncio.Transport | None:
        """End this protocol within a request. Returns the transport, for another protocol; `None` when it is closed."""
        if self.transport.is_closing():
            return None
        self._stop_head_timer()
        self.conn.drop_unread()
        self.flow.set_unparsed(False)
        self.flow.resume_reading()
        # Otherwise uvicorn would close the connection of a response that is not complete.
        self.cycle.response_started = self.cycle.response_complete = True
        self.connections.discard(self)
        self._release()
        return self.transport

    def _refuse(self, reason: str, status: int = 400) -> None:
        self.conn.refusal = status
        self.send_400_response(reason)

    def on_response_complete(self) -> None:
        self._pipelined = self.conn.unread_bytes > 0
        # Responses use up the time for further requests in this iteration.
        self.reads.deadline()
        try:
            # Requests behind this one wait for their turn.
            self.conn.pause_events(self._pipelined)
            super().on_response_complete()
            if self._can_parse and self.conn.has_more:
                self._parse_later()
            elif self._can_parse:
                self._after_parsing()
        except Exception as error:  # parsing continues with bytes from the peer
            self._on_exception(error)
        self._start_rest_timer()
        if not self.transport.is_closing() and self.transport.get_write_buffer_size():
            self._watch_progress()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request with the status that fits, and close."""
        self.on_refused(self.conn.refusal, msg)
        self._reply(refuse(self.conn.refusal, msg))

    def break_off(self) -> None:
        """End the connection within a response, so that the client sees that the response is not complete."""
        if self.conn.their_http_version == b"1.0":
            # The end of the connection is the end of the body there, so that only a reset is an error.
            with contextlib.suppress(OSError):
                self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()
        else:
            self.transport.close()

    def _reply(self, reply: Reply, head: RequestHead | None = None) -> None:
        """Send this in place of the requested response, and close."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self.transport.is_closing():
            self.on_replied(reply.status, self.client[0] if self.client else "", head)
            for event in reply_events(reply, self.server_state.default_headers, self.conn.is_head):
                self.transport.write(self.conn.send(event) or b"")
        self.connections.discard(self)
        if self.cycle is not None:
            # A handler that still reads the invalid body must not send a second response.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._close()

    def _close(self) -> None:
        close_lingering(self.transport, self.loop, self.connection_lost)
