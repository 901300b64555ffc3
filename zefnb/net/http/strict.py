"""A stricter h11: it refuses requests that h11 tolerates, parses in small pieces, and counts the bytes it sends."""

from __future__ import annotations

import math
import re
import time
from typing import Any, NoReturn

import h11

from zefnb.net.http.absolute_form import in_origin_form
from zefnb.net.http.chunks import limit_chunks

HEAD_LIMIT = 32_768
# More than browsers and proxies send. Each header takes a hundredth of a millisecond.
HEADERS_LIMIT = 100
# Bytes that h11 collects between the pieces of a body: the line that begins a chunk, and the trailers at the end.
TRAILERS_LIMIT = 2_048
# Bytes that h11 gets at once: it copies its whole buffer for each chunk of a body, and reads a head line by line.
_CHUNK = 1_024
_BODY_CHUNK = 65_536
# The same end of a head as in h11.
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_FOLDED = re.compile(rb"\r?\n[ \t]")
# In the lines of a head. h11 refuses a carriage return within a line.
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LENGTH = re.compile(rb"\ncontent-length:([^\n]*)", re.IGNORECASE)


class StrictConnection(h11.Connection):
    """h11 that also refuses folded headers, two lengths for one body, and endless heads."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, HEAD_LIMIT)
        self.refusal = 400
        self.sent_bytes = 0
        # The head of a response whose body has yet to be sent.
        self._head = b""
        # The number of bytes of a body that arrived after its response.
        self.rest_bytes = 0
        # Whether the request is HEAD, whose response has no body.
        self.is_head = False
        # Received bytes that h11 has not got yet; `has_more` when parsing only waits for time.
        self._waiting = bytearray()
        self.has_more = False
        self._until = math.inf
        # Whether something has been parsed since the time was set: each turn makes some progress.
        self._has_begun = False
        self._chunk = _CHUNK
        # The number of searched bytes of an incomplete head: when more arrive, the search continues there.
        self._searched = 0

    def set_deadline(self, deadline: float) -> None:
        """Set the time (`time.monotonic`) until which there are events. One step is always possible."""
        self._until = deadline
        self._has_begun = False

    def pause_events(self, is_paused: bool) -> None:
        """Return no events until the next `set_deadline`, or events without a deadline."""
        self._until, self._has_begun = (0.0 if is_paused else math.inf), is_paused

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer, or `b""` at its end. Bytes behind its last request are dropped."""
        if self.their_state is h11.MUST_CLOSE:
            return
        if data:
            self._waiting += data
        else:
            super().receive_data(data)

    @property
    def unread(self) -> bytes:
        """The received bytes that are not part of an event yet."""
        return self.trailing_data[0] + bytes(self._waiting)

    @property
    def unread_bytes(self) -> int:
        """The number of unread bytes."""
        return len(self._receive_buffer) + len(self._waiting)

    def drop_unread(self) -> None:
        """Drop the bytes that h11 has not got: the connection is closed, so they are not needed."""
        self._waiting.clear()

    # Names of h11, which are not public; tests/net/http/test_guard.py checks them.
    _receive_buffer: Any
    _reader: Any

    def next_event(self) -> Any:
        """The next event. Raises `h11.RemoteProtocolError` for requests that the guard refuses."""
        self.has_more = False
        while not self._is_late():
            event = self._next_event()
            if event is not h11.NEED_DATA:
                self._has_begun = True
                return event
            if not self._waiting:
                return event
            self._has_begun = True
            super().receive_data(bytes(self._waiting[: self._chunk]))
            del self._waiting[: self._chunk]
        self.has_more = True
        return h11.NEED_DATA

    def _is_late(self) -> bool:
        """Whether parsing has to wait for a later turn."""
        return self._has_begun and time.monotonic() > self._until

    def _next_event(self) -> Any:
        state = self.their_state
        if state is h11.MUST_CLOSE:
            # h11 would refuse a request because of bytes behind it, but only if they arrive together. RFC 9112,
            # section 9.6: after `Connection: close` nothing more is read.
            self._waiting.clear()
            return h11.NEED_DATA
        head = b""
        if state is h11.IDLE:
            received, has_ended = self.trailing_data
            if not received and not has_ended:
                return h11.NEED_DATA  # as h11 does, after a search for the end of a head
            head = self._check_head(received)
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            self.refusal = error.error_status_hint
            raise
        if event is h11.NEED_DATA:
            if self.their_state is h11.SEND_BODY:
                self._check_between_pieces()
            return event
        self._searched = 0
        if type(event) is h11.Request:
            self.rest_bytes = 0
            self.is_head = event.method == b"HEAD"
            self._check_request(event, head)
            self._reader = limit_chunks(self._reader)
            event = self._in_origin_form(event)
        elif type(event) is h11.Data and self.our_state is h11.DONE:
            self.rest_bytes += len(event.data)
        elif type(event) is h11.EndOfMessage:
            self._chunk = _CHUNK
        return event

    def send(self, event: Any) -> Any:
        """The bytes of an event, counted. A head is sent together with the next event, which saves a system call."""
        data = super().send(event)
        if type(event) is h11.Response:
            self._head = data
            return b""
        if self._head and data is not None:
            data, self._head = self._head + data, b""
        self.sent_bytes += len(data) if data else 0
        return data

    def _check_between_pieces(self) -> None:
        if len(self.trailing_data[0]) > TRAILERS_LIMIT:
            self._refuse("too much between the pieces of a body", 431)

    def _check_head(self, received: bytes) -> bytes:
        """The head, or the part of it that has been received."""
        end = _END_OF_HEAD.search(received, self._searched)
        length = len(received) if end is None else end.start()
        if length > HEAD_LIMIT:
            self._refuse("request head too large", 431)
        if _FOLDED.search(received, self._searched, length):
            self._refuse("folded header", 400)
        if end is not None and received.count(b"\n", 0, length) > HEADERS_LIMIT:
            self._refuse(f"more than {HEADERS_LIMIT} headers", 431)
        # A match may have begun in the last three bytes.
        self._searched = max(0, length - 3)
        return received[:length]

    def _check_request(self, request: h11.Request, head: bytes) -> None:
        if request.http_version not in (b"1.0", b"1.1"):
            self._refuse("the version must be HTTP/1.0 or HTTP/1.1", 400)
        names = {name.lower() for name, _ in request.headers.raw_items()}
        if b"content-length" in names and b"transfer-encoding" in names:
            self._refuse("both Content-Length and Transfer-Encoding", 400)
        if request.http_version == b"1.0" and b"transfer-encoding" in names:
            # RFC 9112, section 6.1: a proxy of HTTP/1.0 ignores it, and finds another end of the body.
            self._refuse("Transfer-Encoding in HTTP/1.0", 400)
        if b"content-length" in names:
            self._check_length(head)
            self._chunk = _BODY_CHUNK
        if _CONTROL.search(head):
            self._refuse("control character in a header", 400)

    def _in_origin_form(self, request: h11.Request) -> h11.Request:
        try:
            return in_origin_form(request)
        except ValueError as error:
            self._refuse(str(error), 400)

    def _check_length(self, head: bytes) -> None:
        """Refuse two lengths, even equal ones, which h11 accepts. A proxy may not agree (RFC 9112, section 6.3)."""
        lengths = _LENGTH.findall(head)
        if len(lengths) != 1 or b"," in lengths[0]:
            self._refuse("more than one Content-Length", 400)

    def _refuse(self, reason: str, status: int) -> NoReturn:
        self.refusal = status
        self._waiting.clear()
        raise h11.RemoteProtocolError(reason, error_status_hint=status)
