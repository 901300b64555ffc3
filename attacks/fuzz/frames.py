"""Frames: after a good handshake, any bytes have the meaning of RFC 6455, however they are cut."""

from __future__ import annotations

from attacks.fuzz.memory import LIMIT, Conversations, in_pieces
from attacks.fuzz.reading import CLOSE, PONG, read
from tests.net.wire import handshake

PRELUDE = handshake("/ws")


def check(conversations: Conversations, data: bytes) -> None:
    """The first byte determines how the rest is cut. Raises `AssertionError` when server and reading differ."""
    if not data:
        return
    stream = data[1:]
    wanted = read(stream, LIMIT)
    written, received = conversations.hold((PRELUDE, *in_pieces(stream, data[0])))
    head, _, frames = written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 "), head
    pongs, close = replies(frames)
    assert received == wanted.messages, (received, wanted)
    assert pongs == wanted.pings, (pongs, wanted)
    assert close in wanted.close, (close, wanted)
    assert not (faults := conversations.faults()), faults


def replies(frames: bytes) -> tuple[list[bytes], int | None]:
    """Return the server's pongs, and the code of its close frame, after which nothing may follow."""
    pongs: list[bytes] = []
    while frames:
        opcode, length = frames[0] & 15, frames[1]
        assert (frames[0] >> 4, length <= 125) == (8, True), frames
        payload, frames = frames[2 : 2 + length], frames[2 + length :]
        assert len(payload) == length, payload
        if opcode == CLOSE:
            assert not frames, frames
            return pongs, int.from_bytes(payload[:2], "big") if payload else 1005
        assert opcode == PONG, opcode
        pongs.append(payload)
    return pongs, None
