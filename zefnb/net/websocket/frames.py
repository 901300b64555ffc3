"""Frames of RFC 6455, section 5.2: builds those of a server, and measures those of a client."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

TEXT = 0x1
BINARY = 0x2
CLOSE = 0x8
PING = 0x9
PONG = 0xA
# The bits of a frame's first byte: the end of a message, packed (RFC 7692), all reserved bits, the opcode, and the
# opcode's bit for control frames.
FIN = 0x80
PACKED = 0x40
RESERVED = 0x70
OPCODE = 0x0F
CONTROL = 0x08
# The longest payload of a control frame, and of a frame whose head has two bytes.
SHORT = 125

apply_mask: Callable[[Any, Any], bytes]
try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform for which websockets has no compiled wheel
    from websockets.utils import apply_mask as _apply_mask

    def apply_mask(data: Any, mask: Any) -> bytes:
        """`data` with the client's mask taken off."""
        return _apply_mask(bytes(data), bytes(mask))


_short = struct.Struct("!BBH").pack
_long = struct.Struct("!BBQ").pack
_OPCODES = (TEXT, BINARY, TEXT | PACKED, BINARY | PACKED, PING, PONG)
_SMALL = {opcode: tuple(bytes((FIN | opcode, length)) for length in range(126)) for opcode in _OPCODES}

MOST_FRAGMENTS = 4_096
_LEAST_FRAGMENT = 256

# The first byte of a whole, unfragmented, uncompressed frame.
WHOLE_TEXT = FIN | TEXT
WHOLE_BINARY = FIN | BINARY
WHOLE_CLOSE = FIN | CLOSE


def build(opcode: int, payload: bytes) -> bytes:
    """One unfragmented frame of a server, which is not masked.

    >>> build(TEXT, b'hi')
    b'\\x81\\x02hi'
    """
    length = len(payload)
    if length < 126:
        return _SMALL[opcode][length] + payload
    if length < 65_536:
        return _short(FIN | opcode, 126, length) + payload
    return _long(FIN | opcode, 127, length) + payload


class Head(NamedTuple):
    """The start of a client's frame: where its payload begins, and how long it is."""

    payload_at: int
    length: int
    masked: bool

    def violation(self, first: int, limit: int) -> tuple[int, str] | None:
        """Close code and reason when the head alone, of which `first` is the first byte, breaks the protocol.

        >>> Head(8, 1000, True).violation(WHOLE_TEXT, 999)
        (1009, 'more than 999 bytes')
        """
        shortest = 2 if self.length <= SHORT else 4 if self.length < 65_536 else 10
        if not self.masked:
            return 1002, "a client must mask its frames"
        if first & 0x07 > BINARY:
            return 1002, "reserved opcode"
        if self.payload_at - 4 != shortest:
            return 1002, "the length does not use the fewest bytes"
        if first & 0x08:
            return (1002, "control frame too long") if self.length > SHORT else None
        return (1009, f"more than {limit} bytes") if self.length > limit else None


def head_of(data: bytes | memoryview, start: int = 0) -> Head | None:
    """The head of the frame that starts at `start` in `data`; `None` when it is not complete.

    >>> head_of(b'\\x81\\x85abcdhello')
    Head(payload_at=6, length=5, masked=True)
    """
    if len(data) < start + 2:
        return None
    second = data[start + 1]
    masked = second >= 0x80
    length, at = second & 0x7F, 2
    if length >= 126:
        at = 4 if length == 126 else 10
        if len(data) < start + at:
            return None
        length = int.from_bytes(data[start + 2 : start + at], "big")
    return Head(at + 4 if masked else at, length, masked)


class Fragments:
    """A message that arrives in fragments, joined on arrival: an endless row of empty ones must not use up memory."""

    __slots__ = ("count", "is_packed", "opcode", "payload")

    def __init__(self, opcode: int, is_packed: bool = False) -> None:
        self.opcode = opcode
        self.is_packed = is_packed
        self.payload = bytearray()
        self.count = 0

    def violation(self, length: int, limit: int) -> tuple[int, str] | None:
        """Close code and reason when `length` more bytes are too long, or this fragment is one too many.

        A message has at most 4,096 fragments, more only where `limit` allows 256 bytes for each.
        """
        # Deflate makes incompressible data a few bytes longer, and a message's last fragment may hold no data at all.
        allowed = limit + SHORT + length // 1_024 if self.is_packed else limit
        if len(self.payload) + length > allowed:
            return 1009, f"more than {limit} bytes"
        most = max(MOST_FRAGMENTS, limit // _LEAST_FRAGMENT)
        return (1009, f"more than {most} fragments") if self.count >= most else None

    def add(self, data: bytes | bytearray | memoryview) -> None:
        """Append the next fragment."""
        self.count += 1
        if not self.payload and isinstance(data, bytearray):
            # No copy: the caller does not use unpacked bytes again, and they may be long.
            self.payload = data
        else:
            self.payload += data
