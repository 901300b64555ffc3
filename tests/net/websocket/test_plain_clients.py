"""Plain clients: without a subprotocol of zefnb's own, each byte on the wire is as recorded here."""

from __future__ import annotations

import re
from typing import Any

from tests.net.wire import BINARY, closing, frame
from zefnb import FX, run

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\nDate: today\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)
FRAMES = (
    b"\x81\x02hi"
    b"\x82\x03\x00\x01\x02"
    b'\x81\x08{"a": 1}'
    b"\x81\x7e\x00\xc8" + b"x" * 200 + b"\x81\x00"
    b"\x8a\x04ping"
    b"\x88\x05\x03\xe8bye"
)


def test_a_plain_client_gets_the_recorded_bytes(chat: Any, topic: Any, raw: Any):
    wire = raw(chat, None)
    wire.send(HANDSHAKE)
    while b"\r\n\r\n" not in wire.received:
        assert wire._more()
    head, _, rest = bytes(wire.received).partition(b"\r\n\r\n")
    assert rest == b""  # no message precedes the first one
    wire.received.clear()
    wire.send(frame("hi"), frame(b"\x00\x01\x02", BINARY))
    got = wire._take(9)
    FX.Publish(target=topic, content={"a": 1}) | run
    got += wire._take(10)
    wire.send(frame("x" * 200), frame(""))
    got += wire._take(206)
    wire.send(frame(b"ping", 9), closing(1000, "bye"))
    assert got + wire.read_end() == FRAMES
    assert re.sub(rb"\r\nDate: [^\r]*", b"\r\nDate: today", head) == RESPONSE
