"""A simple reading of RFC 6455, section 5: the meaning of a client's bytes for a server. Slow, but simple."""

from __future__ import annotations

from dataclasses import dataclass, field

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NORMAL = {1000, 1001, 1002, 1003, *range(1007, 1015)}


@dataclass
class Reading:
    """The messages and pings in the bytes, and the allowed close codes; `None` when the connection stays open."""

    messages: list[str | bytes] = field(default_factory=list)
    pings: list[bytes] = field(default_factory=list)
    close: set[int | None] = field(default_factory=lambda: {None})


def read(stream: bytes, limit: int) -> Reading:
    """Read frames from the start, until they end or one ends the connection."""
    reading = Reading()
    begun: tuple[int, bytes] | None = None
    while len(stream) >= 2:
        fin, rsv, opcode = stream[0] >> 7, stream[0] >> 4 & 7, stream[0] & 15
        masked, length, at = stream[1] >> 7, stream[1] & 127, 2
        if length > 125:
            at = 4 if length == 126 else 10
            length = int.from_bytes(stream[2:at], "big") if len(stream) >= at else None  # type: ignore[assignment]
        wrong: set[int | None] = set()
        control = opcode in (CLOSE, PING, PONG)
        if rsv or opcode not in (CONT, TEXT, BINARY, CLOSE, PING, PONG) or not masked:
            wrong.add(1002)
        if length is not None and at != (2 if length < 126 else 4 if length < 1 << 16 else 10):
            wrong.add(1002)
        if control and (not fin or stream[1] & 127 > 125):
            wrong.add(1002)
        if (opcode == CONT and begun is None) or (opcode in (TEXT, BINARY) and begun is not None):
            wrong.add(1002)
        if length is not None and not control and length + (len(begun[1]) if begun else 0) > limit:
            wrong.add(1009)
        whole = length is not None and len(stream) >= at + 4 + length
        if wrong:
            # A server may judge the frame before it is complete, or only afterwards.
            reading.close = wrong if whole else wrong | {None}
            return reading
        if not whole:
            return reading
        mask = stream[at : at + 4]
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(stream[at + 4 : at + 4 + length]))
        stream = stream[at + 4 + length :]
        if opcode == PING:
            reading.pings.append(payload)
        elif opcode == CLOSE:
            reading.close = closing(payload)
            return reading
        elif not control:
            first, before = begun or (opcode, b"")
            begun = None if fin else (first, before + payload)
            if fin and not take(reading, first, before + payload):
                return reading
    return reading


def take(reading: Reading, opcode: int, payload: bytes) -> bool:
    """Add a message; return false when it is invalid text."""
    try:
        reading.messages.append(payload.decode() if opcode == TEXT else payload)
    except UnicodeDecodeError:
        reading.close = {1007}
        return False
    return True


def closing(payload: bytes) -> set[int | None]:
    """Return the allowed replies to a close frame (sections 5.5.1 and 7.4); 1005 means an empty one."""
    if not payload:
        return {1005}
    code = int.from_bytes(payload[:2], "big")
    wrong: set[int | None] = set()
    if len(payload) == 1 or not (code in NORMAL or 3000 <= code <= 4999):
        wrong.add(1002)
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        wrong.add(1007)
    return wrong or {code}
