"""Frames of RFC 6455, section 5.2: building those of a server, and measuring those of a client."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

TEXT = 0x1
BINARY = 0x2
CLOSE = 0x8
FIN = 0x80
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
_SMALL = {opcode: tuple(bytes((FIN | opcode, length)) for length in range(126)) for opcode in (TEXT, BINARY)}

# The first byte of a whole, unfragmented, uncompressed frame.
WHOLE_TEXT = FIN | TEXT
WHOLE_BINARY = FIN | BINARY
WHOLE_CLOSE = FIN | CLOSE


def build(opcode: int, payload: bytes) -> bytes:
    """One unfragmented frame from a server: not masked.

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

    def breach(self, first: int, limit: int) -> tuple[int, str] | None:
        """Close code and reason when the frame is wrong by its head alone, of which `first` is the first byte.

        >>> Head(8, 1000, True).breach(WHOLE_TEXT, 999)
        (1009, 'more than 999 bytes')
        """
        shortest = 2 if self.length <= SHORT else 4 if self.length < 65_536 else 10
        if not self.masked:
            return 1002, "a client masks"
        if first & 0x07 > BINARY:
            return 1002, "reserved opcode"
        if self.payload_at - 4 != shortest:
            return 1002, "the length is not in the fewest bytes"
        if first & 0x08:
            return (1002, "control frame too long") if self.length > SHORT else None
        return (1009, f"more than {limit} bytes") if self.length > limit else None


def head_of(data: bytes | memoryview) -> Head | None:
    """The head of the frame at the start of `data`; `None` when more bytes are needed to tell.

    >>> head_of(b'\\x81\\x85abcdhello')
    Head(payload_at=6, length=5, masked=True)
    """
    if len(data) < 2:
        return None
    masked = bool(data[1] & 0x80)
    length, at = data[1] & 0x7F, 2
    if length >= 126:
        at = 4 if length == 126 else 10
        if len(data) < at:
            return None
        length = int.from_bytes(data[2:at], "big")
    return Head(at + 4 if masked else at, length, masked)


class Fragments:
    """A message that comes in pieces, joined as they come: endless empty ones must not add up to anything."""

    # A client's frame that ends one and adds nothing, its mask all zeros.
    LAST = bytes((FIN, 0x80, 0, 0, 0, 0))

    __slots__ = ("opcode", "payload")

    def __init__(self, opcode: int) -> None:
        self.opcode = opcode
        self.payload = bytearray()

    def add(self, data: bytes | bytearray | memoryview) -> int:
        """Append the next one; answers how long the message is by now."""
        if not self.payload and isinstance(data, bytearray):
            # What was unpacked is nobody else's, and may be long.
            self.payload = data
        else:
            self.payload += data
        return len(self.payload)
