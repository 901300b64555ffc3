"""The subprotocol `zefnb.1`: plain messages, which both sides count, and control messages, which begin with NUL.

A control message is a text frame of NUL and a JSON object with a `type`. A text of the program that begins with NUL has
one more NUL in front. So nothing is added to other messages, and all sockets of a topic share their frames.
docs/subprotocol.md describes the whole.
"""

from __future__ import annotations

import json
from typing import Any

from zefnb.net.websocket.frames import TEXT, WHOLE_TEXT, build, head_of

NAME = "zefnb.1"
# A header of the response to a handshake: by it, a client distinguishes a server that speaks the subprotocol from one
# that accepts any name.
MARK = "Zefnb-Session"
NUL = "\0"
_NUL = 0
# Bytes that a control message of a client may have, also where messages have to be shorter.
CONTROL_LIMIT = 512
# Messages after which a side acknowledges them at once.
ACK_EVERY = 64
_LARGEST = 1 << 53
# A connection that ends with one of these codes can be resumed: they do not mean that a side wants it to end.
_RESUMABLE = frozenset({1001, 1005, 1006, 1011, 1012, 1013, 1014})


def is_resumable(code: int | None) -> bool:
    """Whether a client comes back after this close code (RFC 6455, section 7.4)."""
    return code is None or code in _RESUMABLE


def control(kind: str, **fields: Any) -> bytes:
    """The frame of a control message.

    >>> control('ack', received=3)
    b'\\x81\\x1c\\x00{"type":"ack","received":3}'
    """
    return build(TEXT, control_text(kind, **fields).encode())


def control_text(kind: str, **fields: Any) -> str:
    """The text of a control message.

    >>> control_text('ack', received=3)
    '\\x00{"type":"ack","received":3}'
    """
    return NUL + json.dumps({"type": kind, **fields}, separators=(",", ":"))


def parse_control(message: str) -> dict[str, Any] | None:
    """The fields of a control message of a client; `None` for an invalid one.

    >>> parse_control('\\0{"type":"bye"}'), parse_control('\\0{}'), parse_control('hello')
    ({'type': 'bye', 'received': 0, 'confirmed': 0}, None, None)
    """
    if not message.startswith(NUL):
        return None
    try:
        fields = json.loads(message[1:])
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or not isinstance(fields.get("type"), str):
        return None
    for name in ("received", "confirmed"):
        number = fields.setdefault(name, 0)
        if type(number) is not int or not 0 <= number < _LARGEST:
            return None
    return fields


def is_control(message: str | bytes) -> bool:
    """Whether a received message is a control message."""
    return isinstance(message, str) and message[:1] == NUL and message[1:2] != NUL


def unescaped(message: str | bytes) -> str | bytes:
    """A received message as the program of the other side has sent it."""
    return message[1:] if isinstance(message, str) and message[:1] == NUL else message


def is_escaped(opcode: int, payload: bytes) -> bool:
    """Whether this message of the program gets one more NUL."""
    return opcode == TEXT and payload[:1] == b"\0"


def escaped(data: bytes) -> bytes:
    """Whole frames of a server, with one more NUL in front of each text that begins with one.

    >>> escaped(b'\\x81\\x02hi' + b'\\x81\\x01\\x00')
    b'\\x81\\x02hi\\x81\\x02\\x00\\x00'
    """
    frames, at = [], 0
    while at < len(data):
        head = head_of(data, at)
        assert head is not None
        start = at + head.payload_at
        end = start + head.length
        is_text = data[at] == WHOLE_TEXT and head.length > 0 and data[start] == _NUL
        frames.append(build(TEXT, b"\0" + data[start:end]) if is_text else data[at:end])
        at = end
    return b"".join(frames)


def without_first(data: bytes, count: int) -> bytes:
    """Whole frames of a server without the first `count` of them.

    >>> without_first(b'\\x81\\x02hi\\x81\\x01a', 1)
    b'\\x81\\x01a'
    """
    at = 0
    for _ in range(count):
        head = head_of(data, at)
        assert head is not None
        at += head.payload_at + head.length
    return data[at:]
